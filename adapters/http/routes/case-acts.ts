/** What is done about a case: first the act, as the moderator's own command, by the usual rules; then its record in the
 *  case. Whoever may not record it is refused before anything is done. */
import { createHash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { CaseCommand } from '../../../domain/cases/commands.ts'
import { casesDecider } from '../../../domain/cases/decider.ts'
import type { ActKind, CaseEvent } from '../../../domain/cases/events.ts'
import type { Case } from '../../../domain/cases/state.ts'
import { chatDecider } from '../../../domain/chat/decider.ts'
import { derivedUuid } from '../../../domain/ids.ts'
import type { SpaceRef } from '../../../domain/names.ts'
import type { Accepted } from '../../../domain/ports.ts'
import { inForce } from '../../../domain/space/access.ts'
import type { SpaceCommand } from '../../../domain/space/commands.ts'
import type { HttpDeps } from '../deps.ts'
import type { EndpointRequest } from '../endpoint.ts'
import { orTell, tellInvalid } from '../errors.ts'
import { accessTo, type VisibleSpace } from '../space-gate.ts'
import { isSystemAdmin, moderatesHere, standing } from './case-gate.ts'

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')

type From = Pick<EndpointRequest<unknown, unknown, unknown>, 'who' | 'sender' | 'commandId'>
export type CaseActing = {
  readonly deps: HttpDeps
  readonly from: From
  readonly space: SpaceRef
  readonly caseId: string
}
export type Terms = {
  readonly rule: string | null
  readonly reason: string | null
  readonly until: string | null
}

/** Each part of what one call does has an id of its own, which is the same when the call is repeated. */
const partOf = ({ from, caseId }: CaseActing, part: string) => ({
  ...from.sender,
  correlationId: caseId,
  id: derivedUuid(sha1, `${part} ${from.commandId.id}`),
})

export const send = async (
  acting: CaseActing,
  command: CaseCommand,
  part = 'case',
): Promise<Accepted<CaseEvent>> => {
  const { deps, from, space, caseId } = acting
  const id = part === 'case' ? from.commandId : { id: partOf(acting, part).id }
  return orTell(await deps.commands.cases({ ...from.sender, ...id, correlationId: caseId, space, command })())
}

type Looked = { readonly of: VisibleSpace; readonly known: Case | null; readonly position: bigint }

/** The case, up to date with the log. If the command would be refused, it is sent, so that it is refused and recorded like any other. */
const lookAhead = async (acting: CaseActing, command: CaseCommand): Promise<Looked> => {
  const { deps, from, space, caseId } = acting
  const { caller } = from.who
  const [of, looked] = await Promise.all([accessTo(deps, space, caller), deps.commands.lookCases(space)()])
  const { state, position } = orTell(looked)
  const asked = {
    id: from.commandId.id,
    by: caller,
    at: new Date(deps.clock.now()).toISOString(),
    content: of.content,
    command,
    space: of.state,
    chat: chatDecider.initial(),
    moment: { space: -1, chat: -1 },
  }
  if (E.isLeft(casesDecider.decide(asked, state))) await send(acting, command)
  return { of, known: state.cases.get(caseId) ?? null, position }
}

/** The actor of the command: the caller; or the system in their name, if their only right here is that of SYSTEM_ADMINS. */
const actorFor = ({ deps, from }: CaseActing, of: VisibleSpace) => {
  const { caller } = from.who
  return isSystemAdmin(deps, caller) && !moderatesHere(of)
    ? ({ by: { kind: 'system', id: caller.id } } as const)
    : {}
}

const onSpace = async (acting: CaseActing, of: VisibleSpace, command: SpaceCommand, part: string) => {
  const { deps, space } = acting
  const request = { ...partOf(acting, part), ...actorFor(acting, of), space, command }
  return orTell(await deps.commands.space(request)())
}

/** Kicks all sessions that they have here; returns the place of the last event. */
const kick = async (acting: CaseActing, of: VisibleSpace, subject: string, reason: string | null) => {
  const sessions = of.state.own.get(subject) ?? []
  let last: Accepted<unknown> | null = null
  for (const sessionId of sessions)
    last = await onSpace(acting, of, { type: 'Kick', sessionId, reason }, `kick ${sessionId}`)
  return last ?? tellInvalid('act', 'They have no session here: there is nobody to kick.')
}

/** Removes what was reported: a message, or a pinned entity. */
const remove = async (acting: CaseActing, of: VisibleSpace, { about }: Case) => {
  const { deps, space } = acting
  if (about.kind === 'person')
    return tellInvalid('act', 'The case is about a person: there is nothing to delete.')
  if (about.kind === 'entity') {
    const { entityId, subspace } = about
    return onSpace(acting, of, { type: 'UnpinEntity', entityId, subspace }, 'unpin')
  }
  const command = { type: 'DeleteMessage', messageId: about.messageId } as const
  return orTell(
    await deps.commands.chat({ ...partOf(acting, 'delete'), ...actorFor(acting, of), space, command })(),
  )
}

/** An act, with what was seen before it. */
type Doing = CaseActing & { readonly of: VisibleSpace; readonly known: Case }

const carryOut = (doing: Doing, act: ActKind, { reason, until }: Terms) => {
  const { of, known } = doing
  const { subject } = known
  switch (act) {
    case 'kick':
      return kick(doing, of, subject, reason)
    case 'delete':
      return remove(doing, of, known)
    case 'mute':
      return onSpace(doing, of, { type: 'Mute', subject, reason, until }, act)
    case 'ban':
      return onSpace(doing, of, { type: 'Ban', subject, reason, until }, act)
    case 'unmute':
      return onSpace(doing, of, { type: 'Unmute', subject, reason }, act)
    case 'unban':
      return onSpace(doing, of, { type: 'Unban', subject, reason }, act)
    default:
      return act satisfies never
  }
}

const recordOf = (acting: CaseActing, act: ActKind, terms: Terms): CaseCommand & { type: 'RecordAct' } => ({
  type: 'RecordAct',
  caseId: acting.caseId,
  act,
  ...terms,
  in: 'space',
  revision: -1,
  ...standing(acting.deps, acting.from.who.caller),
})

export const actOn = async (acting: CaseActing, act: ActKind, terms: Terms): Promise<Accepted<CaseEvent>> => {
  const record = recordOf(acting, act, terms)
  const { of, known } = await lookAhead(acting, record)
  const done = await carryOut({ ...acting, of, known: known! }, act, terms)
  const isOfChat = act === 'delete' && known?.about.kind === 'message'
  return send(acting, { ...record, in: isOfChat ? 'chat' : 'space', revision: Number(done.revision) })
}

/** Bans and mutes that are still as this case set them: those of other cases, or set anew since, do not concern this appeal. */
const standingActs = async (
  acting: CaseActing,
  { of, known, position }: Looked,
): Promise<ReadonlyArray<'unban' | 'unmute'>> => {
  const { deps, space, caseId } = acting
  orTell(await deps.readModels.waitFor(position, 2_000)())
  const did = orTell(await deps.readModels.case(space, caseId)())?.did ?? []
  const at = new Date(deps.clock.now()).toISOString()
  const isOurs = (kind: 'ban' | 'mute'): boolean => {
    const restrictions = kind === 'ban' ? of.state.bans : of.state.mutes
    const stands = inForce(restrictions, known!.subject, at)
    return (
      stands !== null &&
      did.some(({ act, by, reason, until }) => {
        const isSame = stands.by.id === by && stands.reason === reason && stands.until === until
        return act === kind && isSame
      })
    )
  }
  return [...(isOurs('ban') ? (['unban'] as const) : []), ...(isOurs('mute') ? (['unmute'] as const) : [])]
}

export const hear = async (
  acting: CaseActing,
  outcome: 'stands' | 'lifted',
  reason: string,
): Promise<Accepted<CaseEvent>> => {
  const { caseId, deps, from } = acting
  const above = standing(deps, from.who.caller)
  const decision = { type: 'DecideAppeal', caseId, outcome, reason, ...above } as const
  const looked = await lookAhead(acting, decision)
  if (outcome === 'lifted')
    for (const act of await standingActs(acting, looked)) {
      const terms = { rule: 'appeal', reason, until: null }
      const done = await carryOut({ ...acting, of: looked.of, known: looked.known! }, act, terms)
      await send(acting, { ...recordOf(acting, act, terms), revision: Number(done.revision) }, act)
    }
  return send(acting, decision)
}
