/** How a space's commands are decided: on its own state and on what the content says, and nothing else. */
import * as E from 'fp-ts/lib/Either.js'
import { groundsFor } from '../../domain/space/access.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { withoutExcessSeats } from '../../domain/space/facts.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import type { Rules } from './jobs.ts'
import { askedOf, commonRules, onRefused, type RulesParts } from './rules.ts'

export const spaceRules = (
  parts: RulesParts,
): Rules<SpaceState, SpaceCommand, SpaceEvent, SpaceRefusal, null> => {
  const { recording, onAccepted } = parts
  return {
    ...commonRules(parts),
    prepare: async () => E.right(null),
    besideRevision: () => -1,
    decide: (ready, { state, at }) =>
      E.map(withoutExcessSeats)(spaceDecider.decide(askedOf(ready, at), state)),
    encode: (ready, events, { state, at }) =>
      recording.eventsOf('space', ready.job.request, events, {
        at,
        grounds: groundsFor(state, askedOf(ready, at)),
        facts: ready.content,
        opened: state.opened,
        isOpening: state.opened === null,
        seen: null,
      }),
    refreshBeside: async () => E.right(false),
    refused: (ready, refusal, { state, at, revision }) =>
      onRefused(parts, ready.job.request, refusal, {
        at,
        grounds: groundsFor(state, askedOf(ready, at)),
        facts: ready.content,
        opened: state.opened,
        isOpening: false,
        seen: { space: revision },
      }),
    accepted: (ready, accepted) => onAccepted('space', ready.job.request.space, accepted),
  }
}
