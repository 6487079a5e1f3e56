/** A room's events in the log's order, from its three streams, each with the room as it stood before and after. */
import { type Decoded, decodeRecorded } from '../../domain/codec.ts'
import { type RoomStreamKind, type SpaceRef, streamName } from '../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../domain/ports.ts'
import { isArchived, readEvents } from './errors.ts'
import type { Moment, Moments, When } from './moments.ts'
import { carryOn, passOver } from './next-moment.ts'
import { readable, timeOf } from './point.ts'
import { says } from './sentences.ts'

const PAGE = 200

/** The first revision of a stream at or after `position`, by halving. */
const seek = async (log: StreamReader, stream: string, position: bigint): Promise<bigint> => {
  const [last] = await readEvents(log, stream, { direction: 'backwards', limit: 1 })
  if (last === undefined) return 0n
  let low = 0n
  let high = last.revision + 1n
  while (low < high) {
    const middle = (low + high) / 2n
    const [event] = await readEvents(log, stream, { from: middle, limit: 1 }).catch((error) => {
      // What was archived comes before whatever is still on the log.
      if (isArchived(error) && middle < last.revision) return [null]
      throw error
    })
    if (event === null) {
      low = middle + 1n
      continue
    }
    if (event !== undefined && event.position < position) low = middle + 1n
    else high = middle
  }
  return low
}

type Cursor = {
  readonly stream: string
  next: bigint
  page: ReadonlyArray<RecordedEvent>
  at: number
  /** The round in which the stream had no more events; null if it still had some. */
  ended: number | null
}

/** Reads the next event in the log's order. Asked again at the end, it looks whether there are more by now. */
export type RoomReader = {
  readonly next: () => Promise<RecordedEvent | null>
  /** The same event, without moving on. */
  readonly peek: () => Promise<RecordedEvent | null>
}

/** The events at or after `from`, of a room whose state there is `moment`. */
export const readRoom = async (
  log: StreamReader,
  moment: Moment,
  from: bigint | null,
): Promise<RoomReader> => {
  const starts: Record<RoomStreamKind, bigint> = {
    space: BigInt(moment.revision + 1),
    chat: BigInt(moment.chatRevision + 1),
    refusal: await seek(log, streamName('refusal', moment.space), from ?? (moment.position ?? -1n) + 1n),
  }
  const cursors = (['space', 'chat', 'refusal'] as const).map(
    (kind): Cursor => ({
      stream: streamName(kind, moment.space),
      next: starts[kind],
      page: [],
      at: 0,
      ended: null,
    }),
  )
  const fill = async (cursor: Cursor): Promise<void> => {
    cursor.page = await readEvents(log, cursor.stream, { from: cursor.next, limit: PAGE })
    cursor.at = 0
    cursor.ended = cursor.page.length === 0 ? round : null
    cursor.next = (cursor.page.at(-1)?.revision ?? cursor.next - 1n) + 1n
  }
  const isDry = ({ at, page }: Cursor): boolean => at >= page.length
  let round = 0
  /** An end that was seen earlier no longer counts: events may have come there that precede what has since been read from the others. */
  let since = 0
  const head = async (): Promise<Cursor | null> => {
    if (cursors.every(isDry)) since = round + 1
    for (;;) {
      const dry = cursors.filter((cursor) => isDry(cursor) && (cursor.ended ?? -1) < since)
      if (dry.length === 0) break
      round += 1
      await Promise.all(dry.map(fill))
      if (dry.some(({ page }) => page.length > 0)) since = round + 1
    }
    let first: Cursor | null = null
    for (const cursor of cursors) {
      const event = cursor.page[cursor.at]
      if (event !== undefined && (first === null || event.position < first.page[first.at]!.position))
        first = cursor
    }
    return first
  }
  return {
    peek: async () => {
      const first = await head()
      return first === null ? null : first.page[first.at]!
    },
    next: async () => {
      const first = await head()
      if (first === null) return null
      first.at += 1
      return first.page[first.at - 1]!
    },
  }
}

/** The next event of a replay. `at`: the time in its metadata, else when it was written. */
export type Upcoming = { readonly recorded: RecordedEvent; readonly at: string }

/** An event, also as a sentence. `after` is the room after it, valid until the next step is asked for. An event that
 *  this version can't read is included, with what is wrong with it; its change is missing from then on. */
export type ReplayStep = Upcoming & {
  readonly kind: RoomStreamKind
  readonly says: string
  readonly after: Moment
} & (
    | { readonly decoded: Decoded; readonly unreadable: null }
    | { readonly decoded: null; readonly unreadable: string }
  )

const comingUp = (recorded: RecordedEvent): Upcoming => ({
  recorded,
  at: timeOf(recorded),
})

/** Consumes the moment. */
const stepBy = (moment: Moment, recorded: RecordedEvent): ReplayStep => {
  const read = decodeRecorded(recorded)
  if (read._tag === 'Right') {
    const decoded = read.right
    const sentence = says(decoded, moment.standing.state)
    const after = carryOn(moment, decoded)
    return {
      ...comingUp(recorded),
      kind: decoded.kind as RoomStreamKind,
      says: sentence,
      after,
      decoded,
      unreadable: null,
    }
  }
  const kind = recorded.stream.slice(0, recorded.stream.indexOf('-')) as RoomStreamKind
  const { reason } = read.left
  return {
    ...comingUp(recorded),
    kind,
    says: `an event that this version can’t read (${recorded.type}): ${reason}`,
    after: passOver(moment, kind, recorded),
    decoded: null,
    unreadable: reason,
  }
}

/** From the first event of `from` (default: the beginning) to the last of `to` (default: the end as it is when it gets
 *  there). Throws `Failed`. */
export async function* replay(
  moments: Moments,
  space: SpaceRef,
  range: { readonly from?: When; readonly to?: When } = {},
): AsyncGenerator<ReplayStep, void, void> {
  const start = range.from === undefined ? 0n : await moments.bound(space, range.from, 'before')
  const end = range.to === undefined ? null : await moments.bound(space, range.to, 'after')
  let moment = await moments.until(space, start, { passing: true })
  const reader = await readRoom(moments.log, moment, start)
  for (;;) {
    const recorded = await reader.next()
    if (recorded === null || (end !== null && recorded.position >= end)) return
    const step = stepBy(moment, recorded)
    moment = step.after
    yield step
  }
}

/** A replay that is stepped by hand, both ways. */
export type Player = {
  readonly moment: () => Moment
  /** The event that led here; null after a jump. */
  readonly last: () => ReplayStep | null
  /** The next event; null at the end, to which events may still be added. */
  readonly peek: () => Promise<Upcoming | null>
  /** Null at the end, to which events may still be added. */
  readonly forward: () => Promise<ReplayStep | null>
  /** False at the beginning. */
  readonly back: () => Promise<boolean>
  readonly jump: (when: When) => Promise<void>
}

/** How many steps back are remembered; before those, the room's own events are looked through. */
const STEPS = 10_000

export const createPlayer = async (moments: Moments, space: SpaceRef, from?: When): Promise<Player> => {
  const { log } = moments
  let moment: Moment
  let reader: RoomReader
  let last: ReplayStep | null
  /** The positions of the events on the way here. */
  let path: bigint[]

  const goTo = async (bound: bigint | null): Promise<void> => {
    moment = await moments.until(space, bound, { passing: true })
    reader = await readRoom(log, moment, bound)
    last = null
  }
  const start = from === undefined ? 0n : await moments.bound(space, from, 'before')
  path = []
  await goTo(start)

  const forward: Player['forward'] = async () => {
    const recorded = await reader.next()
    if (recorded === null) return null
    last = stepBy(moment, recorded)
    moment = last.after
    path.push(recorded.position)
    if (path.length > STEPS) path.shift()
    return last
  }

  return {
    moment: () => moment,
    last: () => last,
    peek: async () => {
      const recorded = await reader.peek()
      return recorded === null ? null : comingUp(recorded)
    },
    forward,
    back: async () => {
      // The event to undo: the last step's, or the room's last before the place that was jumped to.
      const undone = path.pop() ?? moment.position
      if (undone === null) return false
      await goTo(undone)
      return true
    },
    jump: async (when) => {
      path = []
      await goTo(await moments.bound(space, when, 'after'))
    },
  }
}

/** The room's event at exactly that place in the log; null if the event there is not the room's. Throws `Failed`. */
export const eventAt = async (
  moments: Moments,
  space: SpaceRef,
  position: bigint,
): Promise<Decoded | null> => {
  const { log } = moments
  const isThere = (where: { readonly position: bigint }) => where.position >= position
  const inRefusals = async (): Promise<RecordedEvent | null> => {
    const stream = streamName('refusal', space)
    const [event] = await readEvents(log, stream, { from: await seek(log, stream, position), limit: 1 })
    return event ?? null
  }
  const found = await Promise.all([
    moments.spaces.first(space, isThere),
    moments.chats.first(space, isThere),
    inRefusals(),
  ])
  const event = found.find((one) => one?.position === position) ?? null
  return event === null ? null : readable(event)
}

/** An event and its change as a replay shows it. `client`: with the address and user agent it came from. Of an event
 *  that can't be read, only its place is shown, since nobody knows what in it is personal. */
export const stepView = (step: ReplayStep, options: { readonly client?: boolean } = {}) => {
  const { recorded, at, kind, says, decoded } = step
  const place = {
    position: String(recorded.position),
    revision: String(recorded.revision),
    stream: kind,
    event_id: recorded.id,
    type: recorded.type,
    at,
  }
  if (decoded === null) return { ...place, unreadable: step.unreadable, says, change: null }
  const { actor, command, grounds, client } = decoded.metadata
  return {
    ...place,
    actor,
    command,
    ...(grounds === undefined ? {} : { grounds }),
    ...(options.client === true && client !== undefined ? { client } : {}),
    says,
    change: decoded.event.data,
  }
}
