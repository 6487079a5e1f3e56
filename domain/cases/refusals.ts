/** Why a command about reports, cases or appeals may be refused. */
import type { ChatRefusal } from '../chat/refusals.ts'

export type CaseRefusal =
  | ChatRefusal
  /** No such case, or none that the caller may know of: the two are one to the caller. */
  | { readonly _tag: 'CaseNotFound' }
  /** Somebody else has it in hand, or nobody yet. */
  | { readonly _tag: 'CaseNotTaken' }
  | { readonly _tag: 'CaseIsClosed' }
  /** Of one reporter, or of one network's guests, or of the whole space. */
  | { readonly _tag: 'TooManyReports'; readonly max: number }
  /** There is nothing to appeal against (any more). */
  | { readonly _tag: 'NothingToAppeal' }
  /** Nobody hears an appeal against what they did themselves. */
  | { readonly _tag: 'HeardByAnother' }
