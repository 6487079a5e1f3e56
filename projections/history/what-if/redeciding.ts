/** What would have been decided differently under another rule: the deciders themselves decide a room's past again,
 *  command by command. Two rooms are folded side by side: the one that was, and the one that would have been. */
import * as E from 'fp-ts/lib/Either.js'
import { chatDecider, messagesNeeded } from '../../../domain/chat/decider.ts'
import type { ChatEvent } from '../../../domain/chat/events.ts'
import type { ChatState } from '../../../domain/chat/state.ts'
import type { Decoded } from '../../../domain/codec.ts'
import { type AnyCommand, isChatCommand } from '../../../domain/commands.ts'
import { SOME_WORDS } from '../../../domain/fields.ts'
import type { Actor, Caller } from '../../../domain/identity.ts'
import { codeOf } from '../../../domain/refused.ts'
import type { SpaceSettings } from '../../../domain/settings.ts'
import type { ContentFacts, SpaceCommand } from '../../../domain/space/commands.ts'
import { spaceDecider } from '../../../domain/space/decider.ts'
import type { SpaceEvent } from '../../../domain/space/events.ts'
import { factsOf, withoutExcessSeats } from '../../../domain/space/facts.ts'
import type { RoomFilter } from '../../../domain/space/filter.ts'
import type { SpaceState } from '../../../domain/space/state.ts'
import { chatCommandOf, refusedCommandOf, spaceCommandOf } from '../why/rebuilt-command.ts'

/** What is supposed: settings that have these values throughout, and filters in addition to those that were set. */
export type Supposed = {
  readonly settings: Partial<SpaceSettings>
  readonly filters: ReadonlyArray<RoomFilter>
}

/** A command's outcome: `waits` in the queue; `held`, `muted` or `reported` by a filter; `nothing` to do; or a refusal's code. */
export type Fate = string

export type Difference = {
  readonly position: string
  readonly eventId: string
  readonly at: string
  readonly actor: Actor
  readonly command: string
  readonly was: Fate
  readonly would: Fate
  /** The position of the same person's first difference, if it is before this one: from there on they might have acted differently. */
  readonly after: string | null
  /** How many later acts were about something that would not have existed, so that they can't be compared. */
  followed: number
}

export type Counts = {
  /** How many commands were decided again. */
  decisions: number
  differences: number
  /** How many differences there are of each kind, written as `accepted > slow_down`. */
  readonly by: Record<string, number>
  /** Acts about a message or a session that would not have existed, and acts that would differ because the rooms have parted. */
  notComparable: number
  /** Commands that can't be rebuilt, are about messages too far back, or were never decided by a rule. */
  undecided: number
  /** Messages whose words were erased, if the filter looks for words. */
  erased: number
  /** Decisions that would differ under today's rules even without what is supposed. */
  unexplained: number
}

type Room = { state: SpaceState; chat: ChatState }
type Asked = {
  readonly id: string
  readonly by: Caller | { readonly kind: 'system'; readonly id: string }
  readonly at: string
  readonly content: ContentFacts
  readonly rules: number
  readonly command: AnyCommand
}
type Verdict = { readonly fate: Fate; readonly events: ReadonlyArray<SpaceEvent | ChatEvent> }

const FILTERED = { hold: 'held', mute: 'muted', report: 'reported' } as const

/** Looks only at what the command itself did; side effects, such as sessions that ended with it, do not count. */
const fateOf = (events: ReadonlyArray<{ readonly type: string; readonly data: unknown }>): Fate => {
  if (events.length === 0) return 'nothing'
  let fate = ''
  for (const { type, data } of events) {
    const one =
      type === 'MessageHeld'
        ? 'held'
        : type === 'FilterActed'
          ? FILTERED[(data as { act: keyof typeof FILTERED }).act]
          : type === 'PlaceTaken'
            ? 'waits'
            : null
    if (one !== null) fate = fate === '' ? one : `${fate} and ${one}`
  }
  return fate === '' ? 'accepted' : fate
}

const decide = ({ command, ...asked }: Asked, { state, chat }: Room): Verdict => {
  const decision: E.Either<
    Parameters<typeof codeOf>[0],
    ReadonlyArray<SpaceEvent | ChatEvent>
  > = isChatCommand(command)
    ? chatDecider.decide({ ...asked, command, space: state, found: new Map() }, chat)
    : E.map(withoutExcessSeats)(spaceDecider.decide({ ...asked, command: command as SpaceCommand }, state))
  return E.isLeft(decision)
    ? { fate: codeOf(decision.left), events: [] }
    : { fate: fateOf(decision.right), events: decision.right }
}

const evolve = (room: Room, kind: 'space' | 'chat', events: ReadonlyArray<SpaceEvent | ChatEvent>): void => {
  if (kind === 'chat')
    for (const event of events) room.chat = chatDecider.evolve(room.chat, event as ChatEvent)
  else for (const event of events) room.state = spaceDecider.evolve(room.state, event as SpaceEvent)
}

/** The supposed filter's id, which no filter that was set can have. */
export const SUPPOSED = 'what if'

const suppose = (state: SpaceState, { settings, filters }: Supposed): SpaceState => {
  const all = new Map(state.filters)
  for (const filter of filters) all.set(filter.filterId, filter)
  return { ...state, settings: { ...state.settings, ...settings }, filters: all }
}

const isSameCommand = (a: Decoded, b: Decoded): boolean =>
  a.metadata.command.id === b.metadata.command.id &&
  a.stream === b.stream &&
  a.metadata.actor.id === b.metadata.actor.id

/** The message and the session that a command names, and the message that it replies to. */
const namedBy = (command: AnyCommand): ReadonlyArray<string> => {
  const { messageId, parentMessageId, sessionId } = command as {
    readonly messageId?: string
    readonly parentMessageId?: string | null
    readonly sessionId?: string
  }
  return [messageId, parentMessageId, sessionId].filter((one) => one !== undefined && one !== null)
}
/** The ids of what the events create and later commands name. */
const madeBy = (events: ReadonlyArray<SpaceEvent | ChatEvent>): ReadonlyArray<string> =>
  events.flatMap(({ type, data }) =>
    type === 'MessagePosted' ? [data.messageId] : type === 'SessionJoined' ? [data.sessionId] : [],
  )

type Group = { readonly events: Decoded[]; readonly kind: 'space' | 'chat' | 'refusal' }

export type Redeciding = {
  readonly counts: Counts
  /** The room's next event, in the log's order. */
  readonly take: (decoded: Decoded) => void
  /** Decides the commands that are still open. */
  readonly end: () => void
}

/** The room that was and the one that would have been. Until a decision differs, they are one except for what is
 *  supposed; from there on only the supposed room's chat is kept, since only decisions need it. */
const createRooms = (start: Room, supposed: Supposed) => {
  const was: Room = { state: spaceDecider.fork(start.state), chat: chatDecider.fork(start.chat) }
  let parted: Room | null = null
  let same: SpaceState | null = null
  const eventsOf = ({ events }: Group) => events.map(({ event }) => event as SpaceEvent | ChatEvent)

  const would = (): Room => {
    if (parted !== null) return parted
    same ??= suppose(was.state, supposed)
    return { state: same, chat: was.chat }
  }
  return {
    would,
    /** The space as it was. */
    state: (): SpaceState => was.state,
    /** The same without what is supposed. */
    unsupposed: (): Room => ({ state: was.state, chat: (parted ?? was).chat }),
    isParted: (): boolean => parted !== null,
    /** Applies the events that happened to both rooms. */
    happened: (group: Group): void => {
      const { kind } = group
      if (kind === 'refusal') return
      const events = eventsOf(group)
      if (parted === null || kind === 'space') evolve(was, kind, events)
      // The state was changed in place, so the cached supposed state is out of date although the object is the same.
      if (kind === 'space') same = null
      if (parted === null) return
      evolve(parted, kind, events)
      if (events.some(({ type }) => type === 'SettingsChanged'))
        parted.state = suppose(parted.state, supposed)
    },
    /** The rooms part: the one gets what happened, and the other gets `events`. */
    part: (group: Group, events: Verdict['events']): void => {
      const { kind } = group
      if (kind === 'refusal') return
      if (parted === null) {
        parted = { state: spaceDecider.fork(was.state), chat: was.chat }
        parted.state = suppose(parted.state, supposed)
      }
      if (kind === 'space') evolve(was, kind, eventsOf(group))
      evolve(parted, kind, events)
    },
  }
}

const noCounts = (): Counts => ({
  decisions: 0,
  differences: 0,
  by: {},
  notComparable: 0,
  undecided: 0,
  erased: 0,
  unexplained: 0,
})

/** `start`: the room before the first event; it is not changed. `found`: called for each difference. */
export const redecide = (
  start: { readonly state: SpaceState; readonly chat: ChatState },
  supposed: Supposed,
  found: (difference: Difference) => void,
): Redeciding => {
  const rooms = createRooms(start, supposed)
  const { happened } = rooms
  const looksForWords = supposed.filters.some(({ looksFor }) => looksFor.kind === 'words')
  const counts = noCounts()
  /** The ids of what would not have existed, each with the difference that caused it. */
  const gone = new Map<string, Difference>()
  /** Each person's first difference. */
  const first = new Map<string, string>()
  let group: Group | null = null

  const askedOf = ({ events, kind }: Group): Asked | null => {
    const { event, metadata } = events[0]!
    const { command: of, actor, at, content, grounds, rules = 1 } = metadata
    let command: AnyCommand | null
    let { type } = of
    if (kind === 'refusal') {
      const refused = event as Parameters<typeof refusedCommandOf>[0]
      // Refused because the sender was over the rate limit: no rule of the space was checked.
      if (refused.data.reason === 'slow_down' && metadata.seen === undefined) return null
      const asked = refusedCommandOf(refused)
      command = asked.isWhole ? asked.command : null
      type = refused.data.command
    } else if (kind === 'chat') command = chatCommandOf(type, event as ChatEvent)
    else
      command = spaceCommandOf(
        type,
        events.map((one) => one.event as SpaceEvent),
        rooms.state(),
      )
    if (command === null) return null
    const opening = events.find((one) => one.event.type === 'SpaceOpened')?.event.data
    const opened = (opening as SpaceState['opened'] | undefined) ?? rooms.state().opened
    const facts = factsOf({ type: type as 'Ban' }, content, opened, grounds)
    return { id: of.id, by: actor, at, content: facts, rules, command }
  }

  const differ = (group: Group, fates: { readonly was: Fate; readonly would: Fate }): Difference => {
    const { id, position, metadata } = group.events[0]!
    const { actor, at, command } = metadata
    const person = `${actor.kind} ${actor.id}`
    const place = String(position)
    const difference: Difference = {
      ...{ position: place, eventId: id, at, actor, command: command.type },
      ...fates,
      after: first.get(person) ?? null,
      followed: 0,
    }
    if (!first.has(person)) first.set(person, place)
    counts.differences += 1
    const key = `${fates.was} > ${fates.would}`
    counts.by[key] = (counts.by[key] ?? 0) + 1
    found(difference)
    return difference
  }

  const fateNow = ({ events, kind }: Group): Fate => {
    const { event } = events[0]!
    if (kind === 'refusal') return (event as { data: { reason: string } }).data.reason
    return fateOf(events.map((one) => one.event))
  }

  const part = (group: Group, difference: Difference, events: Verdict['events']): void => {
    rooms.part(group, events)
    if (group.kind === 'refusal') return
    const made = new Set(madeBy(events))
    for (const one of madeBy(group.events.map(({ event }) => event as SpaceEvent | ChatEvent)))
      if (!made.has(one)) gone.set(one, difference)
  }
  const causeOf = (command: AnyCommand): Difference | undefined => {
    if (gone.size === 0) return undefined
    for (const one of namedBy(command)) {
      const cause = gone.get(one)
      if (cause !== undefined) return cause
    }
    return undefined
  }

  const decideGroup = (group: Group): void => {
    const asked = askedOf(group)
    if (asked === null) {
      counts.undecided += 1
      happened(group)
      return
    }
    const { command } = asked
    const cause = causeOf(command)
    if (cause !== undefined) {
      counts.notComparable += 1
      cause.followed += 1
      part(group, cause, [])
      return
    }
    // A change of a supposed setting has no effect.
    if (command.type === 'ChangeSettings') {
      happened(group)
      return
    }
    const room = rooms.would()
    if (isChatCommand(command) && messagesNeeded(command, room.chat).length > 0) {
      counts.undecided += 1
      happened(group)
      return
    }
    if (looksForWords && group.kind === 'chat' && 'content' in command && command.content === SOME_WORDS)
      counts.erased += 1
    counts.decisions += 1
    const now = fateNow(group)
    const verdict = decide(asked, room)
    if (verdict.fate === now) {
      happened(group)
      return
    }
    if (decide(asked, rooms.unsupposed()).fate !== now) {
      // If the rooms have parted, the difference follows from that; otherwise from rules that have changed since.
      counts[rooms.isParted() ? 'notComparable' : 'unexplained'] += 1
      happened(group)
      return
    }
    part(group, differ(group, { was: now, would: verdict.fate }), verdict.events)
  }

  return {
    counts,
    take: (decoded) => {
      if (decoded.kind === 'cases') return
      const last = group?.events.at(-1)
      if (
        group !== null &&
        last !== undefined &&
        decoded.kind !== 'refusal' &&
        isSameCommand(last, decoded)
      ) {
        group.events.push(decoded)
        return
      }
      if (group !== null) decideGroup(group)
      group = { events: [decoded], kind: decoded.kind }
    },
    end: () => {
      if (group !== null) decideGroup(group)
      group = null
    },
  }
}
