/** A space's settings, and changing them. */
import type { FastifyInstance } from 'fastify'
import { SettingsChanges } from '../../../domain/settings.ts'
import type { HttpDeps } from '../deps.ts'
import { mount, WRITTEN } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import { orNull, SETTINGS, spaceId, spaceType, time } from '../shapes.ts'
import { SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'

export const settings = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/settings',
    answer: {
      space_type: spaceType,
      space_id: spaceId,
      ...SETTINGS,
      updated_by: 'string?',
      updated_at: orNull(time),
    },
    tag: 'settings',
    summary: 'The settings of a space.',
    params: SpaceParams,
    handle: async ({ params, who }) => {
      const space = spaceOf(params)
      const [, row] = await Promise.all([seen(deps, space, who.caller), deps.readModels.settings(space)()])
      return { ...orTell(row) }
    },
  })

  mount(app, deps, {
    method: 'PATCH',
    path: '/api/spaces/:type/:id/settings',
    answer: { ...SETTINGS, ...WRITTEN },
    tag: 'settings',
    summary: 'Changes the settings that are given. For admins.',
    params: SpaceParams,
    body: SettingsChanges,
    handle: async ({ params, body, sender, commandId, who }) => {
      const space = spaceOf(params)
      const accepted = orTell(
        await deps.commands.space({
          ...sender,
          ...commandId,
          space,
          command: { type: 'ChangeSettings', changes: body },
        })(),
      )
      const { state } = await seen(deps, space, who.caller)
      return { ...state.settings, ...written(accepted) }
    },
  })
}
