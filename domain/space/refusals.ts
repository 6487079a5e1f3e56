/** Why a command was not carried out: facts, not messages. One file in adapters maps them to HTTP and sockets. */
import type { Permission } from './events.ts'

export type SpaceRefusal =
  /** There is no such space, or none that the caller may know of: the caller can't tell which. */
  | { readonly _tag: 'SpaceNotFound' }
  | { readonly _tag: 'SpaceIsFull'; readonly max: number }
  /** As many wait as may: in the room, or of one network’s guests. */
  | { readonly _tag: 'QueueIsFull'; readonly max: number }
  /** The subject has as many sessions here as one may have. */
  | { readonly _tag: 'TooManySessions'; readonly max: number }
  | { readonly _tag: 'Banned'; readonly until: string | null }
  | { readonly _tag: 'GuestsNotAllowed' }
  | { readonly _tag: 'Muted'; readonly until: string | null }
  | { readonly _tag: 'VoiceDisabled' }
  /** The room has a stage, and they don’t have the word. */
  | { readonly _tag: 'NotOnStage' }
  | { readonly _tag: 'ChatDisabled' }
  /** `needs` is the least role that may. */
  | { readonly _tag: 'Forbidden'; readonly needs: Permission | 'owner' | 'self' }
  | { readonly _tag: 'SessionNotFound' }
  | { readonly _tag: 'SlowDown'; readonly retryAfterSeconds: number }
  | { readonly _tag: 'Invalid'; readonly field: string; readonly detail: string }
  | { readonly _tag: 'EntityNotFound' }
  | { readonly _tag: 'EntityIdTaken' }
  /** `max`: of a room, or of one maker. */
  | { readonly _tag: 'TooManyEntities'; readonly max: number }
  /** `max`: characters of JSON. */
  | { readonly _tag: 'EntityTooLarge'; readonly max: number }
  | { readonly _tag: 'SceneIsFull' }
  /** It is pinned: it must be unpinned first. */
  | { readonly _tag: 'EntityPinned' }
