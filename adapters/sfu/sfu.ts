/** An SFU: a media server that takes each voice of a large room once and passes it on to everybody. It decides nothing:
 *  the server says who may connect and who may speak, and takes that back. */
import type { Either } from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { RoomKey } from '../../domain/names.ts'

export type SfuError = { readonly _tag: 'SfuUnavailable'; readonly cause: string }
/** A session in a room, as the SFU knows it. */
export type Participant = { readonly room: RoomKey; readonly sessionId: string }
/** What a client needs to connect. Without a `url` it does so through us (`signal`). */
export type SfuGrant = { readonly url: string | null; readonly token: string | null }
export type SfuReport = Participant & { readonly what: 'joined' | 'left' | 'published' | 'unpublished' }
/** A signal of a client to the SFU, and of the SFU to a client. */
export type SfuSignal = Readonly<Record<string, unknown>>
/** A signal that can't be carried, and why: a sentence. */
export type WrongSignal = { readonly _tag: 'WrongSignal'; readonly detail: string }
export type ToClient = (signal: SfuSignal) => void

export interface Sfu {
  readonly kind: 'livekit' | 'janus'
  /** Where browsers connect to it; null if they do so through us. */
  readonly url: string | null
  /** `tell` reaches the client for as long as it is connected. */
  readonly grant: (who: Participant, maySpeak: boolean, tell: ToClient) => TaskEither<SfuError, SfuGrant>
  /** From now on the participant may speak or, at once, is heard by nobody. */
  readonly maySpeak: (who: Participant, may: boolean) => TaskEither<SfuError, void>
  /** Disconnects a participant; one who is not there is none. */
  readonly remove: (who: Participant) => TaskEither<SfuError, void>
  readonly close: (room: RoomKey) => TaskEither<SfuError, void>
  /** Carries a client's signal, for an SFU to which clients do not connect by themselves. */
  readonly signal?: (who: Participant, signal: SfuSignal) => TaskEither<SfuError | WrongSignal, SfuSignal>
  /** Reads what the SFU posts to us; null: it is about nothing that matters here. Left: it is not from the SFU. */
  readonly webhook?: (
    body: string,
    authorization: string | undefined,
    now: number,
  ) => Either<string, SfuReport | null>
  readonly isUp: () => boolean
  /** Called when the SFU comes or goes; returns a function that stops it. */
  readonly onChange: (listener: () => void) => () => void
  /** Called with what the SFU reports by itself, not by a webhook. */
  readonly onReport: (listener: (report: SfuReport) => void) => void
  readonly stop: () => Promise<void>
}

export const sfuUnavailable = (cause: string): SfuError => ({ _tag: 'SfuUnavailable', cause })
