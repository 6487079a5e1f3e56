/** What decisions about cases are made on. Only what may still be asked about is held: a case that is closed, and against which
 *  nothing can be appealed (any more), is forgotten here. Its story stays on the log. */
import type { ChatState, Found } from '../chat/state.ts'
import type { Subject } from '../identity.ts'
import type { DecisionInput } from '../space/commands.ts'
import { pinKey } from '../space/pin.ts'
import type { SpaceState } from '../space/state.ts'
import type { CaseCommand, CaseTarget } from './commands.ts'
import type { About, StoodAt } from './events.ts'

/** Days in which an act can be appealed against. */
export const APPEAL_DAYS = 30
/** Open reports of one guest, of one account, and of all guests of one network. */
export const MAX_OF_GUEST = 3
export const MAX_OF_ACCOUNT = 10
export const MAX_OF_NETWORK = 30
/** Reporters of one case: what further ones say is taken and not kept. */
export const MAX_REPORTERS = 100
/** Cases that are open in a space at once; guests open half of them at most. */
export const MAX_OPEN = 1_000
/** Closed cases that may still be appealed against: the longest closed is forgotten first. */
export const MAX_CLOSED = 5_000

export type Case = {
  readonly id: string
  readonly subject: Subject
  readonly about: About
  readonly status: 'open' | 'taken' | 'closed'
  /** Who has it in hand. */
  readonly takenBy: Subject | null
  /** Who acted or closed it: none of them hears the appeal. */
  readonly hands: ReadonlyArray<Subject>
  readonly acts: number
  readonly appeal: 'none' | 'made' | 'decided'
  /** Until when (ms since the epoch) one may appeal; null before anything was done. */
  readonly appealUntil: number | null
  /** Who reported it, and the network that they took a share of (null for none), while it is open. */
  readonly reporters: ReadonlyMap<Subject, string | null>
}

export type CasesState = {
  /** Events in the stream so far: the next one's revision. */
  readonly length: number
  readonly cases: ReadonlyMap<string, Case>
  /** The open case about a target, by `targetKey`. */
  readonly open: ReadonlyMap<string, string>
  /** Open reports by reporter, and by network (`networkKey`). */
  readonly reports: ReadonlyMap<string, number>
  /** The closed ones among `cases`, the longest closed first. */
  readonly closed: ReadonlySet<string>
}

export const initialCases = (): CasesState => ({
  length: 0,
  cases: new Map(),
  open: new Map(),
  reports: new Map(),
  closed: new Set(),
})

/** A command and all that its decision needs beside the cases themselves: `found` has the message where the chat's window
 *  has it not. */
export type CaseAsked = DecisionInput<CaseCommand> & {
  readonly space: SpaceState
  readonly chat: ChatState
  /** The revisions of both, for what is brought before the moderators. */
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
