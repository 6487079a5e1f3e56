import type { SpaceRefusal } from '../space/refusals.ts'

export type ChatRefusal =
  | SpaceRefusal
  | { readonly _tag: 'MessageNotFound' }
  /** The id is taken by another message (of another author, or with other words). */
  | { readonly _tag: 'MessageIdTaken' }
