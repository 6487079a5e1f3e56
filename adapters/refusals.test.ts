import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatRefusal } from '../domain/chat/refusals.ts'
import { describeError, describeRefusal } from './refusals.ts'

const test = suite('refusals')

const REFUSALS: ReadonlyArray<readonly [ChatRefusal, number, string]> = [
  [{ _tag: 'SpaceNotFound' }, 404, 'space_not_found'],
  [{ _tag: 'SpaceIsFull', max: 5 }, 409, 'space_full'],
  [{ _tag: 'Banned', until: null }, 403, 'banned'],
  [{ _tag: 'GuestsNotAllowed' }, 403, 'guests_not_allowed'],
  [{ _tag: 'Muted', until: '2027-01-01T00:00:00.000Z' }, 403, 'muted'],
  [{ _tag: 'VoiceDisabled' }, 403, 'voice_disabled'],
  [{ _tag: 'ChatDisabled' }, 403, 'chat_disabled'],
  [{ _tag: 'Forbidden', needs: 'admin' }, 403, 'forbidden'],
  [{ _tag: 'SessionNotFound' }, 404, 'session_not_found'],
  [{ _tag: 'SlowDown', retryAfterSeconds: 2.1 }, 429, 'slow_down'],
  [{ _tag: 'Invalid', field: 'content', detail: 'It is empty.' }, 400, 'invalid_content'],
  [{ _tag: 'MessageNotFound' }, 404, 'message_not_found'],
  [{ _tag: 'MessageIdTaken' }, 409, 'conflict'],
]

test('each refusal has the contract’s status and code, and a sentence', () => {
  for (const [refusal, status, code] of REFUSALS) {
    const told = describeRefusal(refusal)
    assert.is(told.status, status, refusal._tag)
    assert.is(told.code, code)
    assert.match(told.error, /^[A-Z].*\.$/)
    assert.equal(describeError({ _tag: 'Refused', refusal }), told)
  }
})

test('slow_down says when to come back, in whole seconds', () => {
  assert.is(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: 2.1 }).retry_after, 3)
  assert.is(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: 0 }).retry_after, 1)
})

test('what is out of reach is 503 by its name, and nobody is told the cause', () => {
  for (const [error, code] of [
    [{ _tag: 'Unavailable', what: 'eventstore', cause: 'secret host' }, 'eventstore_unavailable'],
    [{ _tag: 'HiveUnavailable', cause: 'secret host' }, 'hive_unavailable'],
    [{ _tag: 'ContentUnavailable', cause: 'secret host' }, 'postgres_unavailable'],
    [{ _tag: 'PostgresUnavailable', cause: 'secret host' }, 'postgres_unavailable'],
    [{ _tag: 'AuthStoreUnavailable', cause: 'secret host' }, 'postgres_unavailable'],
  ] as const) {
    const told = describeError(error)
    assert.is(told.status, 503)
    assert.is(told.code, code)
    assert.not.match(told.error, /secret/)
  }
  assert.is(describeError({ _tag: 'InvalidProof', detail: 'secret' }).error.includes('secret'), false)
  assert.is(describeError({ _tag: 'NotCaughtUp' }).status, 504)
})

test.run()
