/** Who may report, who handles a case, and who hears an appeal. For everybody else a case looks as if it did not exist. */
import * as E from 'fp-ts/lib/Either.js'
import { type Known, knownMessage } from '../chat/messages.ts'
import { canonicalId, isMessageId } from '../chat/text.ts'
import { isSubject, type Subject } from '../identity.ts'
import { accessOf, mayActOn, mayAs, rank, roleOf } from '../space/access.ts'
import { actorOf, type DecisionContext } from '../space/decision-context.ts'
import { pinKey } from '../space/pin.ts'
import { invalid } from '../text.ts'
import type { CaseCommand, CaseCommandOf, CaseTarget } from './commands.ts'
import type { About, CaseEvent, StoodAt } from './events.ts'
import type { CaseRefusal } from './refusals.ts'
import {
  type Case,
  type CaseAsked,
  type CasesState,
  keyOfNetwork,
  keyOfTarget,
  MAX_OF_ACCOUNT,
  MAX_OF_GUEST,
  MAX_OF_NETWORK,
  MAX_OPEN,
  MAX_REPORTERS,
} from './state.ts'
import { parseGrounds, parseRule, parseSomeWords, parseWords } from './text.ts'

type Decision = E.Either<CaseRefusal, ReadonlyArray<CaseEvent>>
type Talk = DecisionContext & {
  readonly cases: CasesState
  readonly moment: StoodAt
  readonly find: (messageId: string) => Known | null
}
const refuse = (refusal: CaseRefusal): E.Either<CaseRefusal, never> => E.left(refusal)
const CASE_NOT_FOUND = refuse({ _tag: 'CaseNotFound' })

// ── who handles ────────────────────────────────────────────────────────────────────────────────────────────

/** Whether the caller may handle a case about `subject`: a moderator above them may. People above the caller handle
 *  cases about the caller, and about people of equal or higher role. */
const mayHandle = (
  talk: Talk,
  subject: Subject,
  asSystemAdmin: boolean | undefined,
): E.Either<CaseRefusal, void> => {
  const { access, state, content, by } = talk
  if (by.kind === 'system') return E.right(undefined)
  if (by.id === subject) return CASE_NOT_FOUND
  if (asSystemAdmin === true) return E.right(undefined)
  const may = mayAs(access, 'moderate')
  if (E.isLeft(may)) return may.left._tag === 'Forbidden' ? CASE_NOT_FOUND : may
  return E.isLeft(mayActOn(state, content, access, subject)) ? CASE_NOT_FOUND : E.right(undefined)
}

type OfCase = { readonly caseId: string; readonly asSystemAdmin?: boolean | undefined }

/** The case that a moderator's command names, if they may handle it. */
const handled = (talk: Talk, { caseId, asSystemAdmin }: OfCase): E.Either<CaseRefusal, Case> => {
  const known = talk.cases.cases.get(caseId)
  // If there is no such case, the right is checked for nobody in particular, so that both get the same answer.
  const may = mayHandle(talk, known?.subject ?? '', asSystemAdmin)
  if (E.isLeft(may)) return may
  return known === undefined ? CASE_NOT_FOUND : E.right(known)
}

/** The same, if they have taken the case. */
const inHand = (talk: Talk, command: OfCase): E.Either<CaseRefusal, Case> => {
  const of = handled(talk, command)
  if (E.isLeft(of)) return of
  return of.right.takenBy === talk.by.id ? of : refuse({ _tag: 'CaseNotTaken' })
}

// ── what is reported ───────────────────────────────────────────────────────────────────────────────────────

type Of<Kind extends CaseTarget['kind']> = Extract<CaseTarget, { readonly kind: Kind }>
type Aimed = { readonly subject: Subject; readonly about: About; readonly key: string }

const aimAtPerson = ({ by }: Talk, target: Of<'person'>): E.Either<CaseRefusal, Aimed> => {
  const { subject } = target
  if (!isSubject(subject)) return invalid('subject', 'That is neither a Hive account nor a guest.')
  if (subject === by.id) return invalid('subject', 'That is yourself.')
  return E.right({ subject, about: { kind: 'person' }, key: keyOfTarget(target) })
}

const aimAtMessage = ({ find, by }: Talk, target: Of<'message'>): E.Either<CaseRefusal, Aimed> => {
  const messageId = canonicalId(target.messageId)
  if (!isMessageId(messageId)) return invalid('message_id', 'A message id is a UUID.')
  const message = find(messageId)
  if (message === null || message.deleted) return refuse({ _tag: 'MessageNotFound' })
  if (message.author === by.id) return invalid('message_id', 'That is a message of your own.')
  const about = { kind: 'message', messageId, subspace: message.subspace } as const
  return E.right({ subject: message.author, about, key: keyOfTarget(about) })
}

/** A pinned entity has somebody who pinned it; the rest of a scene is in no record. */
const aimAtEntity = ({ state, by }: Talk, target: Of<'entity'>): E.Either<CaseRefusal, Aimed> => {
  const pinned = state.pinned.get(pinKey(target.subspace, target.entityId))
  if (pinned === undefined || !isSubject(pinned.by.id)) return refuse({ _tag: 'EntityNotFound' })
  if (pinned.by.id === by.id) return invalid('entity_id', 'You pinned that yourself.')
  return E.right({ subject: pinned.by.id, about: target, key: keyOfTarget(target) })
}

/** Whose a target is, and where it is. */
const aim = (talk: Talk, target: CaseTarget): E.Either<CaseRefusal, Aimed> => {
  switch (target.kind) {
    case 'person':
      return aimAtPerson(talk, target)
    case 'message':
      return aimAtMessage(talk, target)
    case 'entity':
      return aimAtEntity(talk, target)
    default:
      return target satisfies never
  }
}

const openedBy = (talk: Talk, caseId: string, { subject, about }: Aimed): CaseEvent => ({
  type: 'CaseOpened',
  data: { caseId, subject, about, moment: talk.moment, by: actorOf(talk.by), at: talk.at },
})

/** Null if they may make one more report. */
const tooMany = ({ by, cases }: Talk, network: string | null, isNew: boolean): CaseRefusal | null => {
  const most = by.kind === 'guest' ? MAX_OF_GUEST : MAX_OF_ACCOUNT
  const over = (max: number): CaseRefusal => ({ _tag: 'TooManyReports', max })
  if ((cases.reports.get(by.id) ?? 0) >= most) return over(most)
  if (network !== null && (cases.reports.get(keyOfNetwork(network)) ?? 0) >= MAX_OF_NETWORK)
    return over(MAX_OF_NETWORK)
  const room = by.kind === 'guest' ? MAX_OPEN / 2 : MAX_OPEN
  return isNew && cases.open.size >= room ? over(room) : null
}

/** A report joins the open case about its target, if there is one; a reporter's second report about it changes nothing,
 *  and they are not told so. */
const report = (talk: Talk, command: CaseCommandOf<'FileReport'>): Decision => {
  const { access, by, at, cases } = talk
  if (by.kind !== 'account' && by.kind !== 'guest') return refuse({ _tag: 'Forbidden', needs: 'self' })
  if (E.isLeft(access.mayEnter)) return access.mayEnter
  const words = parseWords(command.words)
  if (E.isLeft(words)) return words
  const aimed = aim(talk, command.target)
  if (E.isLeft(aimed)) return aimed
  const open = cases.cases.get(cases.open.get(aimed.right.key) ?? '')
  if (open?.reporters.has(by.id) === true || (open?.reporters.size ?? 0) >= MAX_REPORTERS) return E.right([])
  // It is a repeat, long afterwards.
  if (open === undefined && cases.cases.has(command.caseId)) return E.right([])
  const network = by.kind === 'guest' ? (command.network ?? null) : null
  const over = tooMany(talk, network, open === undefined)
  if (over !== null) return refuse(over)
  const caseId = open?.id ?? command.caseId
  const filed: CaseEvent = {
    type: 'ReportFiled',
    data: {
      caseId,
      reportId: command.reportId,
      words: words.right,
      moment: talk.moment,
      by: actorOf(by),
      at,
      ...(network === null ? {} : { network }),
    },
  }
  return E.right(open === undefined ? [openedBy(talk, caseId, aimed.right), filed] : [filed])
}

const openCase = (talk: Talk, command: CaseCommandOf<'OpenCase'>): Decision => {
  const may = mayHandle(talk, '', command.asSystemAdmin)
  if (E.isLeft(may))
    return may.left._tag === 'CaseNotFound' ? refuse({ _tag: 'Forbidden', needs: 'moderate' }) : may
  const aimed = aim(talk, command.target)
  if (E.isLeft(aimed)) return aimed
  const mayOn = mayHandle(talk, aimed.right.subject, command.asSystemAdmin)
  if (E.isLeft(mayOn)) return refuse({ _tag: 'Forbidden', needs: 'owner' })
  const { cases } = talk
  if (cases.open.has(aimed.right.key) || cases.cases.has(command.caseId)) return E.right([])
  if (cases.open.size >= MAX_OPEN) return refuse({ _tag: 'TooManyReports', max: MAX_OPEN })
  return E.right([openedBy(talk, command.caseId, aimed.right)])
}

// ── what is done about it ──────────────────────────────────────────────────────────────────────────────────

const take = (talk: Talk, command: CaseCommandOf<'TakeCase'>): Decision => {
  const of = handled(talk, command)
  if (E.isLeft(of)) return of
  if (of.right.status === 'closed') return refuse({ _tag: 'CaseIsClosed' })
  if (of.right.takenBy === talk.by.id) return E.right([])
  return E.right([{ type: 'CaseTaken', data: { caseId: of.right.id, by: actorOf(talk.by), at: talk.at } }])
}

const note = (talk: Talk, command: CaseCommandOf<'NoteCase'>): Decision => {
  const of = handled(talk, command)
  if (E.isLeft(of)) return of
  const words = parseSomeWords(command.words)
  if (E.isLeft(words)) return words
  const data = { caseId: of.right.id, words: words.right, by: actorOf(talk.by), at: talk.at }
  return E.right([{ type: 'CaseNoted', data }])
}

type Worded = { readonly rule: string; readonly reason: string }
const readWorded = (asked: { rule: string | null; reason: string | null }): E.Either<CaseRefusal, Worded> => {
  const rule = parseRule(asked.rule)
  if (E.isLeft(rule)) return rule
  const reason = parseGrounds(asked.reason)
  return E.isLeft(reason) ? reason : E.right({ rule: rule.right, reason: reason.right })
}

/** Records an act that was carried out already: one that lifts an act may be recorded by whoever hears the appeal, any
 *  other by whoever has, or had, taken the case. */
const recordAct = (talk: Talk, command: CaseCommandOf<'RecordAct'>): Decision => {
  const isLifting = command.act === 'unban' || command.act === 'unmute'
  const of = isLifting ? heard(talk, command) : inHand(talk, command)
  if (E.isLeft(of)) return of
  const worded = readWorded(command)
  if (E.isLeft(worded)) return worded
  const { act, until, in: place, revision } = command
  const data = { caseId: of.right.id, act, until, ...worded.right, in: place, revision }
  return E.right([{ type: 'CaseActed', data: { ...data, by: actorOf(talk.by), at: talk.at } }])
}

const close = (talk: Talk, command: CaseCommandOf<'CloseCase'>): Decision => {
  const of = handled(talk, command)
  if (E.isLeft(of)) return of
  const { id, status, takenBy, acts } = of.right
  if (status === 'closed') return refuse({ _tag: 'CaseIsClosed' })
  if (takenBy !== talk.by.id) return refuse({ _tag: 'CaseNotTaken' })
  const { outcome } = command
  if (outcome === 'acted' && acts === 0)
    return invalid('outcome', 'Nothing was done about it: act first, or dismiss it.')
  if (outcome === 'dismissed' && acts > 0)
    return invalid('outcome', 'Something was done about it: it was acted on.')
  const worded = outcome === 'acted' ? readWorded(command) : readDismissal(command)
  if (E.isLeft(worded)) return worded
  const data = { caseId: id, outcome, ...worded.right, by: actorOf(talk.by), at: talk.at }
  return E.right([{ type: 'CaseClosed', data }])
}
const readDismissal = ({ reason }: CaseCommandOf<'CloseCase'>) =>
  E.map((text: string) => ({ rule: null, reason: text === '' ? null : text }))(parseReasonOrNone(reason))
const parseReasonOrNone = (reason: string | null): E.Either<CaseRefusal, string> =>
  reason === null || reason.trim() === '' ? E.right('') : parseGrounds(reason)

// ── appeals ────────────────────────────────────────────────────────────────────────────────────────────────

/** Only the person acted on may appeal, even if they were banned or lost access to a private space. */
const appeal = (talk: Talk, command: CaseCommandOf<'Appeal'>): Decision => {
  const { by, at, cases } = talk
  const known = cases.cases.get(command.caseId)
  if (known === undefined || known.subject !== by.id || known.acts === 0) return CASE_NOT_FOUND
  if (known.appeal === 'made') return E.right([])
  const isOver = known.appealUntil === null || Date.parse(at) > known.appealUntil
  if (known.appeal === 'decided' || isOver) return refuse({ _tag: 'NothingToAppeal' })
  const words = parseSomeWords(command.words)
  if (E.isLeft(words)) return words
  return E.right([
    { type: 'AppealMade', data: { caseId: known.id, words: words.right, by: actorOf(by), at } },
  ])
}

/** Whether the caller may hear an appeal: nobody who acted, and nobody below somebody who did, since nobody lower may
 *  lift what somebody higher set. */
const mayHear = (
  talk: Talk,
  { hands }: Case,
  asSystemAdmin: boolean | undefined,
): E.Either<CaseRefusal, void> => {
  const { by, state, content, access } = talk
  if (hands.includes(by.id)) return refuse({ _tag: 'HeardByAnother' })
  if (by.kind === 'system' || asSystemAdmin === true) return E.right(undefined)
  const above = hands
    .map((hand) => roleOf(state, content, hand))
    .find((role) => rank(role) > rank(access.role))
  return above === undefined || above === null
    ? E.right(undefined)
    : refuse({ _tag: 'Forbidden', needs: above })
}

/** The case, if it has a waiting appeal that the caller may decide. */
const heard = (talk: Talk, command: OfCase): E.Either<CaseRefusal, Case> => {
  const of = handled(talk, command)
  if (E.isLeft(of)) return of
  if (of.right.appeal !== 'made') return refuse({ _tag: 'NothingToAppeal' })
  const may = mayHear(talk, of.right, command.asSystemAdmin)
  return E.isLeft(may) ? may : of
}

const decideAppeal = (talk: Talk, command: CaseCommandOf<'DecideAppeal'>): Decision => {
  const of = heard(talk, command)
  if (E.isLeft(of)) return of
  const reason = parseGrounds(command.reason)
  if (E.isLeft(reason)) return reason
  const data = { caseId: of.right.id, outcome: command.outcome, reason: reason.right }
  return E.right([{ type: 'AppealDecided', data: { ...data, by: actorOf(talk.by), at: talk.at } }])
}

const RULES: {
  readonly [Name in CaseCommand['type']]: (talk: Talk, command: CaseCommandOf<Name>) => Decision
} = {
  FileReport: report,
  OpenCase: openCase,
  TakeCase: take,
  NoteCase: note,
  RecordAct: recordAct,
  CloseCase: close,
  Appeal: appeal,
  DecideAppeal: decideAppeal,
}

const talkOf = (asked: CaseAsked, cases: CasesState, moment: StoodAt): Talk => {
  const { space: state, chat, by, at, content, rules } = asked
  return {
    state,
    by,
    at,
    content,
    rules,
    access: accessOf(state, by, content, at),
    cases,
    moment,
    find: (id) => knownMessage(chat, asked.found, id),
  }
}

/** `asked.moment`: the revisions of the space's and the chat's states in `asked`. */
export const decideCase = (asked: CaseAsked, cases: CasesState): Decision => {
  const { command, moment } = asked
  return RULES[command.type](talkOf(asked, cases, moment), command as never)
}

/** The same question for reads: whether a caller may see a case about `subject`. */
export const mayRead = (context: DecisionContext, subject: Subject, asSystemAdmin: boolean): boolean =>
  E.isRight(mayHandle(context as Talk, subject, asSystemAdmin))

/** The message that a report names and that must be looked up if the chat's window does not have it. */
export const messageNeeded = ({ command }: Pick<CaseAsked, 'command'>): string | null => {
  if (command.type !== 'FileReport' && command.type !== 'OpenCase') return null
  return command.target.kind === 'message' ? canonicalId(command.target.messageId) : null
}
