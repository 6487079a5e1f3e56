import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../adapters/postgres/proofs.ts'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { testEventStore } from '../../../infra/testing/eventstore.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { leafOf } from '../../../projections/audit/canonical.ts'
import { TABLES } from '../../../projections/batch.ts'
import { PARKED_TABLES } from '../../../projections/parked.ts'
import { EMPTY_EDGE, extend, rootOf } from '../../../projections/proof/merkle.ts'
import { signCheckpoint, signerOf, verifierOf } from '../../../projections/proof/note.ts'
import { posted, recorded } from '../../../projections/testing/events.ts'
import { runProjector } from '../../projector/projector.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { differ } from './differing-rows.ts'
import { withTables } from './testing/with-tables.ts'
import { verifyLog } from './verify.ts'

const test = suite('verify')
/** The full run: VERIFY_TRIALS=10000 node apps/operations/verify/verify.test.ts */
const TRIALS = Number(process.env.VERIFY_TRIALS ?? 60)
const SEED = Number(process.env.VERIFY_SEED ?? 42)
const signer = signerOf('presence.test', Buffer.alloc(32, 3))
const another = signerOf('presence.test', Buffer.alloc(32, 4))
const verifiers = [verifierOf(signer)]
const space = { type: 'post', id: 'alice/my-post' } as const
const other = { type: 'document', id: '123' } as const
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

/** Every second row of the audit log as it was stored before its ids and hashes were bytes. */
const OLDER_ROWS = `UPDATE presence_audit_log SET event_text = event_id, command_text = command_id,
    correlation_text = correlation_id, causation_text = causation_id, stream_text = stream, hash_text = hash,
    prev_hash_text = prev_hash, event_uuid = NULL, command_uuid = NULL, correlation_uuid = NULL, hash_head = NULL,
    hash_tail = NULL, prev_hash_head = NULL, prev_hash_tail = NULL
  WHERE revision % 2 = 0`

test('given tables that nobody changed, with rows stored as before, then nothing differs, and every checkpoint is valid', () =>
  withTables(async (log, databaseUrl, session) => {
    await session.exec(OLDER_ROWS)
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

type Trial = { readonly table: string; readonly keys: ReadonlyArray<string> }
const tables = [...TABLES, ...PARKED_TABLES]
const random = (() => {
  let seed = SEED
  return (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
})()
const quote = (name: string): string => `"${name}"`

/** A different value of the column's type, as SQL. */
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
    case 'ARRAY':
      return `array_append(${c}, 1)`
    case 'bytea':
      return `set_byte(${c}, ${random(32)}, get_byte(${c}, 0) # 255 # get_byte(${c}, 1))`
    default:
      return random(2) === 0
        ? `coalesce(${c}, '') || 'x'`
        : `overlay(coalesce(${c}, 'ab') placing '~' from 1 for 1)`
  }
}

test(`given a row changed, deleted, inserted or swapped in ${TRIALS} trials over every table, then each is named`, () =>
  withTables(async (log, databaseUrl, session) => {
    const { schema } = await rebuild({ log, databaseUrl, swap: false, keep: true })
    const columns = new Map<string, Array<{ name: string; type: string }>>()
    for (const row of await session.run(sql.unsafe`SELECT table_name, column_name, data_type
      FROM information_schema.columns WHERE table_schema = 'public' AND is_generated = 'NEVER' ORDER BY ordinal_position`)) {
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

    const keyOf = (table: (typeof tables)[number]) =>
      `concat(${table.key.map((name) => `${quote(name)}::text`).join(", '|', ")})`
    // Every trial is rolled back, so that the rows stay where they are.
    const there = new Map<string, ReadonlyArray<{ readonly at: string; readonly key: string }>>()
    for (const table of filled)
      there.set(
        table.name,
        (await rows(`SELECT ctid::text AS at, ${keyOf(table)} AS key FROM ${table.name} ORDER BY 2`)).map(
          (row) => ({ at: String(row.at), key: String(row.key) }),
        ),
      )
    /** Makes one alteration; null if it would change nothing, or if the same place is altered already. */
    const tamper = async (how: number, touched: Set<string>): Promise<Trial | null> => {
      const table = filled[random(filled.length)]!
      const own = columns.get(table.name)!.filter(({ name }) => name !== 'parked_at')
      const all = there.get(table.name)!
      const [one, two] = [all[random(all.length)]!, all[random(all.length)]!]
      const isTouched = (...keys: ReadonlyArray<string>) =>
        keys.some((key) => touched.has(`${table.name} ${key}`))
      const trial = (...keys: ReadonlyArray<string>): Trial => ({ table: table.name, keys })
      if (isTouched(one.key)) return null
      if (how === 1) {
        // A parked stream is removed with the events that wait in it.
        const waiting = there.get('parked_events')!.map(({ key }) => `parked_events ${key}`)
        if (table.name === 'parked_streams')
          if ([...touched].some((each) => each.startsWith('parked_events '))) return null
          else for (const each of waiting) touched.add(each)
        const gone = await rows(`DELETE FROM ${table.name} WHERE ctid = '${one.at}' RETURNING 1 AS one`)
        return gone.length === 0 ? null : trial(one.key)
      }
      if (how === 2) {
        const key = table.key[random(table.key.length)]!
        const type = own.find(({ name }) => name === key)!.type
        const into = own.map(({ name }) => quote(name)).join(', ')
        const from = own.map(({ name }) => (name === key ? turned(key, type) : quote(name))).join(', ')
        const [added] = await rows(
          `INSERT INTO ${table.name} (${into}) SELECT ${from} FROM ${table.name} WHERE ctid = '${one.at}' RETURNING ${keyOf(table)} AS key`,
        )
        return added === undefined || isTouched(String(added.key)) ? null : trial(String(added.key))
      }
      const values = how === 3 ? own.filter(({ name }) => !table.key.includes(name)) : own
      const column = values[random(values.length)]!
      const c = quote(column.name)
      if (how === 3) {
        if (one === two || isTouched(two.key)) return null
        const changed = await rows(`UPDATE ${table.name} t SET ${c} = o.${c} FROM ${table.name} o
          WHERE t.ctid IN ('${one.at}', '${two.at}') AND o.ctid IN ('${one.at}', '${two.at}') AND o.ctid <> t.ctid
            AND t.${c} IS DISTINCT FROM o.${c} RETURNING 1 AS one`)
        return changed.length < 2 ? null : trial(one.key, two.key)
      }
      const turn = turned(column.name, column.type)
      const [after] = await rows(`UPDATE ${table.name} SET ${c} = ${turn}
        WHERE ctid = '${one.at}' AND (${turn})::text IS DISTINCT FROM ${c}::text RETURNING ${keyOf(table)} AS key`)
      if (after === undefined) return null
      const key = String(after.key)
      return key === one.key ? trial(key) : isTouched(key) ? null : trial(one.key, key)
    }

    const began = performance.now()
    const byKind = new Map<string, number>()
    let passes = 0
    for (let done = 0; done < TRIALS; passes += 1) {
      await session.exec('BEGIN')
      // Alterations are made one at a time or many at once; each is named.
      const trials: Trial[] = []
      const touched = new Set<string>()
      const many = 1 + random(Math.min(24, TRIALS - done))
      while (trials.length < many) {
        await session.exec('SAVEPOINT one')
        const how = (done + trials.length) % 4
        let trial: Trial | null = null
        try {
          trial = await tamper(how, touched)
        } catch (error) {
          if (!/^(22|23)/.test(String((error as { code?: string }).code))) throw error
        }
        await session.exec(trial === null ? 'ROLLBACK TO one' : 'RELEASE one')
        if (trial === null) continue
        trials.push(trial)
        for (const key of trial.keys) touched.add(`${trial.table} ${key}`)
        const kind = `${['flipped', 'deleted', 'put in', 'swapped'][how]} in ${trial.table}`
        byKind.set(kind, (byKind.get(kind) ?? 0) + 1)
      }
      const { differences, found } = await differ({ session, schema: schema! })
      const named = new Set(
        differences.map((one) => {
          const { key } = tables.find(({ name }) => name === one.table)!
          return `${one.table} ${key.map((name) => one.key[name]).join('|')}`
        }),
      )
      for (const one of touched)
        assert.ok(named.has(one), `after ${done} trials: ${one} is not among ${JSON.stringify(differences)}`)
      // Of the rows after an altered one in the chain, only the next is reported with it.
      const audited = [...touched].filter((one) => one.startsWith('presence_audit_log ')).length
      assert.ok(found <= touched.size + audited, `${found} blamed for ${JSON.stringify(trials)}`)
      done += trials.length
      await session.exec('ROLLBACK')
      if (passes % 200 === 199) await session.exec('VACUUM')
    }
    const untouched = await session.transaction(() => differ({ session, schema: schema! }))
    assert.equal(untouched.differences, [])
    if (process.env.VERIFY_TRIALS) {
      const kinds = [...byKind]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([kind, count]) => `${count} ${kind}`)
      const seconds = ((performance.now() - began) / 1_000).toFixed(1)
      console.log(`${TRIALS} trials in ${passes} passes, ${seconds} s: ${kinds.join(', ')}`)
    }
  }))

test('given a checkpoint that was changed, signed by another key, or made for another log, then it is named', () =>
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
    await session.exec(`DELETE FROM proof_checkpoints`)
    await issue(proofs)
    await session.exec(`UPDATE proof_checkpoints SET vkey = '${verifierOf(another).vkey}'`)
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

test('given events missing at the log’s end, then their rows and the checkpoints that cover them are named', () =>
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

test('given any event of the log rewritten, then every checkpoint from elsewhere that covers it fails, earlier ones are valid, and its row is named', () =>
  withTables(async (log, databaseUrl) => {
    const leaves = log.events.map((event) => leafOf(event))
    const sizes = [1, 10, 33, 64, leaves.length]
    const checkpoints = sizes.map((size) => {
      const root = rootOf(extend(EMPTY_EDGE, leaves.slice(0, size)).edge)
      return {
        name: String(size),
        note: signCheckpoint({ origin: signer.name, size, root, extensions: [] }, signer),
      }
    })
    for (const at of [0, 9 + random(50), leaves.length - 1]) {
      const rewritten = memoryLog()
      rewritten.add(
        log.events.map((event, i) =>
          i === at ? { ...event, data: { ...(event.data as object), reason: 'rewritten' } } : event,
        ),
      )
      const done = await verifyLog({ log: rewritten, databaseUrl, verifiers, checkpoints })
      assert.equal(
        done.failures.map(({ from, what }) => [from, what]),
        sizes.filter((size) => size > at).map((size) => [String(size), 'root']),
        `event ${at}`,
      )
      const rows = done.compared!.differences.filter(({ table }) => table === 'presence_audit_log')
      assert.ok(rows.some(({ position }) => position === String(log.events[at]!.position)))
    }
  }))

test('given a tree that lacks leaves at its end or within, when the projector starts, then it is complete again', () =>
  withTables(async (log, databaseUrl, session) => {
    for (const harm of [
      'DELETE FROM proof_tiles; DELETE FROM proof_leaves',
      'DELETE FROM proof_tiles',
      'DELETE FROM proof_leaves',
      'DELETE FROM proof_leaves WHERE leaf = (SELECT max(leaf) FROM proof_leaves)',
      'DELETE FROM proof_leaves WHERE leaf = (SELECT min(leaf) FROM proof_leaves)',
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

test('given an event rewritten in the store itself, then it is named, and contradicts an earlier checkpoint even if the tables were rebuilt', async () => {
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

    // Somebody who has the file can write what they like.
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
    // The report names the range between the last valid checkpoint and the first invalid one.
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
