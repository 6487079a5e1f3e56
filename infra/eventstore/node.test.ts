/** Tests of what only the embedded node has: its lock, its refusals, authentication, scavenging, HTTP, backup. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EventStoreDBClient, jsonEvent } from '@eventstore/db-client'
import { credentials, Metadata } from '@grpc/grpc-js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCertificate } from './contract/certificate.ts'
import { backupLog, restoreLog } from './log/backup.ts'
import { startNode } from './node.ts'
import { OperationsService, operations, shared } from './protocol/stubs.ts'
import { until } from './testing/until.ts'

const test = suite('the node')
const dirs: string[] = []
const fresh = (): string => {
  const dir = mkdtempSync(join(tmpdir(), 'eventstore-node-'))
  dirs.push(dir)
  return dir
}
test.after(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true, force: true })
})

const message = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'it did not fail',
    (error: Error & { type?: string }) => error.type ?? error.message,
  )
const event = (n: number | string = 0) => jsonEvent({ type: 'T', data: { n } })
/** Of a stream, or of all but what every log begins with. */
const count = async (client: EventStoreDBClient, stream?: string): Promise<number> => {
  let n = stream === undefined ? -1 : 0
  const read = stream === undefined ? client.readAll() : client.readStream(stream)
  for await (const _ of read) n++
  return n
}

test('given a directory that a node has open, when another is started on it, then it is refused', async () => {
  const dataDir = fresh()
  const node = await startNode({ dataDir })
  assert.match(await message(startNode({ dataDir })), 'Another node has')
  await node.close()
  await (await startNode({ dataDir })).close()
})

test('given a damaged file, then it is refused with what to do, and left as it is', async () => {
  const dataDir = fresh()
  await (await startNode({ dataDir })).close()
  const file = join(dataDir, 'events.db')
  const handle = openSync(file, 'r+')
  writeSync(handle, Buffer.alloc(4096, 7), 0, 4096, 0)
  closeSync(handle)
  const damaged = readFileSync(file)
  assert.match(await message(startNode({ dataDir })), 'restore a backup')
  assert.equal(readFileSync(file), damaged)
})

test('given an event whose bytes were changed in the file, then it is refused, and so is a log that lacks one', async () => {
  for (const damage of [
    "UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'word', 'lord') AS BLOB) WHERE revision = 2",
    'DELETE FROM events WHERE revision = 2',
    'DELETE FROM events WHERE revision > 2',
  ]) {
    const dataDir = fresh()
    const node = await startNode({ dataDir })
    const client = EventStoreDBClient.connectionString(node.url)
    for (let n = 0; n < 5; n++)
      await client.appendToStream('a', jsonEvent({ type: 'T', data: { text: 'word' } }))
    await client.dispose()
    await node.close()
    const db = new DatabaseSync(join(dataDir, 'events.db'))
    db.exec(damage)
    db.close()
    assert.match(await message(startNode({ dataDir })), 'Restore a backup')
  }
})

test('given a log of an earlier version, without checksums or with an index of SQLite’s own, then it is read and goes on', async () => {
  const toSecond = `
    DROP TABLE stream_index; DELETE FROM state WHERE name = 'indexed';
    CREATE UNIQUE INDEX events_by_stream ON events (stream, revision); PRAGMA user_version = 2;`
  const toFirst = `${toSecond} ALTER TABLE events DROP COLUMN crc; PRAGMA user_version = 1;`
  for (const backTo of [toSecond, toFirst]) {
    const dataDir = fresh()
    const first = await startNode({ dataDir })
    const client = EventStoreDBClient.connectionString(first.url)
    await client.appendToStream('a', [event(), event()])
    await client.dispose()
    await first.close()
    const db = new DatabaseSync(join(dataDir, 'events.db'))
    db.exec(backTo)
    db.close()
    const node = await startNode({ dataDir })
    const again = EventStoreDBClient.connectionString(node.url)
    assert.is(await count(again, 'a'), 2)
    assert.is((await again.appendToStream('a', event())).nextExpectedRevision, 2n)
    assert.is(await count(again, 'a'), 3)
    await again.dispose()
    await node.close()
  }
})

test('given no certificate, when asked to listen beyond loopback, then it refuses', async () => {
  assert.match(
    await message(startNode({ dataDir: fresh(), host: '0.0.0.0' })),
    'authentication must be configured',
  )
})

test('given a running node, then it answers HTTP on the same port', async () => {
  const node = await startNode({ dataDir: fresh() })
  const at = (path: string) => fetch(`http://127.0.0.1:${node.port}${path}`)
  assert.is((await at('/health/live')).status, 204)
  const info = (await (await at('/info')).json()) as { state: string; authentication: { type: string } }
  assert.is(info.state, 'leader')
  assert.is(info.authentication.type, 'insecure')
  assert.ok(((await (await at('/stats')).json()) as { es: object }).es)
  assert.is((await at('/other')).status, 404)
  await node.close()
})

test('given an id that is no UUID, then that append fails and the others of its client do not', async () => {
  const node = await startNode({ dataDir: fresh() })
  const client = EventStoreDBClient.connectionString(node.url)
  const [first, refused, last] = await Promise.allSettled([
    client.appendToStream('a', event()),
    client.appendToStream('b', { ...event(), id: 'not-a-uuid' }),
    client.appendToStream('a', event()),
  ])
  assert.equal([first.status, refused.status, last.status], ['fulfilled', 'rejected', 'fulfilled'])
  assert.is(await count(client, 'a'), 2)
  await client.dispose()
  await node.close()
})

test('given a running node, when backed up and restored, then the copy has what it had', async () => {
  const dataDir = fresh()
  const node = await startNode({ dataDir })
  const client = EventStoreDBClient.connectionString(node.url)
  await client.appendToStream(
    'a',
    Array.from({ length: 50 }, (_, n) => event(n)),
  )
  const file = join(fresh(), 'backup.db')
  // And the one that every log begins with.
  assert.is((await backupLog(dataDir, file)).events, 51)
  await client.appendToStream('a', event())
  assert.match(await message(backupLog(dataDir, file)), 'does not overwrite')
  const target = fresh()
  assert.is((await restoreLog(file, target)).events, 51)
  const copy = await startNode({ dataDir: target })
  const other = EventStoreDBClient.connectionString(copy.url)
  assert.is(await count(other, 'a'), 50)
  await client.dispose()
  await other.dispose()
  await node.close()
  await copy.close()
})

test('given a node that is written to all the time, when backed up, then that ends, with a moment of it', async () => {
  const dataDir = fresh()
  const node = await startNode({ dataDir })
  const client = EventStoreDBClient.connectionString(node.url)
  const some = () => Array.from({ length: 100 }, (_, n) => event('x'.repeat(1000) + n))
  for (let n = 0; n < 50; n += 1) await client.appendToStream('a', some())
  let writing = true
  let written = 5000
  const writer = (async () => {
    while (writing) {
      await client.appendToStream('a', event())
      written += 1
    }
  })()
  try {
    await until('it is being written to', () => written > 5000)
    const before = written
    const { events } = await backupLog(dataDir, join(fresh(), 'backup.db'))
    assert.ok(events >= before && events <= written + 1, `${events} of ${before} to ${written}`)
    const then = written
    await until('the writer goes on', () => written > then)
  } finally {
    writing = false
    await writer
    await client.dispose()
    await node.close()
  }
})

test('given hidden events, when scavenged, then they are gone from $all and numbering goes on', async () => {
  const node = await startNode({ dataDir: fresh() })
  const client = EventStoreDBClient.connectionString(node.url)
  await client.appendToStream('keep', [event(), event()])
  await client.appendToStream(
    'short',
    Array.from({ length: 20 }, (_, n) => event(n)),
  )
  await client.setStreamMetadata('short', { maxCount: 3 })
  await client.appendToStream('gone', [event(), event(), event()])
  await client.deleteStream('gone')
  assert.is(await count(client), 27)
  const { makeGenericClientConstructor } = await import('@grpc/grpc-js')
  const Operations = makeGenericClientConstructor(OperationsService as never, 'Operations')
  const raw = new Operations(`127.0.0.1:${node.port}`, credentials.createInsecure()) as unknown as {
    startScavenge: (request: unknown, metadata: Metadata, done: (error: unknown) => void) => void
    close: () => void
  }
  const request = new operations.StartScavengeReq()
  request.setOptions(new operations.StartScavengeReq.Options())
  await new Promise<void>((resolve, reject) =>
    raw.startScavenge(request, new Metadata(), (error) => (error === null ? resolve() : reject(error))),
  )
  while ((await count(client)) > 8) await new Promise((resolve) => setImmediate(resolve))
  assert.is(await count(client), 8)
  assert.is(await count(client, 'short'), 3)
  assert.is((await client.appendToStream('gone', event())).nextExpectedRevision, 3n)
  raw.close()
  await client.dispose()
  await node.close()
})

test('given a node, when a client tells it to shut down, then it answers before it ends', async () => {
  const told: string[] = []
  const node = await startNode({ dataDir: fresh(), onShutdown: () => told.push('it goes') })
  const { makeGenericClientConstructor } = await import('@grpc/grpc-js')
  const Operations = makeGenericClientConstructor(OperationsService as never, 'Operations')
  const raw = new Operations(`127.0.0.1:${node.port}`, credentials.createInsecure()) as unknown as {
    shutdown: (request: unknown, metadata: Metadata, done: (error: unknown) => void) => void
    close: () => void
  }
  await new Promise<void>((resolve, reject) =>
    raw.shutdown(new shared.Empty(), new Metadata(), (error) => {
      if (error !== null) return reject(error)
      told.push('answered')
      resolve()
    }),
  )
  await until('it goes', () => told.length === 2)
  raw.close()
  await node.close()
})

test('given TLS and authentication, then who may what is as the lists say', async () => {
  const { key, cert, ca, remove } = createCertificate()
  const tls = { key: readFileSync(key), cert: readFileSync(cert) }
  const dataDir = fresh()
  assert.match(await message(startNode({ dataDir, tls, authentication: {} })), 'EVENTSTORE_ADMIN_PASSWORD')
  const node = await startNode({ dataDir, tls, authentication: { adminPassword: 'secret' } })
  const connect = (user: string) =>
    EventStoreDBClient.connectionString(`esdb://${user}localhost:${node.port}?tls=true&tlsCAFile=${ca}`)
  const [admin, wrong, nobody] = [connect('admin:secret@'), connect('admin:other@'), connect('')]
  await admin.appendToStream('a', event(), { credentials: { username: 'admin', password: 'secret' } })
  assert.is(await count(admin, 'a'), 1)
  // And the four that say who admin and ops are.
  assert.is(await count(admin), 5)
  assert.is(await message(count(wrong, 'a')), 'access-denied')
  assert.is(await message(count(nobody, 'a')), 'access-denied')
  assert.is(await message(nobody.appendToStream('a', event())), 'access-denied')
  assert.is(await message(nobody.deleteStream('a')), 'access-denied')
  assert.is(await message(count(nobody)), 'access-denied')
  for (const client of [admin, wrong, nobody]) await client.dispose()
  await node.close()
  remove()
})

test.run()
