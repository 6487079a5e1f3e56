/** Credentials for the media relay. */
import type { FastifyInstance } from 'fastify'
import type { Authenticated } from '../../auth/authenticate.ts'
import type { TurnCredentials as Given } from '../../turn/turn.ts'
import type { HttpDeps } from '../deps.ts'
import { type Answer, mount } from '../endpoint.ts'
import { TurnCredentials } from '../shapes.ts'

/** Of who came with a token or a proof, its own; of a guest who is new with each call, its network's. */
export const turnFor = (deps: HttpDeps, who: Authenticated, ip: string): Given =>
  deps.turn.credentialsFor(who.via === 'none' ? deps.turn.guestOf(ip) : who.caller.id)

export const turn = (app: FastifyInstance, deps: HttpDeps): void => {
  for (const path of ['/api/turn-credentials', '/api/webrtc/turn-config'])
    mount(app, deps, {
      method: 'GET',
      path,
      answer: TurnCredentials.properties as Answer,
      tag: 'webrtc',
      summary: 'TURN credentials for the caller, which end by themselves.',
      handle: async ({ who, request }) => ({ ...turnFor(deps, who, request.ip) }),
    })
}
