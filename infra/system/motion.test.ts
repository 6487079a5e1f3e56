// needs: redis-server
// test: waits
/** Motion that is kept: of movers on two servers, given again to the byte, proved, erased, forged, and lost. */

import { once } from 'node:events'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import { LostServers, type MotionLine, merged, motionLines } from '../../adapters/http/routes/motion-lines.ts'
import { createMotionStore } from '../../adapters/postgres/motion.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { connectSession, type DatabaseSession } from '../../adapters/postgres/session.ts'
import { type ConnectedVault, connectVault } from '../../adapters/privacy/connect.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { createRelay } from '../../adapters/redis/redis-relay.ts'
import type { Relay } from '../../adapters/redis/relay.ts'
import { packMove } from '../../apps/client/src/packed.ts'
import { checkMotion, motionLines as motionLinesBeside } from '../../apps/operations/export/motion.ts'
import { erase } from '../../apps/operations/privacy/erase.ts'
import { exportPerson, type HeldItem } from '../../apps/operations/privacy/export.ts'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import { verifyLog } from '../../apps/operations/verify/verify.ts'
import { runProjector } from '../../apps/projector/projector.ts'
import { createMoments } from '../../projections/history/moments.ts'
import { replay } from '../../projections/history/replay.ts'
import { type MemoryLog, memoryLog } from '../testing/memory-log.ts'
import { type TestDatabase, testDatabase } from '../testing/postgres.ts'
import { type TestRedis, testRedis } from '../testing/redis.ts'
import { type Client, ALICES_POST as POST, type TestNode, testNode } from '../testing/sockets.ts'
import { until } from '../testing/until.ts'

type Context = {
  redis: TestRedis
  database: TestDatabase
  log: MemoryLog
  vault: ConnectedVault
  pool: Awaited<ReturnType<typeof createPostgresPool>>
  session: DatabaseSession
  projector: ReturnType<typeof runProjector>
  relays: Relay[]
  nodes: TestNode[]
  wrong: string[]
}
const test = suite<Context>('motion that is kept')
const MASTER = 'ab'.repeat(32)
const ROOM = { space: { type: 'post', id: 'alice/my-post' }, subspace: 'main' } as const

test.before(async (context) => {
  context.redis = await testRedis()
})
test.after(({ redis }) => redis.stop())
test.before.each(async (context) => {
  context.database = await testDatabase()
  const { url } = context.database
  context.vault = connectVault({ databaseUrl: url, masterKey: MASTER })
  context.pool = await createPostgresPool(url, { maxConnections: 4 })
  context.session = await connectSession(url, 'test')
  context.log = memoryLog()
  context.projector = runProjector({ log: sealedLog(context.log, context.vault), databaseUrl: url })
  context.relays = []
  context.nodes = []
  context.wrong = []
})
test.after.each(async ({ nodes, relays, projector, session, pool, vault, database, wrong }) => {
  for (const node of nodes.splice(0)) await node.stop()
  for (const relay of relays) await relay.close()
  await projector.stop()
  await session.close()
  await pool.end()
  await vault.close()
  await database.drop()
  assert.equal(wrong, [])
})
const storeOf = ({ pool, vault }: Context) => createMotionStore(pool, vault)
const nodeOf = async (context: Context, options: Parameters<typeof testNode>[1] = {}): Promise<TestNode> => {
  const relay = createRelay({ url: context.redis.url })
  context.relays.push(relay)
  const node = await testNode(sealedLog(context.log, context.vault), {
    name: `node-${context.nodes.length}`,
    relay,
    motion: { store: storeOf(context), days: 30, blockMs: 400 },
    ...options,
  })
  context.nodes.push(node)
  return node
}
/** As on SIGTERM: what was recorded is written first. */
const stopAll = async ({ nodes }: Context): Promise<void> => {
  for (const node of nodes.splice(0)) await node.stop(40_000)
}
const sessionOf = ({ log }: Context, account: string): { boot: string; sessionId: string } => {
  const joined = log
    .all()
    .flatMap(({ type, data }) =>
      type === 'SessionJoined' && (data as { account: string }).account === account ? [data as never] : [],
    )
    .at(-1)
  assert.ok(joined)
  return joined as unknown as { boot: string; sessionId: string }
}
const enter = async (node: TestNode, name: string, over = {}): Promise<Client> => {
  const client = await node.connect(`account:${name}`)
  assert.is((await client.ask('join-space', { ...POST, ...over })).ok, true)
  return client
}
const keep = async (alice: Client): Promise<void> => {
  assert.is((await alice.ask('settings-change', { motion_tracks: true })).ok, true)
}
const place = (n: number, t: number) => ({
  position: { x: n + Math.sin(t / 5), y: 1.6, z: Math.cos(t / 5) },
  rotation: { x: 0, y: t * 3, z: 0 },
})
const step = () => new Promise((resolve) => setTimeout(resolve, 40))
const move = async (movers: ReadonlyArray<Client>, times: number, from = 0): Promise<void> => {
  for (let t = from; t < from + times; t += 1) {
    for (const [n, one] of movers.entries()) one.socket.emit('aframe-update', place(n, t))
    await step()
  }
}
const kept = ({ log }: Context) =>
  log
    .all()
    .flatMap(({ type, data }) =>
      type === 'MotionKept'
        ? [data as { boot: string; isLast: boolean; block: string; root: string; to: string }]
        : [],
    )
const applied = async (context: Context): Promise<void> => {
  const end = context.log.all().at(-1)!.position
  await until('the tables are made', () => (context.projector.state().position ?? -1n) >= end)
}
const linesOf = async (context: Context, as: string | null, from = 0): Promise<MotionLine[]> => {
  const lines: MotionLine[] = []
  const asked = { ...ROOM, as, from, to: Number.MAX_SAFE_INTEGER / 4 }
  for await (const line of motionLines(storeOf(context), { ...asked, to: 4e12 }, Date.now())) lines.push(line)
  return lines
}
const framesIn = (lines: ReadonlyArray<MotionLine>): string[] =>
  lines.flatMap(({ line }) =>
    line.type === 'motion' ? [Buffer.from(String(line.frame), 'base64').toString('hex')] : [],
  )
const heard = (client: Client): string[] =>
  client.of('scene-frame').map((bytes: Uint8Array) => Buffer.from(bytes).toString('hex'))
/** All but the first, which says everything that there was before. What is under way when a client goes, it does not read. */
const assertSent = (replayed: ReadonlyArray<string>, sent: ReadonlyArray<string>): void => {
  const end = replayed.lastIndexOf(sent.at(-1) ?? '')
  assert.ok(
    end > 20 && end > replayed.length - 5,
    `the last of ${sent.length} is ${end} of ${replayed.length}`,
  )
  assert.equal(replayed.slice(1, end + 1), sent.slice(-end))
}
const verified = async ({ log, vault, database }: Context) =>
  verifyLog({ log: sealedLog(log, vault), databaseUrl: database.url, verifiers: [] })

/** Alice and two others on one server, two on another; Carol hears by the packed wire, and so does Dave, there. */
const evening = async (context: Context) => {
  const [one, two] = [await nodeOf(context), await nodeOf(context)]
  const alice = await enter(one, 'alice')
  await keep(alice)
  const bobby = await enter(two, 'bobby')
  const carol = await enter(one, 'carol', { scene: 'packed' })
  const dave = await enter(two, 'dave', { scene: 'packed' })
  await alice.until('bobby', ({ payload }) => payload.userAccount === 'bobby')
  await bobby.until('the setting', () => true)
  return { alice, bobby, carol, dave }
}

test('given movers on two servers, when their motion is replayed, then it is to the byte what each on the packed wire was sent, and everything verifies', async (context) => {
  const { alice, bobby, carol, dave } = await evening(context)
  assert.is(carol.of('space-joined')[0].settings.motion_tracks, true)
  assert.ok(alice.of('settings-changed').some(({ changes }) => changes.motion_tracks === true))
  await move([alice, bobby, carol], 30)
  const [atCarols, atDaves] = [carol.id, dave.id]
  carol.close()
  dave.close()
  await carol.disconnected
  await stopAll(context)
  await applied(context)
  assert.ok(kept(context).length > 2)
  assert.is(kept(context).filter(({ isLast }) => isLast).length, 2)
  const lines = await linesOf(context, atCarols)
  // What went out before it was recorded is not in it.
  const frames = framesIn(lines)
  assert.ok(frames.length > 20)
  assertSent(frames, heard(carol))
  const daves = framesIn(await linesOf(context, atDaves))
  assert.ok(daves.length > 20)
  assertSent(daves, heard(dave))
  // A second out of the middle begins with everything.
  const middle = lines.filter(({ line }) => line.type === 'motion')[15]!.at
  const later = framesIn(await linesOf(context, atCarols, middle))
  assert.is(later[0]!.slice(0, 2), '02')
  assert.equal(later.slice(1), frames.slice(frames.length - (later.length - 1)))
  const all = framesIn(await linesOf(context, null, middle))
  // Of all of the room it is what one of the servers sent.
  const there = framesIn(await linesOf(context, atDaves, middle))
  const isOf = (frames: ReadonlyArray<string>) => String(all.slice(1, 10)) === String(frames.slice(1, 10))
  assert.ok(isOf(later) || isOf(there))
  const { motion, compared } = await verified(context)
  assert.equal([motion.faults, compared?.found], [[], 0])
  assert.is(motion.blocks, kept(context).length)
  // Beside a bundle.
  const beside: string[] = []
  await motionLinesBeside(context.database.url, kept(context), (line) => void beside.push(line))
  assert.is(beside.length, kept(context).length)
  assert.equal(await checkMotion(kept(context), beside), { blocks: beside.length, absent: 0, faults: [] })
  const altered = beside.map((line, n) => (n === 1 ? line.replace(/"bytes":"..../, '"bytes":"AAAA') : line))
  assert.match(String((await checkMotion(kept(context), altered.slice(1))).faults), /section 0 was altered/)
  assert.is((await checkMotion(kept(context), beside.slice(1))).absent, 1)
  assert.match(String((await checkMotion([], beside.slice(0, 1))).faults), /the bundle has no such block/)
})

/** `MOTION_MOVERS=200 MOTION_SECONDS=60` for a crowd. */
const CROWD = {
  movers: Number(process.env.MOTION_MOVERS ?? 12),
  seconds: Number(process.env.MOTION_SECONDS ?? 4),
}
const MB_AN_HOUR = 2e6
/** A guest on the packed wire that reads nothing of it, so that the crowd costs this process little. */
const enterPacked = async (node: TestNode): Promise<WebSocket> => {
  const ws = new WebSocket(`${node.url.replace('http', 'ws')}/`)
  await once(ws, 'open')
  const answered = once(ws, 'message')
  ws.send(JSON.stringify({ type: 'join-space', ...POST, scene: 'packed', request_id: '1' }))
  await answered
  ws.removeAllListeners('message')
  return ws
}

test('given a crowd that moves at 15 Hz, then a second is replayed to the byte as it was sent, a mover’s tracks take at most 2 MB an hour, and the log grows by blocks alone', async (context) => {
  const node = await nodeOf(context, { motion: { store: storeOf(context), days: 30, blockMs: 15_000 } })
  const alice = await enter(node, 'alice')
  await keep(alice)
  assert.is((await alice.ask('settings-change', { max_users: 1_000, guests_of_network: 1_000 })).ok, true)
  const movers: WebSocket[] = []
  for (let n = 0; n < CROWD.movers; n += 1) movers.push(await enterPacked(node))
  const carol = await enter(node, 'carol', { scene: 'packed' })
  const from = context.log.all().length
  const began = performance.now()
  const total = CROWD.seconds * 15
  for (let t = 0; t < total; t += 1) {
    // By the clock, so that a slow machine moves as often.
    const early = began + (t * 1_000) / 15 - performance.now()
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early))
    for (const [n, one] of movers.entries()) {
      const turn = (t + n) / 25
      one.send(packMove(place(n % 20, t + n).position, { x: 0, y: Math.sin(turn), z: 0, w: Math.cos(turn) }))
    }
  }
  const atCarols = carol.id
  const grown = context.log.all().slice(from)
  carol.close()
  await carol.disconnected
  for (const one of movers) one.close()
  await stopAll(context)
  await applied(context)
  // Beside them stand only snapshots of the room, which its joins made due.
  const others = grown.filter(({ type }) => type !== 'MotionKept' && !/^(Snapshot|\$metadata)$/.test(type))
  assert.equal(others, [])
  const frames = framesIn(await linesOf(context, atCarols))
  assert.ok(frames.length > CROWD.seconds * 10, `${frames.length} frames`)
  assertSent(frames, heard(carol))
  const [row] = (await context.session.run({
    sql: 'SELECT sum(octet_length(bytes)) AS bytes FROM motion_sections',
    values: [],
    type: 'SLONIK_TOKEN_QUERY',
  } as never)) as unknown as [{ bytes: bigint | number }]
  const hours = (performance.now() - began) / 3_600_000
  const each = Number(row.bytes) / CROWD.movers / hours
  assert.ok(each < MB_AN_HOUR, `${(each / 1e6).toFixed(2)} MB an hour and mover`)
  if (process.env.MOTION_MOVERS !== undefined)
    console.log(
      `${CROWD.movers} movers for ${CROWD.seconds} s: ${(each / 1e6).toFixed(2)} MB an hour and mover, ${frames.length} frames, ${grown.length} events meanwhile`,
    )
})

test('given somebody who is erased, then their track is gone, the others’ are there, and the proof is valid, even after a rebuild', async (context) => {
  const { alice, bobby } = await evening(context)
  await move([alice, bobby], 15)
  const [alices, bobbys] = [alice.id, bobby.id]
  await stopAll(context)
  await applied(context)
  const held: HeldItem[] = []
  const { log, vault, database } = context
  const all = exportPerson({ log: sealedLog(log, vault), vault, databaseUrl: database.url, subject: 'bobby' })
  for await (const one of all) held.push(one)
  const places = held.flatMap((one) => (one.kind === 'motion' ? one.places : []))
  assert.ok(places.length > 5 && places.every(({ id, y }) => id === bobbys && y === 1.6))
  const done = await erase({ log: context.log, databaseUrl: context.database.url, subject: 'bobby' })
  assert.is(done.erased, true)
  const rows = await context.session.run({
    sql: "SELECT bytes FROM motion_sections WHERE subject = 'bobby'",
    values: [],
    type: 'SLONIK_TOKEN_QUERY',
  } as never)
  assert.ok(rows.length > 0)
  assert.ok(rows.every(({ bytes }) => bytes === null))
  await until('it is forgotten', async () =>
    (await linesOf(context, null)).some(({ line }) => Number(line.erased) > 0),
  )
  const seen = (await linesOf(context, null)).filter(({ line }) => line.type === 'motion')
  const names = framesIn(seen)
    .map((frame) => Buffer.from(frame, 'hex').toString('latin1'))
    .join('')
  assert.ok(names.includes(alices))
  assert.not.ok(names.includes(bobbys))
  assert.equal((await verified(context)).motion.faults, [])
  await context.projector.stop()
  await rebuild({ log: sealedLog(context.log, context.vault), databaseUrl: context.database.url })
  assert.equal((await verified(context)).motion.faults, [])
  assert.equal(framesIn(await linesOf(context, null)), framesIn(seen))
})

test('given blocks that were altered, removed and inserted, then each is named, and no replay shows what was forged', async (context) => {
  const { alice, bobby } = await evening(context)
  await move([alice, bobby], 30)
  await stopAll(context)
  await applied(context)
  const [first, second, third, fourth] = kept(context)
  const run = (text: string) => context.session.exec(text)
  await run(
    `UPDATE motion_sections SET bytes = set_byte(bytes, 20, get_byte(bytes, 20) # 1) WHERE block = '${first!.block}' AND section = 1`,
  )
  await run(`DELETE FROM motion_sections WHERE block = '${second!.block}'`)
  await run(`UPDATE motion_sections SET bytes = NULL WHERE block = '${third!.block}' AND section = 1`)
  await run(`DELETE FROM motion_sections WHERE block = '${fourth!.block}' AND section = 1`)
  await run(
    `INSERT INTO motion_sections (block, section, bytes, hash, kept_until, written_at) VALUES ('stranger', 0, '', '', now(), now() - interval '1 hour')`,
  )
  const { motion } = await verified(context)
  assert.is(motion.faults.length, 5)
  const said = (block: string): string => motion.faults.find((fault) => fault.includes(block)) ?? ''
  assert.match(said(first!.block), /section 1 was altered/)
  assert.match(said(second!.block), /it is missing/)
  assert.match(said(third!.block), /section 1 is gone, and nobody asked for that/)
  assert.match(said(fourth!.block), /sections of it are missing|its hash is not the one on the log/)
  assert.match(said('stranger'), /the log says nothing of it/)
  const lines = await linesOf(context, null)
  assert.not.ok(lines.some(({ line }) => line.type === 'motion_block' && line.block === first!.block))
  // What need not be kept any more may be gone.
  await run('DELETE FROM motion_sections')
  const store = storeOf(context)
  assert.is(await store.expire(new Date()), 0)
})

test('given a server that is killed in the middle of a block, then only that block is lost, and the replay says so', async (context) => {
  const one = await nodeOf(context)
  let isKilled = false
  const two = await nodeOf(context, {
    wrap: (commands) => ({
      ...commands,
      space: (request) =>
        isKilled
          ? async () => E.left({ _tag: 'Unavailable', what: 'eventstore', cause: 'dead' })
          : commands.space(request),
    }),
  })
  const alice = await enter(one, 'alice')
  await keep(alice)
  const bobby = await enter(two, 'bobby')
  await move([bobby], 15)
  const { boot } = sessionOf(context, 'bobby')
  await until('a block of his server', () => kept(context).some((block) => block.boot === boot))
  isKilled = true
  await move([bobby], 15)
  const sessionId = sessionOf(context, 'bobby').sessionId
  const left = { type: 'LeaveSpace', sessionId, reason: 'node-lost' } as const
  const ended = await one.commands.space({
    by: { kind: 'system', id: 'leases' },
    id: crypto.randomUUID(),
    space: ROOM.space,
    command: left,
  })()
  assert.ok(E.isRight(ended))
  await stopAll(context)
  await applied(context)
  const last = kept(context).filter((block) => block.boot === boot)
  assert.ok(last.every(({ isLast }) => !isLast))
  const asked = { ...ROOM, as: null, from: 0, to: 4e12 }
  const store = storeOf(context)
  const moments = createMoments(sealedLog(context.log, context.vault), {
    stored: context.log,
    open: async (events) => events,
  })
  const lost: unknown[] = []
  const all = merged(
    replay(moments, ROOM.space),
    motionLines(store, asked, Date.now()),
    new LostServers(store, asked),
  )
  for await (const one of all)
    if ('motion' in one && one.motion.line.type === 'motion_lost') lost.push(one.motion.line)
  const at = context.log
    .all()
    .flatMap(({ type, data }) => (type === 'SessionLeft' ? [(data as { at: string }).at] : []))[0]
  assert.equal(lost, [
    { type: 'motion_lost', node: boot, from: last.at(-1)!.to, to: at, why: 'its server was lost' },
  ])
  assert.equal((await verified(context)).motion.faults, [])
})

test.run()
