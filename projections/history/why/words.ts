/** An explanation in words, sentence by sentence. */
import type { ChatRefusal } from '../../../domain/chat/refusals.ts'
import { whoIs } from '../names.ts'
import type { Explanation } from './explanation.ts'
import { chainOf } from './right.ts'

const NEEDS = {
  access: 'access',
  moderate: 'a moderator',
  admin: 'an admin',
  owner: 'the owner',
  self: 'the one whose it is',
}
const why = (refusal: ChatRefusal): string => {
  switch (refusal._tag) {
    case 'SpaceNotFound':
      return 'to them there is no such space'
    case 'QueueIsFull':
      return `${refusal.max} waited for a seat already`
    case 'SpaceIsFull':
      return `all ${refusal.max} seats were taken`
    case 'TooManySessions':
      return `they had ${refusal.max} sessions there already`
    case 'Banned':
      return 'they were banned'
    case 'Muted':
      return 'they were muted'
    case 'GuestsNotAllowed':
      return 'guests were not allowed'
    case 'VoiceDisabled':
      return 'voice was switched off'
    case 'NotOnStage':
      return 'they did not have the word on the stage'
    case 'ChatDisabled':
      return 'chat was switched off'
    case 'Forbidden':
      return `it takes ${NEEDS[refusal.needs]}`
    case 'SessionNotFound':
      return 'there was no such session'
    case 'MessageNotFound':
      return 'there was no such message'
    case 'MessageIdTaken':
      return 'another message had that id'
    case 'WordsHeld':
      return refusal.of === 'edit'
        ? 'a filter holds such words for the moderators, and an edit can’t wait for them'
        : 'as many messages waited for the moderators as may'
    case 'EntityNotFound':
      return 'there was no such entity'
    case 'EntityIdTaken':
      return 'another entity had that id'
    case 'TooManyEntities':
      return `there were ${refusal.max} entities already`
    case 'EntityTooLarge':
      return 'the entity was too large'
    case 'EntityPinned':
      return 'the entity was pinned'
    case 'SceneIsFull':
      return 'the scene was as large as it may be'
    case 'SlowDown':
      return `slow mode asked for ${refusal.retryAfterSeconds} s more`
    case 'Invalid':
      return refusal.detail
    default: {
      const never: never = refusal
      return never
    }
  }
}

const outcomeOf = ({ actor, at, command: { type }, verdict, happened }: Unworded): string => {
  const who = whoIs(actor)
  const isQuestion = happened === null
  if (verdict === null) return `On ${at} ${who} asked for ${type}.`
  if (verdict.refusal !== null)
    return `On ${at} ${who} ${isQuestion ? 'would have been' : 'was'} refused ${type}: ${why(verdict.refusal)}.`
  return verdict.outcome === 'nothing'
    ? `On ${at} ${type} by ${who} would have been accepted, with nothing to change.`
    : `On ${at} ${type} by ${who} ${isQuestion ? 'would have been' : 'was'} accepted.`
}

type Unworded = Omit<Explanation, 'says'>

/** What was asked for and what happened, by what right, and each rule with what it rests on; nothing is repeated. */
export const wordsFor = (told: Unworded): ReadonlyArray<string> =>
  [
    outcomeOf(told),
    ...chainOf(told.right),
    ...told.rules.flatMap(({ says, because }) =>
      because === null ? [says] : [says, because.says, ...chainOf(because.by)],
    ),
  ].filter((sentence, i, all) => all.indexOf(sentence) === i)
