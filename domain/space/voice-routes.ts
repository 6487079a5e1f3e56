/** When a room's voice goes through an SFU: past eight speakers or thirty listeners, and not back before both are clearly
 *  fewer and some time has passed, so that a few people who come and go do not send everybody back and forth. */
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceCommandOf } from './commands.ts'
import type { Decision, DecisionContext } from './decision-context.ts'
import type { SpaceRefusal } from './refusals.ts'
import { readSubspace } from './seats.ts'
import type { SpaceState } from './state.ts'

/** A mesh serves up to this many. */
const MOST_SPEAKERS = 8
const MOST_LISTENERS = 30
/** From the SFU back to a mesh: no more than this many. */
const FEW_SPEAKERS = 6
const FEW_LISTENERS = 24
/** It stays there for at least this long (ms): whoever switches a few voices on and off sends everybody over no more often. */
const LEAST_MS = 10_000

/** How a room's voice should go, by who is in it and how it goes now. `now`: ms. */
export const routeFor = (state: SpaceState, subspace: string, now: number): 'sfu' | 'mesh' => {
  let speakers = 0
  let listeners = 0
  for (const session of state.sessions.values()) {
    if (session.subspace !== subspace) continue
    if (session.voice) speakers += 1
    else listeners += 1
  }
  const route = state.routes.get(subspace)
  if (route !== undefined) {
    const isFew = speakers <= FEW_SPEAKERS && listeners <= FEW_LISTENERS
    return isFew && now - Date.parse(route.since) >= LEAST_MS ? 'mesh' : 'sfu'
  }
  // Nobody needs an SFU where nobody speaks.
  return speakers > MOST_SPEAKERS || (listeners > MOST_LISTENERS && speakers > 0) ? 'sfu' : 'mesh'
}

const systemOnly = ({ by, access }: DecisionContext): E.Either<SpaceRefusal, void> => {
  if (by.kind === 'system') return E.right(undefined)
  return E.left(access.mayKnow ? { _tag: 'Forbidden', needs: 'owner' } : { _tag: 'SpaceNotFound' })
}

export const routeVoice = (context: DecisionContext, command: SpaceCommandOf<'RouteVoice'>): Decision => {
  const may = systemOnly(context)
  if (E.isLeft(may)) return may
  const subspace = readSubspace(command.subspace)
  if (E.isLeft(subspace)) return subspace
  const { state, at } = context
  const is = state.routes.has(subspace.right) ? 'sfu' : 'mesh'
  const via = command.hasSfu ? routeFor(state, subspace.right, Date.parse(at)) : 'mesh'
  if (via === is) return E.right([])
  const why = via === 'sfu' ? 'many' : command.hasSfu ? 'few' : 'sfu-lost'
  return E.right([{ type: 'VoiceRouted', data: { subspace: subspace.right, via, why, at } }])
}

/** A report that comes twice, late, or about a session that has ended changes nothing. */
export const noteVoice = (
  context: DecisionContext,
  { sessionId, carried }: SpaceCommandOf<'NoteVoice'>,
): Decision => {
  const may = systemOnly(context)
  if (E.isLeft(may)) return may
  const session = context.state.sessions.get(sessionId)
  if (session === undefined || (session.carried !== null) === carried) return E.right([])
  return E.right([
    { type: carried ? 'VoiceCarried' : 'VoiceNotCarried', data: { sessionId, at: context.at } },
  ])
}
