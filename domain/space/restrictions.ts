/** Bans, mutes and kicks, by moderators on people below them. */
import * as E from 'fp-ts/lib/Either.js'
import { isSubject } from '../identity.ts'
import { invalid, parseReason, parseUntil } from '../text.ts'
import { inForce, mayActOn, mayAs, mayOverrule } from './access.ts'
import type { Ban, Kick, Mute, Unban, Unmute } from './commands.ts'
import { actorOf, type Decision, type DecisionContext, subjectOf } from './decision-context.ts'
import { AT_ONCE, AT_ONCE_WITH_WORDS, endPlace, endSession, putOut, stopVoices } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceRefusal } from './refusals.ts'
import type { Restriction } from './state.ts'

type Terms = { readonly reason: string | null; readonly until: string | null }

/** Whether the caller may restrict `subject`, and on which terms. */
const readTerms = (
  { state, content, access, at }: DecisionContext,
  subject: unknown,
  asked: { readonly reason: unknown; readonly until?: unknown },
): E.Either<SpaceRefusal, Terms> => {
  const may = mayAs(access, 'moderate')
  if (E.isLeft(may)) return may
  if (typeof subject !== 'string' || !isSubject(subject))
    return invalid('subject', 'That is neither a Hive account nor a guest.')
  const reason = parseReason(asked.reason)
  if (E.isLeft(reason)) return reason
  const until = parseUntil(asked.until, at)
  if (E.isLeft(until)) return until
  const mayOn = mayActOn(state, content, access, subject)
  return E.isLeft(mayOn) ? mayOn : E.right({ reason: reason.right, until: until.right })
}

const isSame = (restriction: Restriction | null, terms: Terms): boolean =>
  restriction !== null && restriction.reason === terms.reason && restriction.until === terms.until

/** The restriction, unless it is already in force, followed by whatever ends with it. */
const impose = (
  context: DecisionContext,
  command: Ban | Mute,
  {
    restrictions,
    type,
  }: {
    readonly restrictions: ReadonlyMap<string, Restriction>
    readonly type: 'AccountBanned' | 'AccountMuted'
  },
  endings: (terms: Terms) => ReadonlyArray<SpaceEvent>,
): Decision => {
  const { subject } = command
  const terms = readTerms(context, subject, command)
  if (E.isLeft(terms)) return terms
  const { state, content, access, at } = context
  const standing = inForce(restrictions, subject, at)
  const may = mayOverrule(state, content, access, standing)
  if (E.isLeft(may)) return may
  const { reason, until } = terms.right
  const imposed: ReadonlyArray<SpaceEvent> = isSame(standing, terms.right)
    ? []
    : [{ type, data: { subject, by: actorOf(context.by), reason, until, at } }]
  return E.right([...imposed, ...endings(terms.right)])
}

/** Everything that the banned subject has here ends with the ban. */
export const ban = (context: DecisionContext, command: Ban): Decision =>
  impose(context, command, { restrictions: context.state.bans, type: 'AccountBanned' }, ({ reason, until }) =>
    putOut(context, command.subject, { reason: 'banned', note: reason, until }).slice(0, AT_ONCE_WITH_WORDS),
  )

export const mute = (context: DecisionContext, command: Mute): Decision =>
  impose(context, command, { restrictions: context.state.mutes, type: 'AccountMuted' }, () =>
    stopVoices(context, (session) => subjectOf(session) === command.subject).slice(0, AT_ONCE),
  )

const lift = (
  context: DecisionContext,
  command: Unban | Unmute,
  restrictions: ReadonlyMap<string, Restriction>,
  type: 'AccountUnbanned' | 'AccountUnmuted',
): Decision => {
  const terms = readTerms(context, command.subject, { reason: command.reason })
  if (E.isLeft(terms)) return terms
  const standing = inForce(restrictions, command.subject, context.at)
  if (standing === null) return E.right([])
  const may = mayOverrule(context.state, context.content, context.access, standing)
  if (E.isLeft(may)) return may
  const { reason } = terms.right
  return E.right([
    { type, data: { subject: command.subject, by: actorOf(context.by), reason, at: context.at } },
  ])
}
export const unban = (context: DecisionContext, command: Unban): Decision =>
  lift(context, command, context.state.bans, 'AccountUnbanned')
export const unmute = (context: DecisionContext, command: Unmute): Decision =>
  lift(context, command, context.state.mutes, 'AccountUnmuted')

/** A session that has ended needs no kick. */
export const kick = (context: DecisionContext, command: Kick): Decision => {
  const { state, content, access } = context
  const may = mayAs(access, 'moderate')
  if (E.isLeft(may)) return may
  const reason = parseReason(command.reason)
  if (E.isLeft(reason)) return reason
  const session = state.sessions.get(command.sessionId)
  if (session === undefined) return E.right([])
  const mayOn = mayActOn(state, content, access, subjectOf(session))
  if (E.isLeft(mayOn)) return mayOn
  return E.right([
    endSession(context, session.sessionId, { reason: 'kicked', note: reason.right, until: null }),
    ...endPlace(context, subjectOf(session), { why: 'kicked', note: reason.right }),
  ])
}
