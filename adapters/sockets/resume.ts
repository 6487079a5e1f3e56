/** What a client missed: exactly the room's news after the revisions it has, read from the log. */

import type { ChatEvent } from '../../domain/chat/events.ts'
import type { Decoded } from '../../domain/codec.ts'
import type { Subject } from '../../domain/identity.ts'
import type { SpaceRef } from '../../domain/names.ts'
import { type SpaceEvent, spaceEntry } from '../../domain/space/events.ts'
import { evolveSpace, initialSpace } from '../../domain/space/evolve.ts'
import { type Session, sessionOf, setBy } from '../../domain/space/session.ts'
import { chatNews, type Delivery, spaceNews } from '../../projections/live/news.ts'
import type { News } from '../../projections/live/wire.ts'
import { roughBytes } from './rough-bytes.ts'
import type { SharedReads } from './shared-reads.ts'

export type Revisions = { readonly space: bigint; readonly chat: bigint }

export type Missed = {
  /** Who missed it: filters have news for them alone. */
  readonly subject: Subject
  readonly space: SpaceRef
  readonly subspace: string
  readonly since: Revisions
  /** Up to these revisions, inclusive. */
  readonly until: Revisions
  /** Who was there at `until`. */
  readonly sessions: ReadonlyMap<string, Session>
}

/** If either stream has more events than this, a fresh state is the better answer. */
const MAX_MISSED = 1_000n
/** How far back before `since` to look for who left after it. */
const MAX_BEFORE = 2_000n
const PAGE = 500n
/** The same for more bytes than this, as `roughBytes` counts them. */
const MAX_BYTES = 4 << 20

type SpaceDecoded = Extract<Decoded, { kind: 'space' }>
type ChatDecoded = Extract<Decoded, { kind: 'chat' }>

/** Sessions that these events mention and that joined before them, with the subspace from which they came if a move says so. */
const namedBefore = (events: ReadonlyArray<SpaceEvent>): Map<string, string | null> => {
  const joined = new Set<string>()
  const named = new Map<string, string | null>()
  for (const { type, data } of events) {
    if (!('sessionId' in data)) continue
    const { sessionId } = data
    if (type === 'SessionJoined') joined.add(sessionId)
    else if (!joined.has(sessionId)) {
      const before = named.get(sessionId) ?? null
      named.set(sessionId, type === 'SessionMoved' ? (before ?? data.from) : before)
    }
  }
  return named
}

/** The sessions of `ids` as they were at `since`, from the events before it; null if that is too far back to say. */
const lookBack = async (
  reads: SharedReads,
  space: SpaceRef,
  since: bigint,
  ids: ReadonlySet<string>,
): Promise<ReadonlyArray<Session> | null> => {
  const wanted = new Set(ids)
  /** What was last set on them, collected from the newest event backwards. */
  const lastSet = new Map<string, Readonly<Record<string, unknown>>>()
  const found: Session[] = []
  for (let to = since; wanted.size > 0; to -= PAGE) {
    if (to < 0n || to <= since - MAX_BEFORE) return null
    const from = to < PAGE ? 0n : to - PAGE + 1n
    const page = await reads.stretch('space', space, from, to)
    if (page === null) return null
    for (const { event } of (page as ReadonlyArray<SpaceDecoded>).toReversed()) {
      const { type, data } = event
      const { sets } = spaceEntry(type)
      if (sets !== null && 'sessionId' in data && wanted.has(data.sessionId))
        lastSet.set(data.sessionId, { ...setBy(sets, data), ...lastSet.get(data.sessionId) })
      if (type !== 'SessionJoined' || !wanted.delete(data.sessionId)) continue
      found.push({ ...sessionOf(data), ...lastSet.get(data.sessionId) })
    }
  }
  return found
}

const heardBy = ({ subject, subspace }: Missed, delivery: Delivery): News | null => {
  if (delivery.kind === 'space') return delivery.news
  if (delivery.kind === 'subject') return delivery.subject === subject ? delivery.news : null
  return delivery.kind === 'room' && delivery.subspace === subspace ? delivery.news : null
}

/** Words that were edited or deleted since are not sent again: each event stays in its place, with the latest words. */
const asItReadsNow = (events: ReadonlyArray<ChatDecoded>): ReadonlyArray<ChatDecoded> => {
  const last = new Map<string, string | null>()
  for (const { event } of events.toReversed()) {
    const { messageId } = event.data
    if (event.type === 'MessageDeleted') last.set(messageId, null)
    else if (event.type === 'MessageEdited' && !last.has(messageId)) last.set(messageId, event.data.content)
  }
  return events.map((decoded) => {
    const { event } = decoded
    if (event.type !== 'MessagePosted' && event.type !== 'MessageEdited') return decoded
    const words = last.get(event.data.messageId)
    if (words === undefined) return decoded
    const data = { ...event.data, content: words ?? '' }
    return { ...decoded, event: { ...event, data } as ChatEvent }
  })
}

/** The missed news in the order of the log. Null if it can't be determined exactly: too much, too long ago, or from another log. */
export const missedNews = async (reads: SharedReads, missed: Missed): Promise<ReadonlyArray<News> | null> => {
  const { space, since, until } = missed
  const [spaceCount, chatCount] = [until.space - since.space, until.chat - since.chat]
  if (spaceCount < 0n || chatCount < 0n || spaceCount > MAX_MISSED || chatCount > MAX_MISSED) return null
  const [spaceEvents, chatEvents] = await Promise.all([
    reads.stretch('space', space, since.space + 1n, until.space),
    reads.stretch('chat', space, since.chat + 1n, until.chat),
  ])
  if (spaceEvents === null || chatEvents === null) return null
  if (roughBytes(spaceEvents) + roughBytes(chatEvents) > MAX_BYTES) return null

  const named = namedBefore((spaceEvents as ReadonlyArray<SpaceDecoded>).map(({ event }) => event))
  const sessions = new Map<string, Session>()
  const gone = new Set<string>()
  for (const [sessionId, cameFrom] of named) {
    const present = missed.sessions.get(sessionId)
    if (present === undefined) gone.add(sessionId)
    else sessions.set(sessionId, cameFrom === null ? present : { ...present, subspace: cameFrom })
  }
  if (gone.size > 0) {
    const found = await lookBack(reads, space, since.space, gone)
    if (found === null) return null
    for (const session of found) sessions.set(session.sessionId, session)
  }

  const heard: Array<{ readonly position: bigint; readonly news: News }> = []
  let state = { ...initialSpace(), sessions: sessions as ReadonlyMap<string, Session> }
  for (const decoded of spaceEvents as ReadonlyArray<SpaceDecoded>) {
    for (const delivery of spaceNews(state.sessions, decoded.event, decoded)) {
      const news = heardBy(missed, delivery)
      if (news !== null) heard.push({ position: decoded.position, news })
    }
    state = evolveSpace(state, decoded.event)
  }
  for (const decoded of asItReadsNow(chatEvents as ReadonlyArray<ChatDecoded>)) {
    const delivery = chatNews(decoded.event, decoded)
    const news = delivery === null ? null : heardBy(missed, delivery)
    if (news !== null) heard.push({ position: decoded.position, news })
  }
  // Sorting is stable, so that events of one append keep their order even if they share a position.
  return heard
    .sort((a, b) => (a.position < b.position ? -1 : a.position > b.position ? 1 : 0))
    .map(({ news }) => news)
}
