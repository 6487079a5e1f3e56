/** The state of one of a room's streams when its beginning was archived: the past is told from there if its events are
 *  not at hand. It is in a stream beside the room's, where the last one counts: a head, preceded by the parts of the
 *  state if it is long. */
import { hash } from 'node:crypto'
import * as t from 'io-ts'
import { derivedUuid } from '../../domain/ids.ts'
import type { NewEvent, StreamReader } from '../../domain/ports.ts'
import { readEvents } from './errors.ts'
import type { Folding } from './folding.ts'
import { broughtUp, KEPT_VERSION, MAX_BYTES } from './kept-streams.ts'
import type { Point } from './point.ts'

export const standingMomentOf = (stream: string): string => `standingmoment-${stream}`

const Head = t.intersection([
  t.type({ v: t.number, revision: t.number, position: t.string, latest: t.number, id: t.string }),
  t.type({ at: t.union([t.string, t.null]), parts: t.number, text: t.string }),
])
type Head = t.TypeOf<typeof Head>

const sha256 = (text: string): string => hash('sha256', text, 'hex')

/** The events to append, in this order, with nothing in between. */
export const standingEvents = <S>(
  stream: string,
  folding: Folding<S>,
  point: Point<S>,
): ReadonlyArray<NewEvent> => {
  const { revision, position, latest, id, at } = point
  const text = JSON.stringify(folding.toJson(point.state))
  const ascii = text.replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const parts: string[] = []
  for (let i = 0; i * MAX_BYTES < ascii.length; i++)
    parts.push(ascii.slice(i * MAX_BYTES, (i + 1) * MAX_BYTES))
  const event = (i: number, type: string, data: unknown): NewEvent => ({
    id: derivedUuid(sha256, `${standingMomentOf(stream)} ${revision} ${i} ${id}`),
    type,
    data,
    metadata: {},
  })
  const last = parts.length - 1
  const head: Head = {
    ...{ v: KEPT_VERSION, revision, position: String(position), latest, id, at },
    ...{ parts: last, text: parts[last]! },
  }
  return parts.map((part, i) =>
    i < last ? event(i, 'StandingPart', { text: part }) : event(i, 'Standing', head),
  )
}

/** Null if its beginning was never archived, or if that can't be read. */
export const standingAt = async <S>(
  log: StreamReader,
  folding: Folding<S>,
  stream: string,
): Promise<Point<S> | null> => {
  const name = standingMomentOf(stream)
  const [last] = await readEvents(log, name, { direction: 'backwards', limit: 1 })
  if (last === undefined || !Head.is(last.data)) return null
  const { v, revision, position, latest, id, at, parts, text } = last.data
  const before =
    parts === 0
      ? []
      : await readEvents(log, name, { direction: 'backwards', from: last.revision - 1n, limit: parts })
  const texts = [...before].reverse().map(({ data }) => String((data as { readonly text?: unknown }).text))
  try {
    const state = folding.fromJson(broughtUp(v, JSON.parse(texts.join('') + text)))
    return state === null ? null : { state, revision, position: BigInt(position), id, at, latest }
  } catch {
    return null
  }
}
