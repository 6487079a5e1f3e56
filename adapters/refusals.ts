/** The one place that turns refusals and errors into what a caller gets, over HTTP and sockets. */

import type { CaseRefusal } from '../domain/cases/refusals.ts'
import type { OutsideRefusal } from '../domain/outside/decide.ts'
import type { Archived, Broken, CommandError, ContentError } from '../domain/ports.ts'
import { codeOf } from '../domain/refused.ts'
import type { PostgresUnavailable } from '../projections/read-models.ts'
import type { AuthError } from './auth/errors.ts'
import type { SfuError } from './sfu/sfu.ts'

/** `status` is HTTP's; `error` a sentence; `retry_after` whole seconds. */
export type Described = {
  readonly status: number
  readonly code: string
  readonly error: string
  readonly retry_after?: number
  /** The sentence under another name, for clients that look for it there. */
  readonly message?: string
  /** The seats of a full room, and that nobody here pays for more: in the panel's form, for the panel. */
  readonly capacity?: Readonly<Record<string, number>>
  readonly is_premium?: boolean
  /** Where the requested events are, if they are no longer on the log. */
  readonly archive?: Archived
}

const said = (status: number, code: string, error: string, retryAfter?: number): Described =>
  retryAfter === undefined ? { status, code, error } : { status, code, error, retry_after: retryAfter }

const until = (moment: string | null): string => (moment === null ? '' : ` until ${moment}`)
const snake = (field: string): string =>
  field
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')

/** A caller's mistake in one field: 400 `invalid_<field>`. */
export const invalid = (field: string, detail: string): Described =>
  said(400, `invalid_${snake(field) || 'request'}`, detail)

/** More than is accepted at once. */
export const tooLarge = (detail: string): Described => said(413, 'too_large', detail)

const NEEDS = {
  access: 'This needs access to the space.',
  moderate: 'Only a moderator of the space may do this.',
  admin: 'Only an admin of the space may do this.',
  owner: 'Only the owner of the space may do this.',
  self: 'Only the one whose it is may do this.',
} as const

/** A refusal of the domain (spaces, chat and cases). */
export const describeRefusal = (refusal: CaseRefusal): Described => {
  const code = codeOf(refusal)
  switch (refusal._tag) {
    case 'SpaceNotFound':
      return said(404, code, 'There is no such space.')
    case 'SpaceIsFull':
      return said(409, code, `All ${refusal.max} seats of this space are taken.`)
    case 'QueueIsFull':
      return said(409, code, `${refusal.max} wait for a seat already, as many as may: try again later.`)
    case 'TooManySessions':
      return said(409, code, `You have ${refusal.max} sessions in this space: end one of them first.`)
    case 'Banned':
      return said(403, code, `You are banned from this space${until(refusal.until)}.`)
    case 'GuestsNotAllowed':
      return said(403, code, 'This space is for accounts only: sign in to enter.')
    case 'Muted':
      return said(403, code, `You are muted in this space${until(refusal.until)}.`)
    case 'VoiceDisabled':
      return said(403, code, 'Voice is switched off in this space.')
    case 'NotOnStage':
      return said(403, code, 'People speak on a stage here: raise your hand to be given the word.')
    case 'ChatDisabled':
      return said(403, code, 'Chat is switched off in this space.')
    case 'Forbidden':
      return said(403, code, NEEDS[refusal.needs])
    case 'SessionNotFound':
      return said(404, code, 'There is no such session in this space.')
    case 'SlowDown': {
      const seconds = Math.max(1, Math.ceil(refusal.retryAfterSeconds))
      return said(429, code, `Too fast: try again in ${seconds} s.`, seconds)
    }
    case 'Invalid':
      return said(400, code, refusal.detail)
    case 'MessageNotFound':
      return said(404, code, 'There is no such message.')
    case 'MessageIdTaken':
      return said(409, code, 'Another message already has this message_id.')
    case 'WordsHeld':
      return said(
        409,
        code,
        refusal.of === 'edit'
          ? 'The moderators of this space look at such words first: post them as a new message.'
          : 'As many messages wait for the moderators of this space as may: try again later.',
      )
    case 'EntityNotFound':
      return said(404, code, 'There is no such entity in this room.')
    case 'EntityIdTaken':
      return said(409, code, 'An entity of this room already has this id.')
    case 'TooManyEntities':
      return said(409, code, `There are ${refusal.max} entities, and no room for more: remove some first.`)
    case 'EntityTooLarge':
      return said(413, code, `An entity’s components are at most ${refusal.max} characters of JSON.`)
    case 'EntityPinned':
      return said(409, code, 'This entity is pinned: entity-remove unpins and removes it.')
    case 'SceneIsFull':
      return said(409, code, 'The scene of this room is as large as it may be: remove something first.')
    case 'CaseNotFound':
      return said(404, code, 'There is no such case.')
    case 'CaseNotTaken':
      return said(409, code, 'The case is not in your hands: take it first.')
    case 'CaseIsClosed':
      return said(409, code, 'The case is closed.')
    case 'TooManyReports':
      return said(409, code, `There are ${refusal.max} reports open already: they are looked at first.`)
    case 'NothingToAppeal':
      return said(409, code, 'There is no appeal to be made or heard: it was decided, or its time is over.')
    case 'HeardByAnother':
      return said(403, code, 'Another than whoever acted hears an appeal: the owner, or who runs the server.')
    default: {
      const never: never = refusal
      throw new Error(`unknown refusal ${JSON.stringify(never)}`)
    }
  }
}

const BROKEN: Readonly<Record<Broken, Described>> = {
  deleted: said(
    410,
    'space_deleted',
    'What happened in this space was deleted: nothing can happen in it any more.',
  ),
  cut: said(
    410,
    'space_cut',
    'The beginning of what happened in this space is gone: nothing can happen in it any more.',
  ),
  unreadable: said(
    409,
    'space_unreadable',
    'Something that happened in this space can’t be read: whoever runs the server has to look at it.',
  ),
}

/** A refusal about keys and subscriptions. */
export const describeOutside = (refusal: OutsideRefusal): Described => {
  switch (refusal._tag) {
    case 'Invalid':
      return invalid(refusal.field, refusal.detail)
    case 'KeyNotFound':
      return said(404, 'key_not_found', 'There is no such API key.')
    case 'SubscriptionNotFound':
      return said(404, 'subscription_not_found', 'There is no such subscription.')
    case 'ErasureNotFound':
      return said(404, 'erasure_not_found', 'No erasure of yours is waiting.')
    case 'ErasureHasBegun':
      return said(409, 'erasure_begun', 'Your erasure is being carried out: it can’t be withdrawn any more.')
    case 'HoldNotFound':
      return said(404, 'hold_not_found', 'There is no such legal hold.')
    case 'TooManyHolds':
      return said(
        409,
        'too_many',
        `${refusal.max} legal holds stand on this person, as many as may: release one first.`,
      )
    case 'TooManyOutside':
      return said(
        409,
        'too_many',
        `There are ${refusal.max} ${refusal.what} here, as many as may be: end one first.`,
      )
    default: {
      const never: never = refusal
      throw new Error(`unknown refusal ${JSON.stringify(never)}`)
    }
  }
}

/** A failure outside the domain: of the caller's proof, of reaching another system, of read models that lag. */
export type EdgeError =
  | CommandError<CaseRefusal>
  | AuthError
  | ContentError
  | { readonly _tag: 'InvalidSpace'; readonly detail: string }
  | { readonly _tag: 'NotCaughtUp' }
  /** Asked for the SFU of a room whose voice goes from browser to browser. */
  | { readonly _tag: 'ByMesh' }
  | SfuError
  | PostgresUnavailable

/** Describes anything that can go wrong between a caller and an answer. Causes are for the logs, never in the sentence. */
export const describeError = (error: EdgeError): Described => {
  switch (error._tag) {
    case 'Refused':
      return describeRefusal(error.refusal)
    case 'ByMesh':
      return said(409, 'voice_by_mesh', 'Voice goes from browser to browser in this room.')
    case 'SfuUnavailable':
      return said(503, 'sfu_unavailable', 'The media server of this room can’t be used just now.', 2)
    case 'Conflict':
      return said(409, 'conflict', 'Others changed this space at the same time: try again.', 1)
    case 'Broken':
      return BROKEN[error.why]
    case 'Unavailable':
      return said(503, `${error.what}_unavailable`, 'The service can’t store or read this just now.', 2)
    case 'InvalidProof':
      return said(
        401,
        'invalid_proof',
        `The proof of who you are is not valid${error.hint === undefined ? '' : `: ${error.hint}`}.`,
      )
    case 'TooManyProofs':
      return describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: error.retryAfterSeconds })
    case 'TokenExpired':
      return said(401, 'token_expired', 'The session token has expired: sign in again.')
    case 'HiveUnavailable':
      return said(503, 'hive_unavailable', 'No Hive node can be reached to check the proof.', 5)
    case 'ContentUnavailable':
      return said(
        503,
        error.what === 'hive' ? 'hive_unavailable' : 'postgres_unavailable',
        'The service can’t store or read this just now.',
        2,
      )
    case 'AuthStoreUnavailable':
    case 'PostgresUnavailable':
      return said(503, 'postgres_unavailable', 'The service can’t store or read this just now.', 2)
    case 'InvalidSpace':
      return said(400, 'invalid_space', error.detail)
    case 'NotCaughtUp':
      return said(504, 'not_caught_up', 'The read model has not come to this position yet: try again.', 1)
    default: {
      const never: never = error
      throw new Error(`unknown error ${JSON.stringify(never)}`)
    }
  }
}
