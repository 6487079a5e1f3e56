/** A refused command is audited too, by the one event type of `refusal-` streams. */
import * as t from 'io-ts'
import type { CaseRefusal } from './cases/refusals.ts'
import { Time } from './time.ts'

export const CommandRefused = t.type({
  type: t.literal('CommandRefused'),
  data: t.intersection([
    t.type({
      command: t.string,
      /** The code (docs/contract.md): `space_full`, `forbidden`, … */
      reason: t.string,
      at: Time,
    }),
    t.partial({
      subspace: t.string,
      target: t.string,
      detail: t.unknown,
      /** The command's own fields without personal data, from which an explanation decides it again. */
      asked: t.UnknownRecord,
    }),
  ]),
})
export type CommandRefused = t.TypeOf<typeof CommandRefused>

/** The code of a refusal (docs/contract.md): what the wire says, and `CommandRefused.reason` on the log. */
export const codeOf = (refusal: CaseRefusal): string => {
  switch (refusal._tag) {
    case 'SpaceNotFound':
      return 'space_not_found'
    case 'SpaceIsFull':
      return 'space_full'
    case 'QueueIsFull':
      return 'queue_full'
    case 'TooManySessions':
      return 'too_many_sessions'
    case 'Banned':
      return 'banned'
    case 'GuestsNotAllowed':
      return 'guests_not_allowed'
    case 'Muted':
      return 'muted'
    case 'VoiceDisabled':
      return 'voice_disabled'
    case 'NotOnStage':
      return 'not_on_stage'
    case 'ChatDisabled':
      return 'chat_disabled'
    case 'Forbidden':
      return 'forbidden'
    case 'SessionNotFound':
      return 'session_not_found'
    case 'SlowDown':
      return 'slow_down'
    case 'Invalid':
      return `invalid_${refusal.field}`
    case 'WordsHeld':
      return 'words_held'
    case 'MessageNotFound':
      return 'message_not_found'
    case 'MessageIdTaken':
    case 'EntityIdTaken':
      return 'conflict'
    case 'EntityNotFound':
      return 'entity_not_found'
    case 'TooManyEntities':
      return 'too_many_entities'
    case 'EntityTooLarge':
      return 'too_large'
    case 'EntityPinned':
      return 'entity_pinned'
    case 'SceneIsFull':
      return 'scene_full'
    case 'CaseNotFound':
      return 'case_not_found'
    case 'CaseNotTaken':
      return 'case_not_taken'
    case 'CaseIsClosed':
      return 'case_closed'
    case 'TooManyReports':
      return 'too_many_reports'
    case 'NothingToAppeal':
      return 'nothing_to_appeal'
    case 'HeardByAnother':
      return 'heard_by_another'
    default: {
      const never: never = refusal
      return never
    }
  }
}
