/** The decider of a space. */
import type { Decider } from '../decider.ts'
import type { DecisionInput, SpaceCommand } from './commands.ts'
import { decideSpace } from './decide.ts'
import type { SpaceEvent } from './events.ts'
import { evolveSpace, forkSpace, initialSpace } from './evolve.ts'
import type { SpaceRefusal } from './refusals.ts'
import type { SpaceState } from './state.ts'

/** Decides who may enter a space, who is in, and what is allowed: one consistency boundary. */
export const spaceDecider: Decider<SpaceState, DecisionInput<SpaceCommand>, SpaceEvent, SpaceRefusal> = {
  initial: initialSpace,
  decide: decideSpace,
  evolve: evolveSpace,
  fork: forkSpace,
}
