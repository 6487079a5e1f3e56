/** Checks the moments kept beside a room's stream: folds its events from the first, trusting nothing that is kept, and
 *  compares. */
import * as E from 'fp-ts/lib/Either.js'
import { parseStreamName } from '../../domain/names.ts'
import type { StreamReader } from '../../domain/ports.ts'
import { provedJson } from '../audit/canonical.ts'
import { Failed, readEvents } from './errors.ts'
import type { Folding } from './folding.ts'
import { createKeeping, fromNothing, type ToWrite } from './keeping.ts'
import { EVERY, marksOf, momentsOf } from './kept-streams.ts'
import { readable } from './point.ts'
import { talk } from './recent-messages.ts'
import { standing } from './space-standing.ts'

/** `stream` is the one that holds what is kept; its event `revision` is wrong. */
export type KeptFault = { readonly stream: string; readonly revision: number; readonly detail: string }
export type KeptCheck = { readonly events: number; readonly faults: ReadonlyArray<KeptFault> }

const PAGE = 1_000

const checkFold = async <S>(
  log: StreamReader,
  stream: string,
  folding: Folding<S>,
  every: number,
): Promise<KeptCheck> => {
  const faults: KeptFault[] = []
  let events = 0
  const made = new Map<string, number>()
  /** Instead of being written, what is made is compared with what is there. */
  const compare = async ({ stream: kept, at, events: all }: ToWrite): Promise<void> => {
    made.set(kept, at + all.length)
    const there = await readEvents(log, kept, { from: BigInt(at), limit: all.length })
    for (const { id, type, data, revision } of there) {
      // Those of what was archived are not kept.
      const i = Number(revision) - at
      const should = all[i]
      if (should === undefined) continue
      events += 1
      // As it would stand on the log.
      const written: unknown = JSON.parse(JSON.stringify(should.data))
      if (id === should.id && type === should.type && provedJson(data) === provedJson(written)) continue
      faults.push({ stream: kept, revision: at + i, detail: 'It is not what the room’s events make.' })
    }
  }
  const keeping = createKeeping(stream, folding, every, fromNothing(folding))
  let isWhole = true
  for (let from = 0n; isWhole; from += BigInt(PAGE)) {
    const page = await readEvents(log, stream, { from, limit: PAGE })
    isWhole = page.length === PAGE
    try {
      for (const recorded of page) keeping.add(readable(recorded))
    } catch (error) {
      // Behind an event that can't be read nothing is kept.
      if (!(error instanceof Failed)) throw error
      isWhole = false
    }
    for (const part of keeping.take()) await compare(part)
  }
  for (const kept of [momentsOf(stream), marksOf(stream)]) {
    const [last] = await readEvents(log, kept, { direction: 'backwards', limit: 1 })
    const [have, should] = [last === undefined ? 0 : Number(last.revision) + 1, made.get(kept) ?? 0]
    if (have > should)
      faults.push({ stream: kept, revision: should, detail: 'The room has not so many events.' })
  }
  return { events, faults }
}

/** Of a space's or a chat's stream. Throws `Failed` where the log can't be read. */
export const checkKept = (log: StreamReader, stream: string, every = EVERY): Promise<KeptCheck> => {
  const named = parseStreamName(stream)
  const kind = E.isRight(named) ? named.right.kind : null
  if (kind === 'space') return checkFold(log, stream, standing, every)
  if (kind === 'chat') return checkFold(log, stream, talk, every)
  return Promise.resolve({ events: 0, faults: [] })
}
