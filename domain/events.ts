/** Every event of a room, by name: a space's, its chat's, its cases', and the refusals. */
import type * as t from 'io-ts'
import { CASE_EVENTS, type CaseEvent } from './cases/events.ts'
import { CHAT_EVENTS, type ChatEvent } from './chat/events.ts'
import { CommandRefused } from './refused.ts'
import { SPACE_EVENTS, type SpaceEvent, type Words } from './space/events.ts'

const EVENTS = {
  ...SPACE_EVENTS,
  ...CHAT_EVENTS,
  ...CASE_EVENTS,
  CommandRefused: {
    stream: 'refusal',
    schema: 1,
    data: CommandRefused.props.data,
    concerns: 'space',
    says: ({ command, reason, target }: CommandRefused['data'], { actor }: Words) =>
      `${actor} was refused ${command}${target === undefined ? '' : ` (${target})`}: ${reason}`,
  },
} as const

export type EventName = keyof typeof EVENTS
export type AnyEvent = SpaceEvent | ChatEvent | CaseEvent | CommandRefused

export const EVENT_NAMES = Object.keys(EVENTS) as ReadonlyArray<EventName>
export const isEventName = (name: string): name is EventName => Object.hasOwn(EVENTS, name)

/** What all entries have in common. */
export const eventEntry = (name: EventName) =>
  EVENTS[name] as unknown as {
    readonly stream: 'space' | 'chat' | 'refusal' | 'cases'
    readonly schema: number
    readonly data: t.Mixed
    readonly says: (data: AnyEvent['data'], words: Words) => string
  }
