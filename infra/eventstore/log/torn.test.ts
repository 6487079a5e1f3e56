/** Tests of torn writes: after `kill -9`, the end of the write-ahead log or of the file is cut off or overwritten.
 *  Then either every acknowledged event is there, or the node refuses to start and says what to do; nothing is ever
 *  lost silently. */
import { randomBytes } from 'node:crypto'
import { closeSync, cpSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { decodeBody } from '../protocol/record.ts'
import { temporaryDirectory } from '../testing/directory.ts'
import { testEventStore } from '../testing/server.ts'
import { openStorage } from './storage.ts'

const test = suite('a torn last write')
const PAGE = 8192
const FRAME = PAGE + 24
const WAL_HEADER = 32

const root = temporaryDirectory('eventstore-torn-')

/** What a node that was killed under load left behind, and what it had acknowledged. `fileBytes`: how large the file is to be by
 *  then, since what is acknowledged may all be in the write-ahead log yet. */
const killed = async (name: string, checkpointFrames: number, fileBytes = 0) => {
  const dataDir = join(root, name)
  const file = join(dataDir, 'events.db')
  const store = await testEventStore({
    dataDir,
    env: { EVENTSTORE_CHECKPOINT_FRAMES: `${checkpointFrames}` },
  })
  const client = EventStoreDBClient.connectionString(store.url)
  const acknowledged = new Set<string>()
  let running = true
  let reached: () => void = () => {}
  const enough = new Promise<void>((resolve) => {
    reached = resolve
  })
  const writers = Array.from({ length: 8 }, async (_, n) => {
    while (running) {
      const events = [0, 1, 2].map(() => jsonEvent({ type: 'T', data: { text: 'x'.repeat(300) } }))
      try {
        await client.appendToStream(`torn-${n % 3}`, events)
      } catch {
        return
      }
      for (const { id } of events) acknowledged.add(id)
      if (acknowledged.size > 1500 && statSync(file).size >= fileBytes) reached()
    }
  })
  await enough
  await store.kill()
  running = false
  await Promise.all(writers)
  await client.dispose()
  return { dataDir, acknowledged }
}

/** Opens it, and says what became of the acknowledged events. */
const reopen = (
  dataDir: string,
  acknowledged: ReadonlySet<string>,
): { outcome: 'whole' | 'refused' | 'less'; detail: string } => {
  let storage: ReturnType<typeof openStorage>
  try {
    storage = openStorage(dataDir)
  } catch (error) {
    return { outcome: 'refused', detail: error instanceof Error ? error.message : String(error) }
  }
  try {
    const there = new Set<string>()
    const revisions = new Map<string, bigint>()
    for (let at = 0; ; ) {
      const events = storage.allForwards(at, 500)
      for (const { body } of events) {
        const { id, stream, revision } = decodeBody(body)
        assert.is(revision, (revisions.get(stream) ?? -1n) + 1n, 'revisions are dense')
        revisions.set(stream, revision)
        there.add(id)
      }
      if (events.length < 500) break
      at = events.at(-1)!.position + 1
    }
    const missing = [...acknowledged].filter((id) => !there.has(id))
    return missing.length === 0
      ? { outcome: 'whole', detail: '' }
      : { outcome: 'less', detail: `${missing.length} of ${acknowledged.size} acknowledged are missing` }
  } finally {
    storage.close()
  }
}

let copies = 0
const copyOf = (dataDir: string): string => {
  const copy = join(root, `copy-${copies++}`)
  cpSync(dataDir, copy, { recursive: true, filter: (path) => !path.endsWith('.lock') })
  return copy
}
const overwrite = (file: string, at: number, bytes: Uint8Array): void => {
  const handle = openSync(file, 'r+')
  writeSync(handle, bytes, 0, bytes.length, at)
  closeSync(handle)
}

const expectRefusal = (detail: string): void => assert.match(detail, /restore a backup/i)

test('given a log that was killed, then all that was acknowledged is there', async () => {
  const { dataDir, acknowledged } = await killed('plain', 2000)
  assert.equal(reopen(copyOf(dataDir), acknowledged), { outcome: 'whole', detail: '' })
})

test('given a write after the last that was acknowledged, when it is torn anywhere, then what was acknowledged is there', async () => {
  const { dataDir, acknowledged } = await killed('after', 1_000_000)
  const wal = join(dataDir, 'events.db-wal')
  const size = statSync(wal).size
  // As a crash of the machine may leave it: the beginning of a write, or other bytes in its place.
  for (const length of [1, 23, 24, 500, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 7]) {
    const copy = copyOf(dataDir)
    const frames = Buffer.alloc(length)
    overwrite(join(copy, 'events.db-wal'), size, length % 2 === 0 ? frames : randomBytes(length))
    assert.equal(reopen(copy, acknowledged), { outcome: 'whole', detail: '' }, `${length} bytes`)
  }
})

test('given the end of the write-ahead log cut off or overwritten, then nothing is missing without a word', async () => {
  const { dataDir, acknowledged } = await killed('wal', 1_000_000)
  const outcomes: string[] = []
  const size = statSync(join(dataDir, 'events.db-wal')).size
  const last = Math.floor((size - WAL_HEADER) / FRAME)
  const tries: Array<[string, (file: string) => void]> = []
  for (const back of [1, 100, PAGE, FRAME, 2 * FRAME + 5, 10 * FRAME, Math.floor(last / 2) * FRAME])
    tries.push([`cut by ${back}`, (file) => truncateSync(file, Math.max(0, size - back))])
  for (const back of [1, 30, PAGE, FRAME, 10 * FRAME])
    tries.push([
      `overwritten ${back} before its end`,
      (file) => overwrite(file, size - back, randomBytes(Math.min(back, 64))),
    ])
  tries.push(['emptied', (file) => truncateSync(file, 0)])
  tries.push(['removed', (file) => rmSync(file)])
  for (const [what, damage] of tries) {
    const copy = copyOf(dataDir)
    damage(join(copy, 'events.db-wal'))
    const { outcome, detail } = reopen(copy, acknowledged)
    outcomes.push(`${what}: ${outcome} ${detail.slice(0, 60)}`)
    if (outcome === 'refused') expectRefusal(detail)
    assert.is.not(outcome, 'less', outcomes.at(-1)!)
  }
})

test('given the end of the file cut off or overwritten, then nothing is missing without a word', async () => {
  const { dataDir, acknowledged } = await killed('db', 30, 20 * PAGE)
  const size = statSync(join(dataDir, 'events.db')).size
  const tries: Array<[string, (file: string) => void]> = []
  for (const back of [1, PAGE, 3 * PAGE + 1, Math.floor(size / 2)])
    tries.push([`cut by ${back}`, (file) => truncateSync(file, size - back)])
  for (const page of [1, 2, 5])
    for (const at of [0, 8, 4000])
      tries.push([
        `overwritten ${page} pages before its end, at ${at}`,
        (file) => overwrite(file, size - page * PAGE + at, randomBytes(64)),
      ])
  for (const [what, damage] of tries) {
    const copy = copyOf(dataDir)
    damage(join(copy, 'events.db'))
    const { outcome, detail } = reopen(copy, acknowledged)
    if (outcome === 'refused') expectRefusal(detail)
    assert.is.not(outcome, 'less', `${what}: ${detail}`)
  }
})

test.run()
