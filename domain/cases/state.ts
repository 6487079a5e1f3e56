/** The state on which decisions about cases are made. It has only cases about which there may still be commands: one
 *  that is closed, and against which nothing can be appealed (any more), is forgotten here. Its events stay on the log. */
import type { ChatState, Found } from '../chat/state.ts'
import type { Subject } from '../identity.ts'
import type { DecisionInput } from '../space/commands.ts'
import { pinKey } from '../space/pin.ts'
import type { SpaceState } from '../space/state.ts'
import type { CaseCommand, CaseTarget } from './commands.ts'
import type { About, StoodAt } from './events.ts'

/** For how many days an appeal against an act can be made. */
export const APPEAL_DAYS = 30
/** How many open reports one guest, one account, and all guests of one network may have. */
export const MAX_OF_GUEST = 3
export const MAX_OF_ACCOUNT = 10
export const MAX_OF_NETWORK = 30
/** The most reporters of one case: reports of further ones are accepted but not kept. */
export const MAX_REPORTERS = 100
/** The most cases that are open in a space at once; guests may open at most half of them. */
export const MAX_OPEN = 1_000
/** The most closed cases that are kept for appeals: those closed the longest are forgotten first. */
export const MAX_CLOSED = 5_000

export type Case = {
  readonly id: string
  readonly subject: Subject
  readonly about: About
  readonly status: 'open' | 'taken' | 'closed'
  /** Who has taken the case. */
  readonly takenBy: Subject | null
  /** Who acted or closed it: none of them hears the appeal. */
  readonly hands: ReadonlyArray<Subject>
  readonly acts: number
  readonly appeal: 'none' | 'made' | 'decided'
  /** Until when (ms since the epoch) the person may appeal; null before anything was done. */
  readonly appealUntil: number | null
  /** Who reported it, and the network to whose share the report counts (null for none), while it is open. */
  readonly reporters: ReadonlyMap<Subject, string | null>
}

export type CasesState = {
  /** How many events are in the stream so far: the next one's revision. */
  readonly length: number
  readonly cases: ReadonlyMap<string, Case>
  /** The open case about a target, by `targetKey`. */
  readonly open: ReadonlyMap<string, string>
  /** The number of open reports by reporter, and by network (`networkKey`). */
  readonly reports: ReadonlyMap<string, number>
  /** The closed ones among `cases`, those closed the longest first. */
  readonly closed: ReadonlySet<string>
}

export const initialCases = (): CasesState => ({
  length: 0,
  cases: new Map(),
  open: new Map(),
  reports: new Map(),
  closed: new Set(),
})

/** A command and everything that its decision needs besides the cases themselves: `found` has the message if the chat's
 *  window does not have it. */
export type CaseAsked = DecisionInput<CaseCommand> & {
  readonly space: SpaceState
  readonly chat: ChatState
  /** The revisions of both, for the moment that a report or a case records. */
  readonly moment: StoodAt
  readonly found?: Found
}

export const keyOfTarget = (it: CaseTarget): string => {
  switch (it.kind) {
    case 'message':
      return `message ${it.messageId}`
    case 'person':
      return `person ${it.subject}`
    case 'entity':
      return `entity ${pinKey(it.subspace, it.entityId)}`
    default:
      return it satisfies never
  }
}
export const keyOfAbout = (about: About, subject: Subject): string =>
  keyOfTarget(about.kind === 'person' ? { kind: 'person', subject } : about)
export const keyOfNetwork = (network: string): string => `network ${network}`
