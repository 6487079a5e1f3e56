import { randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { streamName } from '../../domain/names.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import {
  account,
  asking,
  countedIds,
  guest,
  join,
  pathOn,
  ROOM,
  uuid,
} from '../../infra/testing/command-path.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { createRecent, keyOf } from './recent-commands.ts'
import { createSnapshots, type StoredSnapshot, snapshotStream } from './snapshots.ts'

const STREAM = streamName('space', ROOM)
const right = <T>(either: E.Either<unknown, T>): T => {
  if (E.isLeft(either)) throw new Error(JSON.stringify(either.left))
  return either.right
}
const of = (state: unknown): StoredSnapshot => ({ revision: 7, lastId: uuid(7), recent: '0.', state })
/** Text that does not compress. */
const noise = (length: number): string => {
  let seed = 1
  let text = ''
  while (text.length < length) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    text += seed.toString(36)
  }
  return text
}

const written = suite('a snapshot')

written(
  'given any size, when it is written, then it reads as it was, and no append is too large',
  async () => {
    for (const length of [10, 500_000, 5_000_000]) {
      const log = memoryLog()
      let largest = 0
      log.onAppend = (_, events) => {
        largest = Math.max(largest, JSON.stringify(events).length)
        return null
      }
      const snapshots = createSnapshots(log, countedIds())
      const snapshot = of({ text: noise(length) })
      assert.ok(await snapshots.write(STREAM, snapshot))
      assert.equal(right(await snapshots.read(STREAM))?.snapshot, snapshot)
      assert.ok(largest < 1_000_000)
    }
  },
)

written(
  'given interleaved parts of two processes, when the snapshot is read, then it is complete or missing',
  async () => {
    const log = memoryLog()
    const [a, b] = [createSnapshots(log, countedIds(1)), createSnapshots(log, countedIds(2))]
    const [one, two] = [of(noise(3_000_000)), { ...of(noise(3_000_000)), revision: 8 }]
    log.pause = async () => new Promise((resolve) => setImmediate(resolve))
    await Promise.all([a.write(STREAM, one), b.write(STREAM, two)])
    const read = right(await a.read(STREAM))
    assert.ok(read === null || read.snapshot.revision === 7 || read.snapshot.revision === 8)
  },
)

written(
  'given a log that is down, when a snapshot is written, then nothing is written and nothing throws',
  async () => {
    const log = memoryLog()
    log.onAppend = () => 'unavailable'
    assert.is(await createSnapshots(log, countedIds()).write(STREAM, of({})), null)
  },
)

written(
  'given snapshots that were superseded, when another is written, then the log is asked to keep the last alone',
  async () => {
    const log = memoryLog()
    const snapshots = createSnapshots(log, countedIds())
    const name = `$$${snapshotStream(STREAM)}`
    const once = { $maxCount: 128, $maxAge: 86_400 }
    await log.append(name, 'none', [{ id: uuid(1), type: '$metadata', data: once, metadata: {} }])()
    for (const length of [10, 5_000, 50_000]) await snapshots.write(STREAM, of(noise(length)))
    assert.equal(log.stream(name).at(-1)?.data, { $maxCount: 2, $maxAge: 86_400 })
    assert.is(log.stream(name).length, 2)
    // So large that it is written in several appends: the one before counts until the last of them.
    await snapshots.write(STREAM, of(noise(2_000_000)))
    const end = log.stream(snapshotStream(STREAM)).at(-1)?.data as { readonly of: number }
    assert.equal(log.stream(name).at(-1)?.data, { $maxCount: 2 * end.of, $maxAge: 86_400 })
  },
)

written(
  'given a snapshot whose writer ended midway, when it is read, then the one before counts',
  async () => {
    for (const length of [10, 50_000]) {
      const log = memoryLog()
      const snapshots = createSnapshots(log, countedIds())
      const whole = of(noise(length))
      assert.ok(await snapshots.write(STREAM, whole))
      log.onAppend = () => (log.stream(snapshotStream(STREAM)).length < 5 ? null : 'unavailable')
      assert.is(await snapshots.write(STREAM, { ...of(noise(9_000_000)), revision: 8 }), null)
      assert.ok(log.stream(snapshotStream(STREAM)).length >= 5)
      assert.equal(right(await snapshots.read(STREAM))?.snapshot, whole)
    }
  },
)

written(
  'given a compressed snapshot that is damaged, or unpacks into far more than a snapshot, when it is read, then the one before counts',
  async () => {
    const json = Buffer.from(JSON.stringify({ ...of({}), revision: 8 }))
    const spaces = gzipSync(Buffer.alloc(16 * 1024 * 1024, ' '))
    const whole = gzipSync(json)
    for (const [packed, revision] of [
      [whole, 8],
      [whole.subarray(0, -9), 7],
      [Buffer.concat([whole.subarray(0, 12), Buffer.from([255]), whole.subarray(13)]), 7],
      [Buffer.concat([whole, ...Array.from({ length: 17 }, () => spaces)]), 7],
    ] as const) {
      const log = memoryLog()
      const snapshots = createSnapshots(log, countedIds())
      await snapshots.write(STREAM, of({}))
      const text = packed.toString('base64')
      const half = text.length >> 1
      const parts = [text.slice(0, half), text.slice(half)].map((body, part) => ({
        ...{ id: uuid(900 + part), type: 'Snapshot', metadata: {} },
        data: { v: 1, id: 'x', part, of: 2, body },
      }))
      await log.append(snapshotStream(STREAM), 'any', parts)()
      assert.is(right(await snapshots.read(STREAM))?.snapshot.revision, revision)
    }
  },
)

written.run()

const waking = suite('waking')

const filled = async (log: MemoryLog, events: number, snapshotEvery = 10) => {
  const path = pathOn(log, { tuning: { snapshotEvery, snapshotIdleEvents: 1 } })
  right(
    await path.space(
      asking<SpaceCommand>(uuid(0), account('alice'), {
        type: 'ChangeSettings',
        changes: { max_users: 500 },
      }),
    )(),
  )
  for (let n = 1; n <= events - 2; n++) right(await path.space(asking(uuid(n), guest(n), join(n)))())
  await path.drain()
}

waking(
  'given a snapshot, when a space is loaded, then its past is not read and its state is the same',
  async () => {
    const log = memoryLog()
    await filled(log, 100)
    log.counts.reads = 0
    const woken = right(await pathOn(log).look(ROOM)())
    assert.is(log.counts.reads, 2)
    const plain = memoryLog()
    await plain.append(
      STREAM,
      'none',
      log.stream(STREAM).map(({ id, type, data, metadata }) => ({ id, type, data, metadata })),
    )()
    // On that log there are no snapshots between the events, so only their positions differ.
    const again = right(await pathOn(plain).look(ROOM)())
    assert.equal({ ...woken, position: null }, { ...again, position: null })
  },
)

waking(
  'given a room that was busy for long, when it is quiet, then a snapshot is worth it after a few events; when processes start often, then only after as many as it is large',
  async () => {
    const log = memoryLog()
    const fill = async (from: number, events: number) => {
      const path = pathOn(log)
      for (let n = from; n < from + events; n++) {
        const command: SpaceCommand = { type: 'ChangeSettings', changes: { max_users: 10 + (n % 2) } }
        right(await path.space(asking(uuid(n), account('alice'), command))())
        // Compressing takes a turn of the event loop.
        if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      }
      await path.drain()
    }
    const tail = async (): Promise<bigint> => {
      const revision = right(await pathOn(log).look(ROOM)())?.revision ?? -1n
      return (
        revision - BigInt(right(await createSnapshots(log, countedIds()).read(STREAM))!.snapshot.revision)
      )
    }
    await fill(0, 2_100)
    assert.is(await tail(), 0n)
    await fill(2_100, 30)
    assert.is(await tail(), 30n)
  },
)

const spoiled: Readonly<Record<string, (snapshot: StoredSnapshot) => unknown>> = {
  'of no known form': () => ({ v: 99 }),
  'with a state that can’t be read': (snapshot) => ({
    v: 1,
    id: 'x',
    part: 0,
    of: 1,
    body: { ...snapshot, state: { version: 0 } },
  }),
  'ahead of the stream': (snapshot) => ({
    v: 1,
    id: 'x',
    part: 0,
    of: 1,
    body: { ...snapshot, revision: 5_000 },
  }),
  'of another history': (snapshot) => ({
    v: 1,
    id: 'x',
    part: 0,
    of: 1,
    body: { ...snapshot, lastId: uuid(999) },
  }),
  'missing its other parts': () => ({ v: 1, id: 'x', part: 2, of: 3, body: 'x' }),
}
for (const [what, spoil] of Object.entries(spoiled))
  waking(`given a snapshot ${what}, when a space is loaded, then it is folded from its events`, async () => {
    const log = memoryLog()
    await filled(log, 30)
    const snapshot = right(await createSnapshots(log, countedIds()).read(STREAM))?.snapshot
    await log.append(snapshotStream(STREAM), 'any', [
      { id: uuid(1, 0xbad), type: 'Snapshot', data: spoil(snapshot!), metadata: {} },
    ])()
    const woken = right(await pathOn(log).look(ROOM)())
    assert.is(woken?.revision, 29n)
    assert.is(woken?.state.sessions.size, 28)
  })

waking('given a busy space, when its snapshots are written, then no command waits for one', async () => {
  const log = memoryLog()
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  log.pause = async (what, stream) => {
    if (what === 'append' && stream.includes('snapshot-')) await held
  }
  const path = pathOn(log, { tuning: { snapshotEvery: 2 } })
  for (let n = 1; n < 20; n++) right(await path.space(asking(uuid(n), guest(n), join(n)))())
  release()
  await path.drain()
})

waking(
  'given a chat whose processes start again all the time, when it grows, then its snapshots are a small part of the log',
  async () => {
    const log = memoryLog()
    let n = 0
    for (let start = 0; start < 60; start++) {
      const path = pathOn(log, { ids: { uuid: randomUUID } })
      for (let i = 0; i < 50; i++) {
        n++
        const by = account(`user-${n % 90}`)
        const message = {
          messageId: randomUUID(),
          subspace: 'main',
          content: `words ${n}`,
          messageType: 'text',
        }
        const post = { type: 'PostMessage', ...message, parentMessageId: null } as const
        right(await path.chat(asking(randomUUID(), by, post))())
      }
      await path.drain()
    }
    const bytesOf = (stream: string): number =>
      log
        .stream(stream)
        .reduce((bytes, { data, metadata }) => bytes + JSON.stringify([data, metadata]).length, 0)
    const chat = streamName('chat', ROOM)
    const share = bytesOf(snapshotStream(chat)) / bytesOf(chat)
    assert.ok(share > 0 && share < 0.15, `${share}`)
    // Waking the room never reads more than what a snapshot is worth, and what one process added to it.
    const read = right(await createSnapshots(log, countedIds()).read(chat))
    assert.ok(n - read!.snapshot.revision <= read!.bytes / 64 + 50)
  },
)

waking.run()

const recent = suite('recent commands')

recent('given packed commands, when they are unpacked, then every command has its revision', () => {
  const before = createRecent(100)
  for (let n = 0; n < 150; n++) before.add(keyOf({ kind: 'account', id: 'bob' }, uuid(n)), n * 3)
  const after = createRecent(100)
  after.startWith(before.pack(60))
  const later = keyOf({ kind: 'account', id: 'carol' }, uuid(1))
  after.add(later, 500)
  assert.is(before.size(), 100)
  for (let n = 90; n < 150; n++)
    assert.is(after.revisionOf(keyOf({ kind: 'account', id: 'bob' }, uuid(n))), n * 3)
  assert.is(after.revisionOf(later), 500)
  assert.is(after.size(), 61)
  const none = createRecent(100)
  none.startWith('rubbish')
  assert.is(none.revisionOf(later), undefined)
})

recent('given the same id from another sender, then it is another command', () => {
  assert.is.not(keyOf({ kind: 'account', id: 'bob' }, uuid(1)), keyOf({ kind: 'guest', id: 'bob' }, uuid(1)))
})

recent.run()
