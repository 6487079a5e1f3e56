import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { createLeaseStore } from './leases.ts'
import { createPostgresPool } from './pool.ts'

const database = await testDatabase()
const pool = await createPostgresPool(database.url)
const leases = createLeaseStore(pool)

const right = <T>(either: E.Either<unknown, T>): T => {
  if (E.isLeft(either)) throw new Error(JSON.stringify(either.left))
  return either.right
}
/** As if the boot had last renewed its lease `ms` milliseconds ago. */
const age = (boot: string, ms: number) =>
  pool.query(
    sql.unsafe`UPDATE presence_leases SET renewed_at = renewed_at - ${ms}::float8 * interval '1 millisecond'
      WHERE boot = ${boot}`,
  )

const test = suite('leases in Postgres')
test.before.each(async () => {
  await pool.query(sql.unsafe`DELETE FROM presence_leases`)
})
test.after(async () => {
  await pool.end()
  await database.drop()
})

test('given a lease that is renewed, when another boot tries to take it, then it may not', async () => {
  right(await leases.renew('a', 'node-a')())
  assert.is(right(await leases.take('a', 'b', 10_000)()), false)
  const [lease] = right(await leases.all()())
  assert.is(lease?.node, 'node-a')
  assert.is(lease?.takenBy, null)
  assert.ok(lease!.idleMs < 10_000)
})

test('given a lease that was not renewed for long, when twenty try to take it at once, then one does', async () => {
  right(await leases.renew('a', 'node-a')())
  await age('a', 60_000)
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => leases.take('a', `taker-${n}`, 10_000)()),
  )
  assert.is(answers.map(right).filter(Boolean).length, 1)
})

test('given a taken lease, when its taker takes it again, then it may; when its boot renews it, then the boot is told', async () => {
  right(await leases.renew('a', 'node-a')())
  await age('a', 60_000)
  assert.is(right(await leases.take('a', 'b', 10_000)()), true)
  assert.is(right(await leases.take('a', 'b', 10_000)()), true)
  assert.is(right(await leases.take('a', 'c', 10_000)()), false)
  assert.equal(right(await leases.renew('a', 'node-a')()), { wasTaken: true })
  assert.equal(right(await leases.renew('a', 'node-a')()), { wasTaken: false })
})

test('given a boot without a lease, when somebody tries to take it, then the boot gets a lease that runs from now', async () => {
  assert.is(right(await leases.take('x', 'b', 10_000)()), false)
  assert.is(right(await leases.all()())[0]?.boot, 'x')
  await age('x', 60_000)
  assert.is(right(await leases.take('x', 'b', 10_000)()), true)
})

test('given leases of several boots, when one is released, then only its own boot or its taker may do so', async () => {
  right(await leases.renew('a', 'node-a')())
  right(await leases.release('a', 'b')())
  assert.is(right(await leases.all()()).length, 1)
  right(await leases.release('a', 'a')())
  assert.is(right(await leases.all()()).length, 0)
})

test.run()
