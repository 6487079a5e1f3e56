import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codeOf } from './refused.ts'

const test = suite('refusals')

test('each refusal has the code of the contract', () => {
  assert.equal(
    [
      codeOf({ _tag: 'SpaceNotFound' }),
      codeOf({ _tag: 'SpaceIsFull', max: 50 }),
      codeOf({ _tag: 'Banned', until: null }),
      codeOf({ _tag: 'GuestsNotAllowed' }),
      codeOf({ _tag: 'Muted', until: null }),
      codeOf({ _tag: 'VoiceDisabled' }),
      codeOf({ _tag: 'ChatDisabled' }),
      codeOf({ _tag: 'Forbidden', needs: 'self' }),
      codeOf({ _tag: 'SlowDown', retryAfterSeconds: 1 }),
      codeOf({ _tag: 'Invalid', field: 'max_users', detail: '' }),
      codeOf({ _tag: 'MessageNotFound' }),
      codeOf({ _tag: 'MessageIdTaken' }),
      codeOf({ _tag: 'SessionNotFound' }),
      codeOf({ _tag: 'CaseNotFound' }),
      codeOf({ _tag: 'CaseNotTaken' }),
      codeOf({ _tag: 'CaseIsClosed' }),
      codeOf({ _tag: 'TooManyReports', max: 3 }),
      codeOf({ _tag: 'NothingToAppeal' }),
      codeOf({ _tag: 'HeardByAnother' }),
    ],
    [
      'space_not_found',
      'space_full',
      'banned',
      'guests_not_allowed',
      'muted',
      'voice_disabled',
      'chat_disabled',
      'forbidden',
      'slow_down',
      'invalid_max_users',
      'message_not_found',
      'conflict',
      'session_not_found',
      'case_not_found',
      'case_not_taken',
      'case_closed',
      'too_many_reports',
      'nothing_to_appeal',
      'heard_by_another',
    ],
  )
})
test.run()
