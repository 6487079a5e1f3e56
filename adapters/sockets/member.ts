/** What this process keeps about one socket. It is small, because there are thousands of them, and most do nothing. */
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

/** The member's session, and where it is. */
export type RoomPlace = {
  readonly hold: Hold
  /** What the content said when the session began. */
  readonly facts: ContentFacts
  readonly sessionId: string
  /** Null while it does not get the room's news. */
  room: RoomKey | null
  subspace: string
  /** Ends its connection to the SFU; null while it has none. */
  hangUp: (() => void) | null
}

export type Member = {
  /** Replaced once the client turns out to speak another language. */
  line: Line
  readonly caller: Caller
  /** The session token that it came with or received, or the signature (then `sid` is empty): the socket ends at `expiresAt` (ms). */
  token: { readonly sid: string; readonly expiresAt: number } | null
  readonly client: Sender['client']
  /** The ticket that it came with, and the only place where it may go with that. Null for a member without one. */
  readonly ticket: { readonly id: string; readonly space: SpaceRef; readonly subspace: string } | null
  place: RoomPlace | null
  /** Joins and leaves of one socket are carried out one after another. */
  busy: Promise<unknown> | null
  isGone: boolean
  readonly bucket: Bucket
  /** The bucket of its network; null if that is not limited, undefined until its first packet. */
  network: Bucket | null | undefined
  readonly turn: ReadTurn
  /** How many packets were refused for being too many, minus those accepted since. */
  excess: number
  /** How many packets are not answered yet. */
  pending: number
  /** Tokens for asking again for its own room; null until it first does. */
  again: Bucket | null
  /** Tokens for looking up names of rooms; null until it first does. */
  names: Bucket | null
  /** The network id of its avatar in networked-aframe's messages; null until there is one. */
  body: string | null
  /** The bytes of room-data that it may send; null until it first does. */
  data: Bucket | null
  /** The signals to others that it may send; null until the first. */
  signals: Bucket | null
  /** Whether it gets positions over the packed wire. */
  isPacked: boolean
  /** Whether it asked to be told of people in pages and counts. */
  isPaged: boolean
  /** Tokens for pages of people; null until it first asks for one. */
  pages: Bucket | null
  /** The entities that it may spawn; null until the first. */
  spawns: Bucket | null
  /** `latest` waits for its turn, for the room for which it was meant. */
  aframe: {
    bucket: Bucket
    latest: { readonly scene: RoomScene; readonly update: Update; readonly length: number } | null
    timer: NodeJS.Timeout | undefined
  } | null
}

export const senderOf = (member: Member): Sender =>
  member.client === undefined ? { by: member.caller } : { by: member.caller, client: member.client }
