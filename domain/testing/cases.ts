/** Helpers for tests about cases: bob owns the space, erin and frank moderate it, dave writes what is reported. */
import type { CaseCommand, CaseCommandOf, CaseTarget } from '../cases/commands.ts'
import type { CaseEvent, CaseEventOf } from '../cases/events.ts'
import type { CaseAsked } from '../cases/state.ts'
import { chatDecider } from '../chat/decider.ts'
import type { ChatEvent } from '../chat/events.ts'
import { spaceDecider } from '../space/decider.ts'
import type { SpaceEvent } from '../space/events.ts'
import { account, asked, at, type ContentKind, opened } from './people.ts'
import { fold } from './scenario.ts'
import { granted } from './space-events.ts'

export const MESSAGE = '00000000-0000-4000-8000-0000000000aa'
export const CASE = 'case-1'
const MOMENT = { space: 4, chat: 0 }
const TEAM: ReadonlyArray<SpaceEvent> = [
  granted('erin', 'moderate'),
  granted('frank', 'moderate'),
  granted('grace', 'admin'),
]

const said = (author = 'dave', messageId = MESSAGE): ChatEvent => ({
  type: 'MessagePosted',
  data: {
    messageId,
    account: author.startsWith('guest:') ? null : author,
    guest: author.startsWith('guest:') ? author : null,
    displayName: author,
    subspace: 'main',
    messageType: 'text',
    content: 'You are no good.',
    parentMessageId: null,
    threadRootId: null,
    at: at(-60),
  },
})

export type CaseSituation = {
  readonly seconds?: number
  readonly place?: ContentKind
  readonly space?: ReadonlyArray<SpaceEvent>
  readonly chat?: ReadonlyArray<ChatEvent>
}
/** A command in a space that has its team, and in whose chat dave said something. */
export const ask = (by: CaseAsked['by'], command: CaseCommand, around: CaseSituation = {}): CaseAsked => {
  const { place = 'public', space = [], chat = [said()], seconds = 0 } = around
  return {
    ...asked(by, command, { seconds, place }),
    space: fold(spaceDecider, [opened(place), ...TEAM, ...space]),
    chat: fold(chatDecider, chat),
    moment: MOMENT,
  }
}

export const theMessage: CaseTarget = { kind: 'message', messageId: MESSAGE }
export const person = (subject: string): CaseTarget => ({ kind: 'person', subject })
export const report = (over: Partial<CaseCommandOf<'FileReport'>> = {}): CaseCommandOf<'FileReport'> => ({
  type: 'FileReport',
  reportId: 'report-1',
  caseId: CASE,
  target: theMessage,
  words: 'This is unkind.',
  ...over,
})
export const take = { type: 'TakeCase', caseId: CASE } as const
export const act = (over: Partial<CaseCommandOf<'RecordAct'>> = {}): CaseCommandOf<'RecordAct'> => ({
  type: 'RecordAct',
  caseId: CASE,
  act: 'mute',
  until: null,
  rule: 'Be kind',
  reason: 'Unkind to carol',
  in: 'space',
  revision: 5,
  ...over,
})
export const close = (over: Partial<CaseCommandOf<'CloseCase'>> = {}): CaseCommandOf<'CloseCase'> => ({
  type: 'CloseCase',
  caseId: CASE,
  outcome: 'acted',
  rule: 'Be kind',
  reason: 'Unkind to carol',
  ...over,
})
export const appeal = { type: 'Appeal', caseId: CASE, words: 'It was a joke.' } as const
export const decide = (outcome: 'stands' | 'lifted' = 'lifted') =>
  ({ type: 'DecideAppeal', caseId: CASE, outcome, reason: 'A joke among friends.' }) as const

const by = (id: string, seconds = 0) => ({ caseId: CASE, by: account(id), at: at(seconds) })
export const caseOpened = (
  subject = 'dave',
  over: Partial<CaseEventOf<'CaseOpened'>['data']> = {},
): CaseEvent => ({
  type: 'CaseOpened',
  data: {
    ...by('carol'),
    subject,
    about: { kind: 'message', messageId: MESSAGE, subspace: 'main' },
    moment: MOMENT,
    ...over,
  },
})
export const filed = (
  reporter = 'carol',
  over: Partial<CaseEventOf<'ReportFiled'>['data']> = {},
): CaseEvent => ({
  type: 'ReportFiled',
  data: { ...by(reporter), reportId: 'report-1', words: 'This is unkind.', moment: MOMENT, ...over },
})
export const taken = (who = 'erin'): CaseEvent => ({ type: 'CaseTaken', data: by(who) })
export const acted = (who = 'erin', over: Partial<CaseEventOf<'CaseActed'>['data']> = {}): CaseEvent => ({
  type: 'CaseActed',
  data: {
    ...by(who),
    act: 'mute',
    until: null,
    rule: 'Be kind',
    reason: 'Unkind to carol',
    in: 'space',
    revision: 5,
    ...over,
  },
})
export const closed = (who = 'erin', outcome: 'acted' | 'dismissed' = 'acted'): CaseEvent => ({
  type: 'CaseClosed',
  data: { ...by(who), outcome, rule: 'Be kind', reason: null },
})
export const appealed: CaseEvent = { type: 'AppealMade', data: { ...by('dave'), words: 'It was a joke.' } }
export const heard: CaseEvent = {
  type: 'AppealDecided',
  data: { ...by('frank'), outcome: 'lifted', reason: 'A joke among friends.' },
}
