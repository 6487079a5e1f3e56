/** The kinds of stream that take commands, as the mailbox needs them. */
import * as E from 'fp-ts/lib/Either.js'
import { casesDecider } from '../../domain/cases/decider.ts'
import type { CaseEvent } from '../../domain/cases/events.ts'
import * as casesSnapshot from '../../domain/cases/snapshot.ts'
import type { CasesState } from '../../domain/cases/state.ts'
import { chatDecider } from '../../domain/chat/decider.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import * as chatSnapshot from '../../domain/chat/snapshot.ts'
import { type ChatState, UNKNOWN_WORDS } from '../../domain/chat/state.ts'
import { type Decoded, decodeRecorded } from '../../domain/codec.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { countIn } from '../../domain/space/ban-list.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { lengthOfFilter } from '../../domain/space/filter.ts'
import * as spaceSnapshot from '../../domain/space/snapshot.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import type { KeyedEvent, Model, UnreadableEvent } from './model.ts'
import { keyOf } from './recent-commands.ts'

const undecodable = (detail: string): E.Either<UnreadableEvent, never> =>
  E.left({ _tag: 'Undecodable', detail })

type Kind = 'space' | 'chat' | 'cases'
type EventOf<K extends Kind> = Extract<Decoded, { kind: K }>['event']

/** What all models have in common: the decider, and the encoding of events on the log. */
const modelOf = <K extends Kind, State>(
  kind: K,
  { initial, evolve, fork }: Pick<Model<State, EventOf<K>>, 'initial' | 'evolve' | 'fork'>,
) => ({
  kind,
  initial,
  evolve,
  fork,
  decode: (recorded: RecordedEvent): E.Either<UnreadableEvent, KeyedEvent<EventOf<K>>> => {
    const decoded = decodeRecorded(recorded)
    if (E.isLeft(decoded)) return undecodable(decoded.left.reason)
    if (decoded.right.kind !== kind) return undecodable(`not of a ${kind}`)
    const { event, metadata } = decoded.right
    return E.right({ event: event as EventOf<K>, key: keyOf(metadata.actor, metadata.command.id) })
  },
})

/** What filters are looked for with: three characters weigh about what an entry does. */
const wordsIn = (filters: SpaceState['filters']): number => {
  let length = 0
  for (const filter of filters.values()) length += lengthOfFilter(filter)
  return Math.ceil(length / 3)
}

export const spaceModel: Model<SpaceState, SpaceEvent> = {
  ...modelOf('space', spaceDecider),
  entries: ({ sessions, held, grants, bans, mutes, pinned, lists, filters }) =>
    sessions.size +
    held.size +
    grants.size +
    bans.size +
    mutes.size +
    pinned.size +
    countIn(lists) +
    wordsIn(filters),
  // Avatars are personal, and no decision looks at them.
  toSnapshot: (state) => {
    const snapshot = spaceSnapshot.toSnapshot(state)
    return { ...snapshot, sessions: snapshot.sessions.map((session) => ({ ...session, avatarData: null })) }
  },
  fromSnapshot: spaceSnapshot.fromSnapshot,
}

export const chatModel: Model<ChatState, ChatEvent> = {
  ...modelOf('chat', chatDecider),
  entries: ({ messages, reactions, lastPosts, posts, filtered }) =>
    messages.size + reactions.size + lastPosts.size + posts.size + filtered.caught.size + filtered.quiet.size,
  // A digest of a few words can be guessed, so digests stay in memory.
  toSnapshot: (state) => {
    const snapshot = chatSnapshot.toSnapshot(state)
    return {
      ...snapshot,
      messages: snapshot.messages.map(([id, revision, posted, deleted, edited]) => [
        id,
        revision,
        posted === null ? null : { ...posted, words: UNKNOWN_WORDS },
        deleted,
        edited === null ? null : UNKNOWN_WORDS,
      ]),
    }
  },
  fromSnapshot: chatSnapshot.fromSnapshot,
}

export const casesModel: Model<CasesState, CaseEvent> = {
  ...modelOf('cases', casesDecider),
  entries: ({ cases, reports }) => 2 * cases.size + reports.size,
  toSnapshot: casesSnapshot.toSnapshot,
  fromSnapshot: casesSnapshot.fromSnapshot,
}
