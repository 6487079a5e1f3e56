/** Why a command about reports, cases or appeals may be refused. */
import type { ChatRefusal } from '../chat/refusals.ts'

export type CaseRefusal =
  | ChatRefusal
  /** There is no such case, or none that the caller may know of: the caller can't tell which. */
  | { readonly _tag: 'CaseNotFound' }
  /** Somebody else has taken the case, or nobody has yet. */
  | { readonly _tag: 'CaseNotTaken' }
  | { readonly _tag: 'CaseIsClosed' }
  /** The limit of one reporter, of one network's guests, or of the whole space is reached. */
  | { readonly _tag: 'TooManyReports'; readonly max: number }
  /** There is nothing to appeal against (any more). */
  | { readonly _tag: 'NothingToAppeal' }
  /** Nobody hears an appeal against what they did themselves. */
  | { readonly _tag: 'HeardByAnother' }
