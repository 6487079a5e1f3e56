/** Who waits for a seat in a full room. Leaving is a command of its own (`commands.ts`). */
import type { FastifyInstance } from 'fastify'
import { rank } from '../../../domain/space/access.ts'
import { lineOf } from '../../../domain/space/queue.ts'
import { queueOf } from '../../queue-view.ts'
import type { HttpDeps } from '../deps.ts'
import { mount } from '../endpoint.ts'
import * as shapes from '../shapes.ts'
import { SpaceParams, seen, spaceOf } from '../space-gate.ts'

const Place = shapes.shape('QueuePlace', {
  subject: shapes.subject,
  subspace: shapes.subspace,
  position: shapes.whole(),
  ahead: shapes.text({
    enum: ['moderators', 'listed', 'others'],
    description: 'By which right the turn comes before others’; listed: has access by name.',
  }),
  since: shapes.time,
  until: shapes.time,
})

export const queue = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/queue',
    answer: {
      queue: 'boolean',
      waiting: shapes.whole(),
      queue_length: shapes.whole(),
      expected_wait_seconds: shapes.orNull(
        shapes.whole({ description: 'For whoever would come now; null before anybody had their turn.' }),
      ),
      mine: shapes.orNull(shapes.Queue),
      places: shapes.orNull(shapes.listOf(Place)),
    },
    tag: 'spaces',
    summary:
      'The queue of a full room: how many people wait, the caller’s own place and, for moderators, who waits, in the order of the turns.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const { state, access } = await seen(deps, spaceOf(params), who.caller)
      const at = new Date(deps.clock.now()).toISOString()
      const lines = lineOf(state, at)
      const pace = state.turns?.seconds ?? null
      const { queue: isOn, queue_length } = state.settings
      const isModerator = access.ban === null && rank(access.role) >= rank('moderate')
      return {
        queue: isOn,
        waiting: lines.length,
        queue_length,
        expected_wait_seconds: pace === null ? null : Math.ceil(pace * (lines.length + 1)),
        mine: queueOf(state, who.caller.id, at),
        places: isModerator
          ? lines.map(({ place, position }) => ({
              subject: place.subject,
              subspace: place.subspace,
              position,
              ahead: place.ahead,
              since: place.since,
              until: place.until,
            }))
          : null,
      }
    },
  })
}
