/** The messages of a moment, with their words at that time. */
import type { ChatEventOf } from '../../domain/chat/events.ts'
import type { Actor } from '../../domain/identity.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { RecordedEvent, StreamReader } from '../../domain/ports.ts'
import { Failed, isArchived, readEvents } from './errors.ts'
import { readable } from './point.ts'
import type { SaidMessage } from './recent-messages.ts'
import type { Ref } from './refs.ts'

/** A message as it was then. `content` is empty if it was deleted, or if its words have been erased since (`erased`: by which request). */
export type MomentMessage = {
  readonly messageId: string
  readonly account: string | null
  readonly guest: string | null
  readonly displayName: string
  readonly subspace: string
  readonly messageType: string
  readonly content: string
  readonly parentMessageId: string | null
  readonly threadRootId: string | null
  readonly createdAt: string
  readonly editedAt: string | null
  readonly deleted: { readonly by: Actor; readonly at: string } | null
  readonly erased: string | null
  readonly reactions: SaidMessage['reactions']
  readonly posted: Ref
  readonly edited: Ref | null
}

/** Revisions this near to each other are read at once. */
const NEAR = 64

/** Opens what is sealed in the events because it is personal. */
export type Open = (
  events: ReadonlyArray<RecordedEvent>,
) => ReadonlyArray<RecordedEvent> | Promise<ReadonlyArray<RecordedEvent>>

type Words = { readonly content: string; readonly at: string; readonly erased: string | null }
const erasedIn = (data: object): string | null =>
  'erased' in data && typeof data.erased === 'string' ? data.erased : null
const postingOf = (recorded: Parameters<typeof readable>[0]) => {
  const decoded = readable(recorded)
  const { data } = decoded.event as ChatEventOf<'MessagePosted'>
  return { data, by: { erased: erasedIn(data) } }
}
const editOf = (recorded: Parameters<typeof readable>[0]): Words => {
  const { data } = readable(recorded).event as ChatEventOf<'MessageEdited'>
  return { content: data.content, at: data.at, erased: erasedIn(data) }
}

/** Which events contain the words of these messages, and which of those are not at hand. */
const wordsWanted = (
  said: ReadonlyArray<readonly [string, SaidMessage]>,
  seen: ReadonlyMap<number, RecordedEvent>,
): { readonly sealed: ReadonlyArray<RecordedEvent>; readonly missing: ReadonlyArray<number> } => {
  const missing = new Set<number>()
  const sealed: RecordedEvent[] = []
  const want = (revision: number): void => {
    const event = seen.get(revision)
    if (event === undefined) missing.add(revision)
    else sealed.push(event)
  }
  for (const [, { posted, edited }] of said) {
    want(posted.revision)
    if (edited !== null) want(edited.revision)
  }
  return { sealed, missing: [...missing].sort((a, b) => a - b) }
}

/** Reads revisions that are near each other at once. `isCut`: some are in an archive that is not at hand. */
const readThese = async (
  log: StreamReader,
  stream: string,
  revisions: ReadonlyArray<number>,
): Promise<{ readonly events: ReadonlyArray<RecordedEvent>; readonly isCut: boolean }> => {
  const runs: Array<{ readonly from: number; to: number }> = []
  for (const revision of revisions) {
    const last = runs.at(-1)
    if (last !== undefined && revision - last.to <= NEAR) last.to = revision
    else runs.push({ from: revision, to: revision })
  }
  let isCut = false
  const readRun = async (from: number, to: number): Promise<ReadonlyArray<RecordedEvent>> => {
    try {
      return await readEvents(log, stream, { from: BigInt(from), limit: to - from + 1 })
    } catch (error) {
      if (!isArchived(error)) throw error
      isCut = true
      return from === to ? [] : readRun(from + 1, to)
    }
  }
  const pages = await Promise.all(runs.map(({ from, to }) => readRun(from, to)))
  return { events: pages.flat(), isCut }
}

const opened = async (open: Open, sealed: ReadonlyArray<RecordedEvent>) => {
  try {
    return await open(sealed)
  } catch (error) {
    throw new Failed({ _tag: 'LogUnavailable', cause: `keys: ${(error as Error).message}` })
  }
}

/** `posting` and `editing` are the events that contain its words. */
const messageOf = (
  messageId: string,
  { posted, edited, deleted, reactions }: SaidMessage,
  posting: RecordedEvent,
  editing: RecordedEvent | undefined,
): MomentMessage => {
  const { data, by } = postingOf(posting)
  const words = editing === undefined ? { ...data, ...by } : editOf(editing)
  return {
    messageId,
    account: data.account,
    guest: data.guest,
    displayName: data.displayName,
    subspace: data.subspace,
    messageType: data.messageType,
    content: deleted === null ? words.content : '',
    parentMessageId: data.parentMessageId,
    threadRootId: data.threadRootId,
    createdAt: data.at,
    editedAt: editing === undefined ? null : words.at,
    deleted: deleted === null ? null : { by: deleted.by, at: deleted.at },
    erased: words.erased,
    reactions,
    posted,
    edited,
  }
}

/** These messages with their words, oldest first. `seen`: events at hand, still sealed, that need not be read again. */
export const messagesOf = async (
  { log, open }: { readonly log: StreamReader; readonly open: Open },
  space: SpaceRef,
  said: ReadonlyArray<readonly [string, SaidMessage]>,
  seen: ReadonlyMap<number, RecordedEvent>,
): Promise<ReadonlyArray<MomentMessage>> => {
  const stream = streamName('chat', space)
  const { sealed, missing } = wordsWanted(said, seen)
  const read = await readThese(log, stream, missing)
  const events = new Map(
    [...read.events, ...(await opened(open, sealed))].map((event) => [Number(event.revision), event]),
  )
  return said.flatMap(([messageId, message]) => {
    const { posted, edited } = message
    const posting = events.get(posted.revision)
    // The message's words are in an archive that is not at hand.
    if (posting === undefined && read.isCut) return []
    if (posting === undefined)
      throw new Failed({ _tag: 'Unreadable', cause: `event ${posted.revision} of ${stream} is gone` })
    return messageOf(messageId, message, posting, edited === null ? undefined : events.get(edited.revision))
  })
}
