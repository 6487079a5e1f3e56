/** A session lock whose holder was killed is free as soon as Postgres notices. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { LOCKS } from './locks.ts'
import { connectSession } from './session.ts'
import { setLock, takeLock } from './take-lock.ts'

const test = suite('a session lock')
const database = await testDatabase()
test.after(() => database.drop())

test('given a holder that goes while somebody waits, when the lock is taken, then it is had; and while it is held, it is not', async () => {
  const [holder, next] = await Promise.all(
    ['holder', 'next'].map((name) => connectSession(database.url, name)),
  )
  await holder!.run(setLock(LOCKS.archiving))
  assert.is(await takeLock(next!, LOCKS.archiving, 0), false)
  const taking = takeLock(next!, LOCKS.archiving)
  await holder!.close()
  assert.is(await taking, true)
  await next!.close()
})

test.run()
