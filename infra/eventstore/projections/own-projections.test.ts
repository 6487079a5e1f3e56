/** How many projections of clients run at a time. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openStorage } from '../log/storage.ts'
import { createAppender } from '../streams/append.ts'
import { createHub } from '../subscriptions/hub.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { createOwnProjections } from './own-projections.ts'

const test = suite('clients’ projections of a node')

const QUERY = 'fromAll().when({ $any() {} })'
const made = (name: string) => ({
  ...{ name, query: QUERY, mode: 'Continuous' as const },
  ...{ isEmitting: false, isTracking: false },
})

test('given as many as may run, when one more is made or enabled, then that is refused until one is stopped', async () => {
  const storage = openStorage(temporaryDirectory('eventstore-projections-'))
  const hub = createHub()
  const appender = createAppender(storage, hub.publish)
  const own = createOwnProjections({ storage, appender, hub }, () => false, 2)
  own.create(made('a'))
  own.create(made('b'))
  await Promise.all(['a', 'b'].map((name) => own.get(name)!.read()))
  const isFull = (error: unknown): boolean =>
    (error as { details?: string }).details ===
    '2 projections of clients run, which is the most: disable or delete one of them first.'
  assert.throws(() => own.create(made('c')), isFull)
  assert.is(own.get('c'), undefined)
  own.get('a')!.turn(false)
  own.create(made('c'))
  assert.throws(() => own.enable('a'), isFull)
  own.enable('b')
  own.get('c')!.turn(false)
  own.enable('a')
  assert.ok(own.get('a')!.isOn())
  own.close()
  appender.drain()
  storage.close()
})

test.run()
