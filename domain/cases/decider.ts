/** The decider of reports, cases and appeals. */
import type { Decider } from '../decider.ts'
import { decideCase } from './decide.ts'
import type { CaseEvent } from './events.ts'
import { evolveCases, forkCases } from './evolve.ts'
import type { CaseRefusal } from './refusals.ts'
import { type CaseAsked, type CasesState, initialCases } from './state.ts'

/** Decides what is reported in a space, and what is done about it. Its commands come with the states of the space and of its chat. */
export const casesDecider: Decider<CasesState, CaseAsked, CaseEvent, CaseRefusal> = {
  initial: initialCases,
  decide: decideCase,
  evolve: evolveCases,
  fork: forkCases,
}
