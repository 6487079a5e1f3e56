/** Why a command about a chat may be refused. */
import type { SpaceRefusal } from '../space/refusals.ts'

export type ChatRefusal =
  | SpaceRefusal
  | { readonly _tag: 'MessageNotFound' }
  /** The id is taken by another message (of another author, or with other words). */
  | { readonly _tag: 'MessageIdTaken' }
  /** A filter holds such words for moderators, and this can't wait for them: an edit, or one message more than may wait. */
  | { readonly _tag: 'WordsHeld'; readonly of: 'edit' | 'too many' }
