/** Credentials for the media relay. */
import type { FastifyInstance } from 'fastify'
import type { HttpDeps } from '../deps.ts'
import { type Answer, mount } from '../endpoint.ts'
import { TurnCredentials } from '../shapes.ts'

export const turn = (app: FastifyInstance, deps: HttpDeps): void => {
  for (const path of ['/api/turn-credentials', '/api/webrtc/turn-config'])
    mount(app, deps, {
      method: 'GET',
      path,
      answer: TurnCredentials.properties as Answer,
      tag: 'webrtc',
      summary: 'TURN credentials for the caller, which end by themselves.',
      handle: async ({ who }) => ({ ...deps.turn.credentialsFor(who.caller.id) }),
    })
}
