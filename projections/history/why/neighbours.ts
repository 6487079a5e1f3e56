/** The events that one command wrote, found from one of them. */
import { type Decoded, decodeRecorded } from '../../../domain/codec.ts'
import type { RecordedEvent, StreamReader } from '../../../domain/ports.ts'
import { readEvents } from '../errors.ts'

const AT_ONCE = 8

const isSameCommand = (a: Decoded, b: Decoded): boolean =>
  a.metadata.command.id === b.metadata.command.id &&
  a.metadata.actor.kind === b.metadata.actor.kind &&
  a.metadata.actor.id === b.metadata.actor.id

/** An event that can't be read counts as one of another command. */
const neighbour = (event: RecordedEvent): Decoded | null => {
  const decoded = decodeRecorded(event)
  return decoded._tag === 'Right' ? decoded.right : null
}

/** The events up to the first of another command, and whether that was within the page. */
const takeSame = (
  page: ReadonlyArray<RecordedEvent>,
  of: Decoded,
  put: (decoded: Decoded) => void,
): boolean => {
  for (const event of page) {
    const next = neighbour(event)
    if (next === null || !isSameCommand(next, of)) return true
    put(next)
  }
  return page.length < AT_ONCE
}

/** All that the command of `decoded` wrote to its stream, in order. */
export const commandOf = async (log: StreamReader, decoded: Decoded): Promise<ReadonlyArray<Decoded>> => {
  const { stream } = decoded
  const group = [decoded]
  for (let from = decoded.revision - 1n; from >= 0n; from -= BigInt(AT_ONCE)) {
    const page = await readEvents(log, stream, { direction: 'backwards', from, limit: AT_ONCE })
    if (takeSame(page, decoded, (before) => group.unshift(before))) break
  }
  for (let from = decoded.revision + 1n; ; from += BigInt(AT_ONCE)) {
    const page = await readEvents(log, stream, { from, limit: AT_ONCE })
    if (takeSame(page, decoded, (after) => group.push(after))) break
  }
  return group
}
