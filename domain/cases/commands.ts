/** The commands about reports and cases, one entry each. The server makes the ids; `decide.ts` decides. Nothing that a
 *  refused command says is kept: it would tell whoever reads refusals that there was a report. */
import * as t from 'io-ts'
import { type AnyFields, type CommandWith, field, network } from '../fields.ts'
import type { RateClass } from '../space/commands.ts'
import { ActKind, type AppealOutcome, type CloseOutcome } from './events.ts'

type Entry<F extends AnyFields> = {
  readonly fields: F
  /** Who may send it, in words; the rule itself is in the decider. */
  readonly who: string
  /** What it does, in words. */
  readonly says: string
  readonly rate: RateClass
  readonly asksContent: true
}
const command = <F extends AnyFields>(entry: Omit<Entry<F>, 'asksContent'>): Entry<F> => ({
  asksContent: true,
  ...entry,
})

const hidden = { isPersonal: true, isInner: true } as const
const CaseTarget = t.union([
  t.type({ kind: t.literal('message'), messageId: t.string }),
  t.type({ kind: t.literal('person'), subject: t.string }),
  t.type({ kind: t.literal('entity'), entityId: t.string, subspace: t.string }),
])
export type CaseTarget = t.TypeOf<typeof CaseTarget>

const target = field(CaseTarget, { kind: 'person', subject: '' }, hidden)
const caseId = field(t.string, '', hidden)
const words = field(t.string, '', hidden)
const rule = field(t.union([t.string, t.null]), null, hidden)
const reason = field(t.union([t.string, t.null]), null, hidden)
/** The server recognised the caller as one of SYSTEM_ADMINS, who are above every space's owner here. */
const asSystemAdmin = field(t.union([t.boolean, t.undefined]), undefined, hidden)

export const CASE_COMMANDS = {
  FileReport: command({
    fields: {
      reportId: field(t.string, '', hidden),
      /** The id of the case that it opens if no case about the same target is open. */
      caseId,
      target,
      words,
      network: { ...network, isPersonal: true },
    },
    who: 'whoever may enter',
    says: 'Reports a message, a person or a pinned entity to the moderators. Only they learn who reported it.',
    rate: 'report',
  }),
  OpenCase: command({
    fields: { caseId, target, asSystemAdmin },
    who: 'moderator above the person it is about',
    says: 'Opens a case that nobody reported.',
    rate: 'moderation',
  }),
  TakeCase: command({
    fields: { caseId, asSystemAdmin },
    who: 'moderator above the person it is about',
    says: 'Takes a case, even from somebody else who had taken it.',
    rate: 'moderation',
  }),
  NoteCase: command({
    fields: { caseId, words, asSystemAdmin },
    who: 'moderator above the person it is about',
    says: 'Writes a note that moderators read.',
    rate: 'moderation',
  }),
  RecordAct: command({
    fields: {
      caseId,
      act: field(ActKind, 'kick', hidden),
      until: field(t.union([t.string, t.null]), null, hidden),
      rule,
      reason,
      in: field(t.union([t.literal('space'), t.literal('chat')]), 'space', hidden),
      revision: field(t.number, -1, hidden),
      asSystemAdmin,
    },
    who: 'whoever has taken the case; the server, for an act that it carried out for them',
    says: 'Records in the case what was done about it.',
    rate: 'moderation',
  }),
  CloseCase: command({
    fields: {
      caseId,
      outcome: field<CloseOutcome>(
        t.union([t.literal('acted'), t.literal('dismissed')]),
        'dismissed',
        hidden,
      ),
      rule,
      reason,
      asSystemAdmin,
    },
    who: 'whoever has taken the case',
    says: 'Closes a case, with the rule and the reason.',
    rate: 'moderation',
  }),
  Appeal: command({
    fields: { caseId, words },
    who: 'the person who was acted on, within 30 days, even if banned',
    says: 'Asks that somebody else decide about what was done, once per case.',
    rate: 'report',
  }),
  DecideAppeal: command({
    fields: {
      caseId,
      outcome: field<AppealOutcome>(t.union([t.literal('stands'), t.literal('lifted')]), 'stands', hidden),
      reason,
      asSystemAdmin,
    },
    who: 'somebody other than whoever acted, and not lower; if there is nobody, the owner or SYSTEM_ADMINS',
    says: 'Decides an appeal.',
    rate: 'moderation',
  }),
} as const

type Entries = typeof CASE_COMMANDS
export type CaseCommandName = keyof Entries
export type CaseCommandOf<Name extends CaseCommandName> = CommandWith<Name, Entries[Name]['fields']>
export type CaseCommand = { [Name in CaseCommandName]: CaseCommandOf<Name> }[CaseCommandName]

export const CASE_COMMAND_NAMES = Object.keys(CASE_COMMANDS) as ReadonlyArray<CaseCommandName>
const isCaseName = (name: string): name is CaseCommandName => Object.hasOwn(CASE_COMMANDS, name)
export const isCaseCommand = (command: { readonly type: string }): command is CaseCommand =>
  isCaseName(command.type)
