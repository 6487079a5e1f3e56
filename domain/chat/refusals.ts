/** Why a command about a chat may be refused. */
import type { SpaceRefusal } from '../space/refusals.ts'

export type ChatRefusal =
  | SpaceRefusal
  | { readonly _tag: 'MessageNotFound' }
  /** Another message (of another author, or with other words) has this id. */
  | { readonly _tag: 'MessageIdTaken' }
  /** A filter holds such words for moderators, but this message can't wait for them: it is one more than may wait, or, by the
   *  rules before number 5, an edit. */
  | { readonly _tag: 'WordsHeld'; readonly of: 'edit' | 'too many' }
