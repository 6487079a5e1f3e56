/** Bans, mutes and kicks: a moderator's, on those below. */
import * as E from 'fp-ts/lib/Either.js'
import { isSubject } from '../identity.ts'
import { invalid, parseReason, parseUntil } from '../text.ts'
import { inForce, mayActOn, mayAs, mayOverrule } from './access.ts'
import type { Ban, Kick, Mute, Unban, Unmute } from './commands.ts'
import { type Asking, actorOf, type Decision, subjectOf } from './decision-context.ts'
import { AT_ONCE, AT_ONCE_WITH_WORDS, endSession, putOut, stopVoices } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceRefusal } from './refusals.ts'
import type { Restriction } from './state.ts'

type Terms = { readonly reason: string | null; readonly until: string | null }

/** Whether the caller may restrict `subject`, and on which terms. */
const readTerms = (
  { state, content, access, at }: Asking,
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

/** The restriction where it is not so already, and then whatever ends with it. */
const impose = (
  asking: Asking,
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
  const terms = readTerms(asking, subject, command)
  if (E.isLeft(terms)) return terms
  const { state, content, access, at } = asking
  const standing = inForce(restrictions, subject, at)
  const may = mayOverrule(state, content, access, standing)
  if (E.isLeft(may)) return may
  const { reason, until } = terms.right
  const imposed: ReadonlyArray<SpaceEvent> = isSame(standing, terms.right)
    ? []
    : [{ type, data: { subject, by: actorOf(asking.by), reason, until, at } }]
  return E.right([...imposed, ...endings(terms.right)])
}

/** All that the banned one has here ends with it. */
export const ban = (asking: Asking, command: Ban): Decision =>
  impose(asking, command, { restrictions: asking.state.bans, type: 'AccountBanned' }, ({ reason, until }) =>
    putOut(asking, command.subject, { reason: 'banned', note: reason, until }).slice(0, AT_ONCE_WITH_WORDS),
  )

export const mute = (asking: Asking, command: Mute): Decision =>
  impose(asking, command, { restrictions: asking.state.mutes, type: 'AccountMuted' }, () =>
    stopVoices(asking, (session) => subjectOf(session) === command.subject).slice(0, AT_ONCE),
  )

const lift = (
  asking: Asking,
  command: Unban | Unmute,
  restrictions: ReadonlyMap<string, Restriction>,
  type: 'AccountUnbanned' | 'AccountUnmuted',
): Decision => {
  const terms = readTerms(asking, command.subject, { reason: command.reason })
  if (E.isLeft(terms)) return terms
  const standing = inForce(restrictions, command.subject, asking.at)
  if (standing === null) return E.right([])
  const may = mayOverrule(asking.state, asking.content, asking.access, standing)
  if (E.isLeft(may)) return may
  const { reason } = terms.right
  return E.right([
    { type, data: { subject: command.subject, by: actorOf(asking.by), reason, at: asking.at } },
  ])
}
export const unban = (asking: Asking, command: Unban): Decision =>
  lift(asking, command, asking.state.bans, 'AccountUnbanned')
export const unmute = (asking: Asking, command: Unmute): Decision =>
  lift(asking, command, asking.state.mutes, 'AccountUnmuted')

/** A session that is gone needs no kick. */
export const kick = (asking: Asking, command: Kick): Decision => {
  const { state, content, access } = asking
  const may = mayAs(access, 'moderate')
  if (E.isLeft(may)) return may
  const reason = parseReason(command.reason)
  if (E.isLeft(reason)) return reason
  const session = state.sessions.get(command.sessionId)
  if (session === undefined) return E.right([])
  const mayOn = mayActOn(state, content, access, subjectOf(session))
  if (E.isLeft(mayOn)) return mayOn
  return E.right([
    endSession(asking, session.sessionId, { reason: 'kicked', note: reason.right, until: null }),
  ])
}
