/** Credentials for the media relay, for people who may enter a space with voice. */
import type { FastifyInstance } from 'fastify'
import * as t from 'io-ts'
import { LOBBY, type SpaceRef } from '../../../domain/names.ts'
import type { Authenticated } from '../../auth/authenticate.ts'
import { describeRefusal } from '../../refusals.ts'
import type { TurnCredentials as Given } from '../../turn/turn.ts'
import { optional, SpaceKeyCodec } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { type AnswerShape, mount } from '../endpoint.ts'
import { tell } from '../errors.ts'
import { TurnCredentials, text, whole } from '../shapes.ts'
import { needEntry, seen } from '../space-gate.ts'

/** The name that credentials are issued to: the caller's own if there is a token or a proof; their network's for a
 *  guest, who is a new one with each call. */
export const turnFor = (deps: HttpDeps, who: Authenticated, ip: string): Given =>
  deps.turn.credentialsFor(who.via === 'none' ? deps.turn.guestOf(ip) : who.caller.id)

/** Whoever may enter may listen, muted or not; if voice is off, there is nothing to hear. */
const needVoice = async (deps: HttpDeps, space: SpaceRef, { caller }: Authenticated): Promise<void> => {
  const of = await seen(deps, space, caller)
  needEntry(of)
  if (!of.state.settings.voice_enabled) tell(describeRefusal({ _tag: 'VoiceDisabled' }))
}

/** Without a space: any account; a guest if the lobby admits guests. */
const needAny = async (deps: HttpDeps, { caller }: Authenticated): Promise<void> => {
  if (caller.kind === 'guest') needEntry(await seen(deps, LOBBY, caller))
}

/** Sent besides the servers, for pages that pass the whole answer to `RTCPeerConnection`. */
const CONNECTION = { iceTransportPolicy: 'all', iceCandidatePoolSize: 10 } as const

export const turn = (app: FastifyInstance, deps: HttpDeps): void => {
  for (const path of ['/api/turn-credentials', '/api/webrtc/turn-config'])
    mount(app, deps, {
      method: 'GET',
      path,
      answer: {
        ...(TurnCredentials.properties as AnswerShape),
        iceTransportPolicy: text(),
        iceCandidatePoolSize: whole(),
      },
      tag: 'webrtc',
      summary:
        'TURN credentials for the caller, which expire. With a `space`: for those who may enter it, if voice is on there. Without one: for accounts, and for guests if the lobby admits guests.',
      strict: true,
      query: t.type({ space: optional(SpaceKeyCodec) }),
      handle: async ({ query, who, request }) => {
        await (query.space === null ? needAny(deps, who) : needVoice(deps, query.space, who))
        return { ...turnFor(deps, who, request.address), ...CONNECTION }
      },
    })
}
