/** The state on which a space's decisions are made. Its size depends on what is true now, not on history. */
import type { Actor, Subject } from '../identity.ts'
import type { SpaceSettings } from '../settings.ts'
import type { BanLists } from './ban-list.ts'
import type { RoomFilter } from './filter.ts'
import type { Pin } from './pin.ts'
import type { Turns, WaitingPlace } from './place.ts'
import type { Permission } from './roles.ts'
import type { Session } from './session.ts'
import type { VoiceRoute } from './voice-route.ts'

export type { Session } from './session.ts'

export type HeldSeat = {
  readonly subject: Subject
  readonly subspace: string
  readonly expiresAt: string
  /** Its subject's network (`networkTag`); missing from before that was kept. */
  readonly network?: string
  /** Whether it is held because it was the subject's turn in the queue. */
  readonly turn?: true
}
export type Grant = {
  readonly permission: Permission
  readonly by: Actor
  readonly reason: string | null
  readonly at: string
}
export type Restriction = {
  readonly by: Actor
  readonly reason: string | null
  readonly until: string | null
  readonly at: string
}
export type SpaceState = {
  readonly opened: {
    readonly title: string
    readonly owner: string | null
    readonly visibility: 'public' | 'private'
    readonly at: string
  } | null
  readonly sessions: ReadonlyMap<string, Session>
  /** Sessions by subject, the oldest first. */
  readonly own: ReadonlyMap<Subject, ReadonlyArray<string>>
  /** Session by socket: a socket has one session at most. */
  readonly sockets: ReadonlyMap<string, string>
  /** By subject, the seat that runs out first comes first. */
  readonly held: ReadonlyMap<Subject, HeldSeat>
  /** Subjects whose session was cut off, and until when they count as just here; the oldest first. */
  readonly left: ReadonlyMap<Subject, string>
  readonly grants: ReadonlyMap<string, Grant>
  readonly bans: ReadonlyMap<Subject, Restriction>
  readonly mutes: ReadonlyMap<Subject, Restriction>
  /** The pinned entities of its rooms' scenes, by `pinKey`. */
  readonly pinned: ReadonlyMap<string, Pin>
  /** Who waits for a seat; whoever came first comes first. */
  readonly queue: ReadonlyMap<Subject, WaitingPlace>
  /** How fast the turns of the queue come; null before anybody waited. */
  readonly turns: Turns | null
  /** Rules that act by themselves on what people write, by id. */
  readonly filters: ReadonlyMap<string, RoomFilter>
  /** The ban lists that the space follows, by id. Each change makes a new Map. */
  readonly lists: BanLists
  /** The rooms whose voice goes through an SFU, by subspace; in all others it goes from browser to browser. */
  readonly routes: ReadonlyMap<string, VoiceRoute>
  readonly settings: SpaceSettings
}
