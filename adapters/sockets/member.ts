/** What this process keeps of one socket. Small: there are thousands of them, and most do nothing. */
import type { Caller } from '../../domain/identity.ts'
import type { RoomKey, SpaceRef } from '../../domain/names.ts'
import type { Sender } from '../../domain/ports.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import type { Bucket } from '../token-bucket.ts'
import type { Hold } from './feed.ts'
import type { Line } from './line.ts'
import type { RoomScene } from './scene/room-scene.ts'
import type { Update } from './scene/update.ts'
import type { ReadTurn } from './turns.ts'

/** The session it has, and where. */
export type RoomPlace = {
  readonly hold: Hold
  /** What the content said when it came in. */
  readonly facts: ContentFacts
  readonly sessionId: string
  /** Null while it does not hear the room's news. */
  room: RoomKey | null
  subspace: string
}

export type Member = {
  /** Replaced once the client turns out to speak another language. */
  line: Line
  readonly caller: Caller
  /** The session token it came with or was given, or the signature (`sid` is empty): when that ends (`expiresAt` in ms), so
   *  does the socket. */
  token: { readonly sid: string; readonly expiresAt: number } | null
  readonly client: Sender['client']
  /** The ticket it came by, and the only place it may go with that. Null for a member without one. */
  readonly ticket: { readonly id: string; readonly space: SpaceRef; readonly subspace: string } | null
  place: RoomPlace | null
  /** Joins and leaves of one socket are carried out one after another. */
  busy: Promise<unknown> | null
  isGone: boolean
  readonly bucket: Bucket
  readonly turn: ReadTurn
  /** Packets refused for being too many, less those taken since. */
  excess: number
  /** Packets whose answer is not known yet. */
  pending: number
  /** Tokens for asking again for its own room; null until it first does. */
  again: Bucket | null
  /** Tokens for looking up names of rooms; null until it first does. */
  names: Bucket | null
  /** The network id of its avatar, as networked-aframe tells of it; null until it does. */
  body: string | null
  /** Bytes of room-data that it may send; null until it first does. */
  data: Bucket | null
  /** Of signals to others; null until the first. */
  signals: Bucket | null
  /** It is told by the packed wire where things are. */
  isPacked: boolean
  /** Spawns of entities; null until the first. */
  spawns: Bucket | null
  /** `latest` waits for its turn, in the room that it was meant for. */
  aframe: {
    bucket: Bucket
    latest: { readonly scene: RoomScene; readonly update: Update; readonly length: number } | null
    timer: NodeJS.Timeout | undefined
  } | null
}

export const senderOf = (member: Member): Sender =>
  member.client === undefined ? { by: member.caller } : { by: member.caller, client: member.client }
