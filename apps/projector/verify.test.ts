import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createProofs } from '../../adapters/postgres/proofs.ts'
import { connectSession, type Session } from '../../adapters/postgres/session.ts'
import { testEventStore } from '../../infra/testing/eventstore.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { until } from '../../infra/testing/until.ts'
import { TABLES } from '../../projections/batch.ts'
import { PARKED_TABLES } from '../../projections/parked.ts'
import { signCheckpoint, signerOf, verifierOf } from '../../projections/proof/note.ts'
import { anyEvents, posted, recorded } from '../../projections/testing/events.ts'
import { differ } from './differ.ts'
import { runProjector } from './projector.ts'
import { rebuild } from './rebuild.ts'
import { verifyLog } from './verify.ts'

const test = suite('verify')
/** The full run: VERIFY_TRIALS=10000 node apps/projector/verify.test.ts */
const TRIALS = Number(process.env.VERIFY_TRIALS ?? 100)
const SEED = Number(process.env.VERIFY_SEED ?? 42)
const signer = signerOf('presence.test', Buffer.alloc(32, 3))
const verifiers = [verifierOf(signer)]
const space = { type: 'post', id: 'alice/my-post' } as const
const other = { type: 'document', id: '123' } as const

/** A log in memory with a parked stream in it, and the tables that a projector made of it. */
const withTables = async (
  work: (log: ReturnType<typeof memoryLog>, url: string, session: Session) => Promise<void>,
): Promise<void> => {
  const database = await testDatabase()
  const session = await connectSession(database.url, 'test')
  try {
    const log = memoryLog(97)
    for (const all of fc.sample(anyEvents(60), { numRuns: 16, seed: 11 }))
      for (const { stream, event } of all) log.push(stream, event)
    const strange = recorded({ type: 'document', id: '999' }, posted('px', 'parked', 2))
    log.push(strange.stream, { ...strange.event, type: 'MessageShouted' }, strange.event)
    const projector = runProjector({ log, databaseUrl: database.url })
    const end = log.events.at(-1)!.position
    await until('all is applied', () => projector.state().position === end)
    await projector.stop()
    await work(log, database.url, session)
  } finally {
    await session.close()
    await database.drop()
  }
}
const proofsOn = async (url: string, now: () => number = Date.now) => {
  const pool = await createPostgresPool(url, { maxConnections: 2 })
  const proofs = createProofs({ pool, signer, clock: { now }, everyMs: 0 })
  return { proofs, pool }
}
const issue = async (proofs: Awaited<ReturnType<typeof proofsOn>>['proofs']) => {
  const issued = await proofs.checkpoint()()
  if (issued._tag === 'Left' || issued.right.kind !== 'issued') throw new Error('No checkpoint was issued.')
  return issued.right.checkpoint
}

test('given tables that nobody touched, then nothing differs, and every checkpoint holds', () =>
  withTables(async (log, databaseUrl) => {
    const { proofs, pool } = await proofsOn(databaseUrl)
    const { size, note } = await issue(proofs)
    const done = await verifyLog({
      log,
      databaseUrl,
      verifiers,
      checkpoints: [{ name: 'a file', note }],
      batchSize: 50,
    })
    assert.equal(done.compared?.differences, [])
    assert.equal(done.failures, [])
    assert.is(done.checkpoints, 2)
    assert.is(done.size, log.events.length)
    assert.is(size, done.size)
    assert.ok(note.includes(done.root.toString('base64')))
    await pool.end()
  }))

type Trial = { readonly table: string; readonly key: ReadonlyArray<string> }
const tables = [...TABLES, ...PARKED_TABLES]
const random = (() => {
  let seed = SEED
  return (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
})()
const quote = (name: string): string => `"${name}"`

/** Another value of the column's type, as SQL. */
const turned = (column: string, type: string): string => {
  const c = quote(column)
  switch (type) {
    case 'boolean':
      return `NOT coalesce(${c}, false)`
    case 'bigint':
    case 'integer':
      return `coalesce(${c}, 0) + 1`
    case 'jsonb':
      return `jsonb_build_object('was', coalesce(${c}, 'null'))`
    case 'timestamp with time zone':
      return `coalesce(${c}, now()) + interval '1 millisecond'`
    case 'bytea':
      return `set_byte(${c}, ${random(32)}, get_byte(${c}, 0) # 255 # get_byte(${c}, 1))`
    default:
      return random(2) === 0
        ? `coalesce(${c}, '') || 'x'`
        : `overlay(coalesce(${c}, 'ab') placing '~' from 1 for 1)`
  }
}

test(`given a row flipped, deleted, put in or swapped in ${TRIALS} trials over every table, then each is named`, () =>
  withTables(async (log, databaseUrl, session) => {
    const { schema } = await rebuild({ log, databaseUrl, swap: false, keep: true })
    const columns = new Map<string, Array<{ name: string; type: string }>>()
    for (const row of await session.run(sql.unsafe`SELECT table_name, column_name, data_type
      FROM information_schema.columns WHERE table_schema = 'public' ORDER BY ordinal_position`)) {
      const of = columns.get(String(row.table_name)) ?? []
      of.push({ name: String(row.column_name), type: String(row.data_type) })
      columns.set(String(row.table_name), of)
    }
    const rows = async (text: string) => session.run({ ...sql.unsafe``, sql: text, values: [] })
    const filled: Array<(typeof tables)[number]> = []
    for (const table of tables)
      if (((await rows(`SELECT 1 AS one FROM ${table.name} LIMIT 1`))[0]?.one ?? 0) === 1) filled.push(table)
    assert.equal(
      tables.filter((table) => !filled.includes(table)).map(({ name }) => name),
      [],
      'every table has rows',
    )

    /** Null where the trial would change nothing, or Postgres would not have it. */
    const tamper = async (how: number): Promise<Trial | null> => {
      const table = filled[random(filled.length)]!
      const own = columns.get(table.name)!.filter(({ name }) => name !== 'parked_at')
      const values = own.filter(({ name }) => !table.key.includes(name))
      const keys = table.key.map((name) => `${quote(name)}::text`).join(", '|', ")
      const picked = await rows(
        `SELECT ctid::text AS at, concat(${keys}) AS key, md5(t::text) AS row FROM ${table.name} t ORDER BY md5(${random(1e9)} || ctid::text) LIMIT 2`,
      )
      const [one, two] = picked
      const trial = { table: table.name, key: [String(one?.key)] }
      if (how === 1) {
        await session.exec(`DELETE FROM ${table.name} WHERE ctid = '${one?.at}'`)
        return trial
      }
      if (how === 2) {
        const key = table.key[random(table.key.length)]!
        const type = own.find(({ name }) => name === key)!.type
        const into = own.map(({ name }) => quote(name)).join(', ')
        const from = own.map(({ name }) => (name === key ? turned(key, type) : quote(name))).join(', ')
        const added = await rows(
          `INSERT INTO ${table.name} (${into}) SELECT ${from} FROM ${table.name} WHERE ctid = '${one?.at}' RETURNING concat(${keys}) AS key`,
        )
        return { table: table.name, key: [String(added[0]?.key)] }
      }
      const column = values[random(values.length)]!
      if (how === 3) {
        if (two === undefined) return null
        const c = quote(column.name)
        const changed = await rows(`UPDATE ${table.name} t SET ${c} = o.${c} FROM ${table.name} o
          WHERE t.ctid IN ('${one?.at}', '${two.at}') AND o.ctid IN ('${one?.at}', '${two.at}') AND o.ctid <> t.ctid
            AND t.${c} IS DISTINCT FROM o.${c} RETURNING 1 AS one`)
        return changed.length === 0 ? null : { table: table.name, key: [String(one?.key), String(two.key)] }
      }
      await session.exec(
        `UPDATE ${table.name} SET ${quote(column.name)} = ${turned(column.name, column.type)} WHERE ctid = '${one?.at}'`,
      )
      const [after] = await rows(
        `SELECT count(*) AS rows FROM ${table.name} t WHERE md5(t::text) = '${one?.row}'`,
      )
      return Number(after?.rows) > 0 ? null : trial
    }

    const began = performance.now()
    for (let done = 0; done < TRIALS; ) {
      await session.exec('BEGIN')
      let trial: Trial | null = null
      try {
        trial = await tamper(done % 4)
      } catch (error) {
        if (!/^(22|23)/.test(String((error as { code?: string }).code))) throw error
      }
      if (trial !== null) {
        const { differences, found } = await differ({ session, schema: schema! })
        assert.ok(found > 0, `trial ${done}: not found (${JSON.stringify(trial)})`)
        for (const key of trial.key)
          assert.ok(
            differences.some(
              (one) =>
                one.table === trial.table &&
                tables
                  .find(({ name }) => name === one.table)!
                  .key.map((name) => one.key[name])
                  .join('|') === key,
            ),
            `trial ${done}: ${JSON.stringify(trial)} is not among ${JSON.stringify(differences)}`,
          )
        // What stands behind the row in the chain is not blamed with it, but for the next.
        if (trial.table === 'presence_audit_log') assert.ok(found <= 2 * trial.key.length, `${found} blamed`)
        done += 1
      }
      await session.exec('ROLLBACK')
    }
    if (process.env.VERIFY_TRIALS)
      console.log(`${TRIALS} trials in ${(performance.now() - began).toFixed(0)} ms`)
  }))

test('given a checkpoint that was changed, signed by another, or of another log, then it is named', () =>
  withTables(async (log, databaseUrl, session) => {
    const { proofs, pool } = await proofsOn(databaseUrl)
    await issue(proofs)
    const verify = async () =>
      (await verifyLog({ log, databaseUrl, verifiers })).failures.map(({ what }) => what)
    await session.exec(`UPDATE proof_checkpoints SET note = replace(note, 'position ', 'position 1')`)
    assert.equal(await verify(), ['signature', 'position'])
    await session.exec(`DELETE FROM proof_checkpoints`)
    await issue(proofs)
    await session.exec(`UPDATE proof_checkpoints SET root = 'AAAA'`)
    assert.equal(await verify(), ['row'])
    const forged = signCheckpoint(
      { origin: signer.name, size: 10, root: randomBytes(32), extensions: [] },
      signer,
    )
    const { failures } = await verifyLog({
      log,
      databaseUrl,
      verifiers,
      checkpoints: [
        { name: 'forged', note: forged },
        { name: 'none', note: 'no checkpoint' },
      ],
    })
    assert.equal(
      failures.map(({ from, what }) => [from, what]),
      [
        ['proof_checkpoints', 'row'],
        ['none', 'malformed'],
        ['forged', 'root'],
      ],
    )
    await pool.end()
  }))

test('given a log that grows and a projector at work, when verified meanwhile, then nothing differs', () =>
  withTables(async (log, databaseUrl) => {
    const projector = runProjector({ log, databaseUrl })
    let said = 0
    const done = await verifyLog({
      log,
      databaseUrl,
      verifiers,
      batchSize: 40,
      onProgress: () => {
        said += 1
        const { stream, event } = recorded(space, posted(`meanwhile${said}`, 'meanwhile', said % 60))
        log.push(stream, event)
      },
    })
    assert.equal(done.compared?.differences, [])
    assert.ok(said > 2, `${said} meanwhile`)
    await projector.stop()
  }))

test('given events gone from the log’s end, then the rows of them and the checkpoints over them are named', () =>
  withTables(async (log, databaseUrl) => {
    const { proofs, pool } = await proofsOn(databaseUrl)
    const { size } = await issue(proofs)
    const shorter = memoryLog()
    shorter.add(log.events.slice(0, -3))
    const done = await verifyLog({ log: shorter, databaseUrl, verifiers })
    assert.is(done.size, size - 3)
    assert.equal(
      done.failures.map(({ what }) => what),
      ['root'],
    )
    assert.match(done.failures[0]!.detail, 'some are gone')
    const gone = done.compared!.differences.filter(({ table }) => table === 'presence_audit_log')
    assert.equal(
      gone.map(({ kind, position }) => [kind, position]),
      log.events.slice(-3).map(({ position }) => ['added', String(position)]),
    )
    await pool.end()
  }))

test('given a tree that lacks leaves, or is torn, when the projector starts, then it is whole again', () =>
  withTables(async (log, databaseUrl, session) => {
    for (const harm of [
      'DELETE FROM proof_leaves',
      'DELETE FROM proof_leaves WHERE leaf > 100',
      'DELETE FROM proof_leaves WHERE leaf = 127',
    ]) {
      await session.exec(harm)
      const projector = runProjector({ log, databaseUrl })
      const { stream, event } = recorded(space, posted(harm, 'and on', 5))
      const end = log.push(stream, event)
      await until('it goes on', () => projector.state().position === end)
      await projector.stop()
      const { compared } = await verifyLog({ log, databaseUrl, verifiers })
      assert.equal(compared?.differences, [], harm)
    }
  }))

test('given an event rewritten in the store itself, then it is named, and held against an earlier checkpoint even where the tables were made anew', async () => {
  const [store, database] = await Promise.all([testEventStore(), testDatabase()])
  let log = connectEventLog({ url: store.url })
  const projector = runProjector({ log, databaseUrl: database.url })
  const { proofs, pool } = await proofsOn(database.url)
  try {
    const say = async (from: number, to: number) => {
      for (let i = from; i < to; i += 1) {
        const { stream, event } = recorded(
          i % 3 === 0 ? other : space,
          posted(`m${i}`, `words number ${i}`, i),
        )
        const appended = await log.append(stream, 'any', [event])()
        if (appended._tag === 'Left') throw new Error(appended.left._tag)
        if (i === to - 1)
          await until('all is applied', () => (projector.state().position ?? 0n) >= appended.right.position)
      }
    }
    await say(0, 20)
    await issue(proofs)
    await say(20, 40)
    const early = await issue(proofs)
    await say(40, 60)
    await issue(proofs)
    await projector.stop()
    await log.close()

    // Whoever has the file can write what they like.
    await store.kill()
    const file = new DatabaseSync(join(store.dataDir, 'events.db'))
    const [{ position }] = file
      .prepare('SELECT position FROM events WHERE instr(CAST(body AS TEXT), ?) > 0')
      .all('words number 33') as [{ position: number }]
    const [{ body }] = file.prepare('SELECT body FROM events WHERE position = ?').all(position) as [
      { body: Uint8Array },
    ]
    const bytes = Buffer.from(body)
    bytes.write('worse', bytes.indexOf('words number 33'))
    file.prepare('UPDATE events SET body = ?, crc = ? WHERE position = ?').run(bytes, crc32(bytes), position)
    file.close()
    await store.restart()
    log = connectEventLog({ url: store.url })
    const verify = () =>
      verifyLog({
        log,
        databaseUrl: database.url,
        verifiers,
        checkpoints: [{ name: 'kept elsewhere', note: early.note }],
      })

    const first = await verify()
    const named = first.compared!.differences.map(({ table, position: at, columns }) => [table, at, columns])
    assert.ok(
      named.some(([table, at]) => table === 'presence_audit_log' && at === String(position)),
      JSON.stringify(named),
    )
    assert.ok(named.some(([table, at]) => table === 'chat_messages' && at === String(position)))
    assert.is(named.filter(([table]) => table === 'presence_audit_log').length, 1)
    assert.equal(
      first.failures.map(({ from, size, what }) => [from, size, what]),
      [
        ['proof_checkpoints', 40, 'root'],
        ['proof_checkpoints', 60, 'root'],
        ['kept elsewhere', 40, 'root'],
      ],
    )
    // Named within the events between the last checkpoint that holds and the first that does not.
    const [, after, upTo] = /after position (\d+) and up to (\d+)/.exec(first.failures[0]!.detail)!
    assert.ok(Number(after) < position && position <= Number(upTo))

    await rebuild({ log, databaseUrl: database.url })
    const second = await verify()
    assert.equal(second.compared!.differences, [])
    assert.is(second.failures.length, 3)
    const refused = await proofs.checkpoint()()
    assert.equal(refused, { _tag: 'Right', right: { kind: 'altered' } })

    const session = await connectSession(database.url, 'test')
    await session.exec('DELETE FROM proof_checkpoints')
    await session.close()
    assert.equal(
      (await verify()).failures.map(({ from }) => from),
      ['kept elsewhere'],
    )
  } finally {
    await projector.stop()
    await pool.end()
    await log.close()
    await store.stop()
    await database.drop()
  }
})

test.run()
