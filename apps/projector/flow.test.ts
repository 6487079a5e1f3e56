import { setTimeout as delay } from 'node:timers/promises'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { EventLog } from '../../domain/ports.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { until } from '../../infra/testing/until.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { runProjector } from './projector.ts'
import { rebuild } from './rebuild.ts'

const test = suite('a projector in a flow of events')
const space = { type: 'post', id: 'alice/my-post' } as const

test('given many events a second, then it asks for them, and is told again once few come: each is applied once', async () => {
  const database = await testDatabase()
  const log = memoryLog()
  let told = 0
  let asked = 0
  let isAway = false
  const watched: EventLog = {
    ...log,
    subscribe: (options) => {
      told += 1
      return log.subscribe(options)
    },
    readAll: (read) => {
      asked += 1
      return isAway ? TE.left({ _tag: 'LogUnavailable', cause: 'injected' }) : log.readAll(read)
    },
  }
  const projector = runProjector({ log: watched, databaseUrl: database.url })
  let said = 0
  const say = (): bigint => {
    const { stream, event } = recorded(space, posted(`m${said}`, `words ${said}`, said))
    said += 1
    return log.push(stream, event)
  }
  /** 500 events a second and more, until it holds. */
  const flow = async (what: string, holds: () => boolean): Promise<void> => {
    for (let turns = 0; !holds(); turns += 1) {
      assert.ok(turns < 1_000, `In vain until ${what}.`)
      for (let i = 0; i < 5; i += 1) say()
      await delay(10)
    }
  }
  try {
    await until('it leads', () => projector.state().caughtUp)
    const before = asked
    await flow('it asks', () => asked > before + 3)
    assert.is(told, 1)
    // The log is away for a moment: to be told waits for it.
    isAway = true
    await flow('it is told', () => told === 2)
    isAway = false
    const again = asked
    await flow('it asks again', () => asked > again + 1)
    const last = say()
    await until('all is applied', () => projector.state().position === last)
    await until('it is told again', () => told === 3)
    const one = say()
    await until('the one is applied', () => projector.state().position === one)
    const { events, differences } = await rebuild({ log, databaseUrl: database.url, compare: true })
    assert.is(events, said)
    assert.equal(differences, [])
    assert.is(projector.state().lastError, null)
  } finally {
    await projector.stop()
    await database.drop()
  }
})

test.run()
