/** A log that is larger than the operator allows: the leading projector archives its oldest part, and no other does. */
// timeout: 240
import { readdirSync } from 'node:fs'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { until } from '../../infra/testing/until.ts'
import { loadConfig } from '../config/load.ts'
import { logBytes } from '../operations/archive/size.ts'
import {
  MASTER_KEY,
  ORIGIN,
  openRooms,
  type Rooms,
  SIGNING_KEY,
} from '../operations/archive/testing/rooms.ts'
import { holdLogSize } from './log-size.ts'

const test = suite<{ rooms: Rooms }>('the size of the log')
test.before(async (context) => {
  context.rooms = await openRooms(2)
  await context.rooms.live(60, 1)
  await context.rooms.settled()
})
test.after(({ rooms }) => rooms.close())

test('given a log larger than allowed, when the leading projector looks, then its oldest part is archived, and the log is smaller', async ({
  rooms,
}) => {
  const bytes = (await logBytes(rooms.node.url))!
  const environment = {
    ...{ EVENTSTORE_URL: rooms.node.url, DATABASE_URL: rooms.database.url, LOG_ARCHIVE_DIR: rooms.dir },
    ...{ PRIVACY_MASTER_KEY: MASTER_KEY, AUDIT_SIGNING_KEY: SIGNING_KEY, AUDIT_ORIGIN: ORIGIN },
    ...{ SESSION_SECRET: '0'.repeat(32), TURN_SECRET: '0'.repeat(32), LOG_MAX_BYTES: '1000000' },
  }
  const loaded = loadConfig(environment)
  assert.ok(E.isRight(loaded))
  const config = { ...loaded.right, archive: { ...loaded.right.archive, maxBytes: Math.floor(bytes * 0.7) } }
  Object.assign(process.env, environment)
  const said: string[] = []
  const say = (fields: object, text: string): void => void said.push(`${text} ${JSON.stringify(fields)}`)
  const logger = { info: say, warn: say, error: say }
  const idle = holdLogSize(config, logger, { leads: () => false, everyMs: 20 })
  const size = holdLogSize(config, logger, { leads: () => said.length === 0, everyMs: 50 })
  try {
    await until('it was archived', () => said.length > 0, 120_000)
  } finally {
    await Promise.all([idle.stop(), size.stop()])
  }
  assert.match(said[0]!, /the log was larger than it may be, and was archived/)
  assert.equal(readdirSync(rooms.dir), ['archive-000001'])
  assert.ok((await logBytes(rooms.node.url))! < bytes, said[0])
  await rooms.people.startAgain()
  for (let n = 0; n < 4; n += 1) await rooms.people.visit(n)
  assert.equal(rooms.people.failures, [])
})

test.run()
