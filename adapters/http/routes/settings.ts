/** What is allowed in a space, and changing it. */
import type { FastifyInstance } from 'fastify'
import { SettingsChanges } from '../../../domain/space/events.ts'
import type { HttpDeps } from '../deps.ts'
import { type Answer, mount, WRITTEN } from '../endpoint.ts'
import { orTell } from '../errors.ts'
import { SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { written } from '../views.ts'

const SETTINGS: Answer = {
  chat_enabled: 'boolean',
  voice_enabled: 'boolean',
  guests_allowed: 'boolean',
  max_users: 'number',
  slow_mode_seconds: 'number',
  settings: 'object',
}

export const settings = (app: FastifyInstance, deps: HttpDeps): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/settings',
    answer: SETTINGS,
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
    summary: 'Changes the settings that it names. For admins.',
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
