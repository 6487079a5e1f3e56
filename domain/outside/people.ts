/** Decides commands about what is held on people: about a person's erasure, which waits and can be withdrawn, and about
 *  legal holds, for which it waits. */
import * as E from 'fp-ts/lib/Either.js'
import type { Actor } from '../identity.ts'
import { type Invalid, invalid, parseReason } from '../text.ts'
import type { OutsideEvent } from './events.ts'
import { holdsOn, type OutsideState } from './state.ts'

/** `subject`: an account or a guest. Whether the caller may ask for them is checked where the request comes in. */
export type PersonCommand =
  /** `waitMs`: how many milliseconds it waits, so that it can be withdrawn. */
  | {
      readonly type: 'AskErasure'
      readonly erasure: string
      readonly subject: string
      readonly waitMs: number
    }
  | { readonly type: 'WithdrawErasure'; readonly subject: string }
  | { readonly type: 'BeginErasure'; readonly erasure: string; readonly subject: string }
  | {
      readonly type: 'FinishErasure'
      readonly erasure: string
      readonly subject: string
      readonly request: string
    }
  | {
      readonly type: 'PlaceLegalHold'
      readonly hold: string
      readonly subject: string
      readonly reason: string
    }
  | { readonly type: 'ReleaseLegalHold'; readonly hold: string; readonly reason: string | null }
  | { readonly type: 'GiveData'; readonly subject: string }

export type PersonRefusal =
  | Invalid
  | { readonly _tag: 'ErasureNotFound' }
  /** It is being carried out, so it can't be withdrawn any more. */
  | { readonly _tag: 'ErasureHasBegun' }
  | { readonly _tag: 'HoldNotFound' }
  | { readonly _tag: 'TooManyHolds'; readonly max: number }

type Decision = E.Either<PersonRefusal, ReadonlyArray<OutsideEvent>>

/** The most holds on one person at a time. */
const HOLDS = 20
/** If an erasure has not ended so many milliseconds after a process began it, the process is taken for dead, and
 *  another begins it again. */
const BEGUN_FOR = 600_000

const begin = (
  state: OutsideState,
  { erasure, subject }: Extract<PersonCommand, { type: 'BeginErasure' }>,
  { by, at }: { readonly by: Actor; readonly at: string },
): Decision => {
  const waiting = state.erasures.get(subject)
  const isDue = waiting?.id === erasure && waiting.due <= at && holdsOn(state, subject).length === 0
  const isAnothers =
    typeof waiting?.begunAt === 'string' && Date.parse(at) - Date.parse(waiting.begunAt) < BEGUN_FOR
  if (!isDue || isAnothers) return E.right([])
  return E.right([{ type: 'ErasureBegun', data: { erasure, subject, space: null, by, at } }])
}

export const decidePerson = (
  state: OutsideState,
  command: PersonCommand,
  asked: { readonly by: Actor; readonly at: string },
): Decision => {
  const done = { space: null, ...asked }
  switch (command.type) {
    case 'AskErasure': {
      const { erasure, subject, waitMs } = command
      if (state.erasures.has(subject)) return E.right([])
      const due = new Date(Date.parse(asked.at) + waitMs).toISOString()
      return E.right([{ type: 'ErasureAsked', data: { erasure, subject, due, ...done } }])
    }
    case 'WithdrawErasure': {
      const { subject } = command
      const waiting = state.erasures.get(subject)
      if (waiting === undefined) return E.left({ _tag: 'ErasureNotFound' })
      if (waiting.begunAt !== null) return E.left({ _tag: 'ErasureHasBegun' })
      return E.right([{ type: 'ErasureWithdrawn', data: { erasure: waiting.id, subject, ...done } }])
    }
    case 'BeginErasure':
      return begin(state, command, asked)
    case 'FinishErasure': {
      const { erasure, subject, request } = command
      if (state.erasures.get(subject)?.id !== erasure) return E.right([])
      return E.right([{ type: 'ErasureDone', data: { erasure, subject, request, ...done } }])
    }
    case 'PlaceLegalHold': {
      const { hold, subject } = command
      const reason = parseReason(command.reason)
      if (E.isLeft(reason)) return reason
      if (reason.right === null) return invalid('reason', 'A legal hold needs a reason.')
      const known = state.holds.get(hold)
      if (known !== undefined)
        return known.subject === subject && known.reason === reason.right
          ? E.right([])
          : invalid('idempotency_key', 'Another legal hold was placed under this key.')
      if (holdsOn(state, subject).length >= HOLDS) return E.left({ _tag: 'TooManyHolds', max: HOLDS })
      return E.right([{ type: 'LegalHoldPlaced', data: { hold, subject, reason: reason.right, ...done } }])
    }
    case 'ReleaseLegalHold': {
      const held = state.holds.get(command.hold)
      if (held === undefined) return E.left({ _tag: 'HoldNotFound' })
      const reason = parseReason(command.reason)
      if (E.isLeft(reason)) return reason
      const { id: hold, subject } = held
      return E.right([{ type: 'LegalHoldReleased', data: { hold, subject, reason: reason.right, ...done } }])
    }
    case 'GiveData':
      return E.right([{ type: 'DataGiven', data: { subject: command.subject, ...done } }])
    default: {
      const never: never = command
      return never
    }
  }
}

const PERSON_COMMANDS: Readonly<Record<PersonCommand['type'], true>> = {
  AskErasure: true,
  WithdrawErasure: true,
  BeginErasure: true,
  FinishErasure: true,
  PlaceLegalHold: true,
  ReleaseLegalHold: true,
  GiveData: true,
}
export const isPersonCommand = (command: { readonly type: string }): command is PersonCommand =>
  Object.hasOwn(PERSON_COMMANDS, command.type)
