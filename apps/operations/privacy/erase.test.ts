/** A person with 5,000 messages is erased on a real log and a real database; then everything is searched for them. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog, type EventStoreLog } from '../../../adapters/eventstore/index.ts'
import { LOCKS } from '../../../adapters/postgres/locks.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { setLock } from '../../../adapters/postgres/take-lock.ts'
import { type ConnectedVault, connectVault } from '../../../adapters/privacy/connect.ts'
import { sealedLog } from '../../../adapters/privacy/sealed-log.ts'
import type { AnyEvent } from '../../../domain/codec.ts'
import { STREAM_PREFIXES } from '../../../domain/names.ts'
import type { NewEvent } from '../../../domain/ports.ts'
import { type TestEventStore, testEventStore } from '../../../infra/testing/eventstore.ts'
import { type TestDatabase, testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { chain, GENESIS, leafOf } from '../../../projections/audit/canonical.ts'
import { leavesAt } from '../../../projections/proof/queries.ts'
import { alice, at, bob, guest, joined, posted, recorded } from '../../../projections/testing/events.ts'
import { type Projector, runProjector } from '../../projector/projector.ts'
import { exportLog } from '../log-transfer/file.ts'
import { dumpTables } from '../rebuild/compare.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { erase, reapply } from './erase.ts'
import { exportPerson, type HeldItem } from './export.ts'
import { erasureRequests } from './requests.ts'

const test = suite('a person is erased')
const MESSAGES = Number(process.env.ERASE_MESSAGES ?? 900)
const MASTER = '0f'.repeat(32)
const rooms = [
  { type: 'post', id: 'alice/my-post' },
  { type: 'document', id: '123' },
] as const
/** Everything of hers contains one of these. */
const HERS = ['alicesaid', '203.0.113.77', 'AliceBrowser/9', 'alicehat']

let store: TestEventStore
let database: TestDatabase
let raw: EventStoreLog
let vault: ConnectedVault
let log: EventStoreLog
let session: DatabaseSession
let projector: Projector
let last = 0n

/** An event with an address and a user agent of its own for each actor. */
const from = (space: (typeof rooms)[number], event: AnyEvent, who = alice) => {
  const made = recorded(space, event, who)
  const client =
    who === alice
      ? { ip: '203.0.113.77', userAgent: 'AliceBrowser/9' }
      : { ip: '198.51.100.5', userAgent: 'OtherBrowser/1' }
  return { ...made, event: { ...made.event, metadata: { ...(made.event.metadata as object), client } } }
}
const append = async (all: ReadonlyArray<{ readonly stream: string; readonly event: NewEvent }>) => {
  const streams = new Map<string, NewEvent[]>()
  for (const { stream, event } of all) streams.set(stream, [...(streams.get(stream) ?? []), event])
  for (const [stream, events] of streams)
    for (let i = 0; i < events.length; i += 500) {
      const written = await log.append(stream, 'any', events.slice(i, i + 500))()
      assert.ok(E.isRight(written), E.isLeft(written) ? written.left._tag : '')
      if (E.isRight(written) && written.right.position > last) last = written.right.position
    }
}
// A checkpoint may advance it beyond its last own event.
const settled = () => until('the tables are there', () => (projector.state().position ?? -1n) >= last, 60_000)

const BOB = { account: 'bob', displayName: 'bob' }
const message = (id: string, words: string, second: number, more = {}): AnyEvent =>
  posted(id, words, second, more)
const edited = (messageId: string, by: typeof alice, words: string): AnyEvent => ({
  type: 'MessageEdited',
  data: { messageId, subspace: 'main', by, content: words, at: at(9_000) },
})

test.before(async () => {
  ;[store, database] = await Promise.all([testEventStore(), testDatabase()])
  raw = connectEventLog({ url: store.url })
  vault = connectVault({ databaseUrl: database.url, masterKey: MASTER })
  await vault.ready
  log = sealedLog(raw, vault)
  session = await connectSession(database.url, 'test')
  projector = runProjector({ log, databaseUrl: database.url, onLead: () => vault.forget() })
  const all = []
  for (const [n, space] of rooms.entries()) {
    all.push(
      from(space, joined(`a${n}`, alice, 1, { avatarData: { model: `alicehat-${n}` } })),
      from(space, joined(`b${n}`, bob, 1, { avatarData: { model: 'a plain hat' } }), bob),
      from(space, joined(`g${n}`, guest, 1), guest),
    )
    const box = { subspace: 'main', entityId: `box-${n}`, weight: 30 }
    all.push(
      from(
        space,
        {
          type: 'EntityPinned',
          data: {
            ...box,
            template: null,
            ownership: null,
            components: { text: 'what bob wrote' },
            by: bob,
            at: at(9_003),
          },
        },
        bob,
      ),
      from(space, {
        type: 'EntityChanged',
        data: { ...box, components: { text: 'alicesaid in 3-D' }, by: alice, at: at(9_004) },
      }),
    )
    for (let i = 0; i < MESSAGES / rooms.length; i += 1) {
      all.push(from(space, message(`a${n}-${i}`, `alicesaid ${n} ${i} “so”`, i)))
      if (i % 10 === 0) all.push(from(space, message(`b${n}-${i}`, `bob answers ${i}`, i, BOB), bob))
      if (i % 50 === 0) all.push(from(space, edited(`a${n}-${i}`, alice, `alicesaid better ${i}`)))
      if (i % 50 === 1)
        all.push(
          from(
            space,
            {
              type: 'MessageDeleted',
              data: { messageId: `a${n}-${i}`, subspace: 'main', by: bob, at: at(9_001) },
            },
            bob,
          ),
        )
      if (i % 50 === 2)
        all.push(
          from(space, {
            type: 'ReactionAdded',
            data: { messageId: `b${n}-0`, subspace: 'main', by: alice, emoji: '👍', at: at(9_002) },
          }),
        )
    }
  }
  await append(all)
  // An event that can't be read, so that something of hers waits in the parked events.
  const strange = from({ type: 'document', id: '999' } as never, message('x1', 'alicesaid parked', 1))
  await append([
    { ...strange, event: { ...strange.event, metadata: { ...strange.event.metadata, schema: 99 } } },
  ])
  await settled()
})

test.after(async () => {
  await projector.stop()
  await session.close()
  await log.close()
  await vault.close()
  await store.stop()
  await database.drop()
})

const everyTable = async (): Promise<ReadonlyArray<readonly [string, string]>> => {
  const tables = await session.run(
    sql.unsafe`SELECT table_schema AS s, table_name AS n FROM information_schema.tables
      WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')`,
  )
  return tables.map(({ s, n }) => [String(s), String(n)] as const)
}
/** How many rows of each table contain any of these words. */
const found = async (words: ReadonlyArray<string>): Promise<Record<string, number>> => {
  const hits: Record<string, number> = {}
  const any = words.map((word) => word.replace(/[^a-z0-9 ]/gi, '\\$&')).join('|')
  for (const [schema, table] of await everyTable()) {
    const [row] = await session.run(
      sql.unsafe`SELECT count(*) AS n FROM ${sql.identifier([schema, table])} AS t WHERE t::text ~ ${any}`,
    )
    if (Number(row?.n) > 0) hits[table] = Number(row?.n)
  }
  return hits
}
const filesWith = (folder: string, words: ReadonlyArray<string>): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
    .filter((file) => {
      const bytes = readFileSync(file)
      return words.some((word) => bytes.includes(word))
    })
const others = async () =>
  Object.fromEntries(
    Object.entries(await dumpTables(session, 'public')).map(([table, rows]) => [
      table,
      rows.filter((row) => !row.includes('alice')),
    ]),
  )
type Tables = Readonly<Record<string, ReadonlyArray<string>>>
/** The request is in the audit log, and so in the tree; nothing else is new. */
const butRequests = (before: Tables, after: Tables): Tables => ({
  ...after,
  presence_audit_log: after.presence_audit_log!.filter((row) => !/(Erasure|Export)Requested/.test(row)),
  proof_tiles: after.proof_tiles!.slice(0, before.proof_tiles!.length),
  proof_leaves:
    after.proof_tiles!.length > before.proof_tiles!.length
      ? before.proof_leaves!
      : after.proof_leaves!.slice(0, before.proof_leaves!.length),
})
const heldOn = async (subject: string): Promise<ReadonlyArray<HeldItem>> => {
  const lines: HeldItem[] = []
  for await (const line of exportPerson({ log, databaseUrl: database.url, subject })) lines.push(line)
  return lines
}

test('given what people said, then it is in the tables and not in the store’s files', async () => {
  const hits = await found(HERS)
  assert.ok((hits.chat_messages ?? 0) > MESSAGES * 0.9)
  assert.ok((hits.presence_audit_log ?? 0) > MESSAGES)
  assert.equal([hits.presence_sessions, hits.parked_events], [2, 1])
  assert.equal(filesWith(store.dataDir, [...HERS, 'bob answers', '198.51.100.5', 'OtherBrowser']), [])
})

test('given live tables, then they equal rebuilt ones, and an export has all her data', async () => {
  const { differences } = await rebuild({ log, databaseUrl: database.url, compare: true, swap: false })
  assert.equal(differences, [])
  const held = await heldOn('alice')
  // Her messages, those that she edited, one that is parked, and an entity of each room's scene.
  const said = held.filter(
    (line) => line.kind === 'event' && /alicesaid/.test(JSON.stringify(line.event.data)),
  )
  assert.is(said.length, MESSAGES + 2 * Math.ceil(MESSAGES / rooms.length / 50) + 1 + rooms.length)
  assert.ok(held.some((line) => line.kind === 'row' && line.table === 'chat_messages'))
  assert.not.ok(held.some((line) => JSON.stringify(line).includes('bob answers')))
})

test('given cases, reports and filters about her, then her export has what a receipt says of what was done, and nothing of the rest', async () => {
  const [space] = rooms
  const step = (caseId: string) => ({ caseId, by: bob, at: at(9_010) })
  const moment = { space: 1, chat: 1 }
  const opened = (caseId: string): AnyEvent => ({
    type: 'CaseOpened',
    data: { ...step(caseId), subject: 'alice', about: { kind: 'person' }, moment },
  })
  const report = (reportId: string): AnyEvent => ({
    type: 'ReportFiled',
    data: { ...step('case-silent'), reportId, words: 'secretly reported', moment },
  })
  const act = {
    act: 'mute',
    until: null,
    rule: 'be kind',
    reason: 'told to her',
    in: 'space',
    revision: 3,
  } as const
  await append([
    from(space, opened('case-silent'), bob),
    from(space, report('report-1'), bob),
    from(space, { type: 'CaseTaken', data: step('case-silent') }, bob),
    from(space, opened('case-acted'), bob),
    from(space, { type: 'CaseActed', data: { ...step('case-acted'), ...act } }, bob),
    from(
      space,
      {
        type: 'AccountMuted',
        data: { subject: 'alice', by: bob, reason: 'told to her', until: null, at: at(9_011) },
      },
      bob,
    ),
    from(
      space,
      {
        type: 'CommandRefused',
        data: { command: 'FileReport', reason: 'too_many_reports', target: 'alice', at: at(9_012) },
      },
      bob,
    ),
    from(space, {
      type: 'FilterActed',
      data: {
        messageId: 'a0-0',
        subspace: 'main',
        subject: 'alice',
        filterId: 'silently',
        act: 'report',
        until: null,
        at: at(9_013),
      },
    }),
  ])
  await settled()
  const [hers, bobs] = [await heldOn('alice'), await heldOn('bob')]
  const all = JSON.stringify(hers)
  for (const secret of [
    'case-silent',
    'secretly reported',
    'FileReport',
    'silently',
    '198.51.100.5',
    'OtherBrowser',
  ])
    assert.not.ok(all.includes(secret), secret)
  const receipts = hers.flatMap((line) =>
    line.kind === 'row' && line.table === 'presence_cases' ? [line.row as Record<string, unknown>] : [],
  )
  assert.equal(
    receipts.map(({ case_id, rule, reason }) => [case_id, rule, reason]),
    [['case-acted', 'be kind', 'told to her']],
  )
  for (const column of ['reports', 'taken_by', 'acts']) assert.not.ok(column in receipts[0]!, column)
  assert.ok(hers.some((line) => line.kind === 'event' && line.event.type === 'AccountMuted'))
  assert.ok(JSON.stringify(bobs).includes('secretly reported'))
})

let requestId = ''

test('given her erasure, then nothing of hers is left anywhere, and nothing of others has changed', async () => {
  const before = await others()
  const done = await erase({ log, databaseUrl: database.url, subject: 'alice', reason: 'she asked' })
  requestId = done.requestId
  assert.ok(done.erased)
  assert.equal([done.messages, done.sessions, done.parkedEvents], [MESSAGES, 2, 1])
  assert.equal(await found(HERS), {})
  assert.equal(butRequests(before, await others()), butRequests(before, before))
  assert.equal(filesWith(store.dataDir, HERS), [])
  const [row] = await session.run(
    sql.unsafe`SELECT content, erased_by FROM chat_messages WHERE message_id = 'a0-3'`,
  )
  assert.equal([row?.content, row?.erased_by], ['', requestId])
  assert.equal(
    (await erasureRequests(log)).map(({ subject, reason }) => [subject, reason]),
    [['alice', 'she asked']],
  )
})

test('given the erasure, then the tables equal rebuilt ones, and a swapped-in rebuild still has nothing of hers', async () => {
  const { differences } = await rebuild({ log, databaseUrl: database.url, compare: true, batchSize: 700 })
  assert.equal(
    differences?.map(({ table, onlyInA, onlyInB }) => [table, onlyInA[0], onlyInB[0]]),
    [],
  )
  assert.equal(await found(HERS), {})
})

test('given the erasure, then the request is in the audit log and in the tree, without its reason', async () => {
  const inTables = async () => {
    const rows = await session.run(
      sql.unsafe`SELECT position, target, details, space_id FROM presence_audit_log WHERE action = 'ErasureRequested'`,
    )
    const leaves = await session.run(leavesAt(rows.map(({ position }) => position as bigint)))
    return leaves.length === rows.length ? rows : []
  }
  await until('it is there', async () => (await inTables()).length > 0)
  const asked = await inTables()
  assert.equal(
    asked.map(({ target, space_id, details }) => [target, space_id, Object.keys(details as object).sort()]),
    [['alice', '*', ['at', 'requestId', 'subject']]],
  )
})

test('given the erasure, then every row’s hash still follows from the log as it is', async () => {
  const rows = await session.run(
    sql.unsafe`SELECT position, hash, prev_hash FROM presence_audit_log ORDER BY position`,
  )
  let hash = GENESIS
  let after: bigint | undefined
  let n = 0
  for (;;) {
    // Read without the keys: proofs need none.
    const read = await raw.readAll({
      ...(after === undefined ? {} : { after }),
      limit: 1_000,
      prefixes: STREAM_PREFIXES,
    })()
    assert.ok(E.isRight(read))
    if (E.isLeft(read) || read.right.length === 0) break
    for (const event of read.right) {
      assert.is(rows[n]?.position, event.position)
      assert.is(rows[n]?.prev_hash, hash)
      hash = chain(hash, event.position, leafOf(event))
      assert.is(rows[n]?.hash, hash)
      n += 1
    }
    after = read.right.at(-1)!.position
  }
  assert.is(n, rows.length)
})

test('given the erasure, then exports of the log and of her data have nothing of hers except that it was erased', async () => {
  const file = join(tmpdir(), `erased-${process.pid}.ndjson`)
  await exportLog(raw, file, () => {})
  const text = readFileSync(file, 'utf8')
  for (const word of HERS) assert.not.ok(text.includes(word), word)
  rmSync(file)
  const held = JSON.stringify(await heldOn('alice'))
  for (const word of HERS) assert.not.ok(held.includes(word), word)
  assert.ok(held.includes(requestId))
  assert.ok(JSON.stringify(await heldOn('bob')).includes('bob answers 10'))
})

test('given that she comes back, then her new words are kept under a new key, and can be erased, too', async () => {
  await append([
    from(rooms[0], message('back', 'alicesaid again', 9_100)),
    from(rooms[0], edited('a0-3', alice, 'alicesaid anew')),
  ])
  await settled()
  assert.is((await found(['alicesaid'])).chat_messages, 2)
  const [row] = await session.run(
    sql.unsafe`SELECT content, erased_by FROM chat_messages WHERE message_id = 'a0-3'`,
  )
  assert.equal([row?.content, row?.erased_by], ['alicesaid anew', null])
  const { requestId: second } = await erase({
    log,
    databaseUrl: database.url,
    subject: 'alice',
    compact: true,
  })
  assert.equal(await found(HERS), {})
  const { differences } = await rebuild({ log, databaseUrl: database.url, compare: true, swap: false })
  assert.equal(differences, [])
  const [old] = await session.run(sql.unsafe`SELECT erased_by FROM chat_messages WHERE message_id = 'a0-4'`)
  const [anew] = await session.run(sql.unsafe`SELECT erased_by FROM chat_messages WHERE message_id = 'a0-3'`)
  assert.equal([old?.erased_by, anew?.erased_by], [requestId, second])
})

test('given a second request, then there is nothing to erase, and nothing changes', async () => {
  // The writer of the tables starts over at the next event, if it has not since the last erasure.
  await append([from(rooms[0], joined('b-later', bob, 9_200, { avatarData: null }), bob)])
  await settled()
  const before = await dumpTables(session, 'public')
  const epochs = async () =>
    (await session.run(sql.unsafe`SELECT name, epoch FROM projection_checkpoints ORDER BY name`)).map(
      ({ name, epoch }) => `${name} ${epoch}`,
    )
  const epoch = await epochs()
  for (const subject of ['alice', 'guest:0123456789ab'])
    assert.not.ok((await erase({ log, databaseUrl: database.url, subject })).erased)
  // The writer of the tables has nothing to start over for.
  assert.equal(await epochs(), epoch)
  const after = await dumpTables(session, 'public')
  assert.equal(butRequests(before, after), butRequests(before, before))
  // It waits for a rebuild, and says so.
  const rebuilding = await connectSession(database.url, 'test')
  await rebuilding.run(setLock(LOCKS.rebuilding))
  let waits = 0
  const onWait = (): void => {
    waits += 1
    void rebuilding.close()
  }
  assert.equal(await reapply(log, database.url, onWait, { isOurs: () => true }), [])
  assert.is(waits, 1)
})

test('given words that are said during the erasure, then nothing of hers is left once everything is applied', async () => {
  const said = append(
    Array.from({ length: 600 }, (_, i) => from(rooms[1], message(`race-${i}`, `alicesaid race ${i}`, 9_200))),
  )
  const erasing = erase({ log, databaseUrl: database.url, subject: 'alice' })
  await Promise.all([said, erasing])
  await settled()
  await erase({ log, databaseUrl: database.url, subject: 'alice' })
  await settled()
  assert.equal(await found(HERS), {})
  const { differences } = await rebuild({ log, databaseUrl: database.url, compare: true, swap: false })
  assert.equal(differences, [])
})

test('given a log that is written under a wrong master key, then the vault says so', async () => {
  let told = ''
  const wrong = connectVault({
    databaseUrl: database.url,
    masterKey: 'ee'.repeat(32),
    onWrongMaster: ({ message }) => {
      told = message
    },
  })
  await until('it is told', () => told !== '')
  assert.match(told, 'PRIVACY_MASTER_KEY is not the one')
  await wrong.close()
})

test.run()
