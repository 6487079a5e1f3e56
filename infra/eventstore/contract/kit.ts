/** What the contract's cases need: a server (EVENTSTORE_URL's, or an embedded node of their own) and both official
 *  clients under one face, so that each case is written once and runs over both. */
import { randomUUID } from 'node:crypto'
import { createRequire } from 'node:module'
import type { EventStoreDBClient } from '@eventstore/db-client'
import { suite } from 'uvu'
import { type TestEventStore, testEventStore } from '../../testing/eventstore.ts'

const require = createRequire(import.meta.url)
type Library = typeof import('@eventstore/db-client')

export type Expected = 'any' | 'no_stream' | 'stream_exists' | bigint
export type Client = EventStoreDBClient

export type Kit = {
  /** The package's name. */
  readonly name: string
  readonly lib: Library
  readonly client: Client
  /** Events of a type that say their number. */
  readonly events: (count: number, type?: string) => Array<ReturnType<Library['jsonEvent']>>
  readonly append: (
    stream: string,
    events: ReadonlyArray<ReturnType<Library['jsonEvent'] | Library['binaryEvent']>>,
    expected?: Expected,
    options?: { credentials?: { username: string; password: string }; deadline?: number },
  ) => ReturnType<Client['appendToStream']>
  readonly read: (
    stream: string,
    options?: Parameters<Client['readStream']>[1],
  ) => Promise<Array<Awaited<ReturnType<typeof collect>>[number]>>
  readonly readAll: (options?: object) => Promise<Array<Awaited<ReturnType<typeof collect>>[number]>>
}

/** Everything that a read gives. */
export const collect = async (stream: ReturnType<Client['readStream']>) => {
  const all = []
  for await (const event of stream) all.push(event)
  return all
}

/** What a call failed with, by what both clients call it. */
export const failure = async (
  promise: Promise<unknown>,
): Promise<{ type: string; expected?: unknown; actual?: unknown; error: Record<string, unknown> }> => {
  try {
    await promise
  } catch (caught) {
    const error = caught as Record<string, unknown>
    return {
      type: String(error.type ?? error),
      expected: error.expectedVersion ?? error.expectedState,
      actual: error.actualVersion ?? error.actualState,
      error,
    }
  }
  throw new Error('It did not fail')
}

export const unique = (prefix = 'contract'): string => `${prefix}-${randomUUID().replaceAll('-', '')}`

const kitOf = (name: string, url: string): Kit => {
  const lib = require(name) as Library & { KurrentDBClient?: Library['EventStoreDBClient'] }
  const kurrent = lib.KurrentDBClient
  const client = (kurrent ?? lib.EventStoreDBClient).connectionString(
    kurrent === undefined ? url : url.replace('esdb:', 'kurrentdb:'),
  )
  return {
    name,
    lib,
    client,
    events: (count, type = 'Happened') =>
      Array.from({ length: count }, (_, n) => lib.jsonEvent({ type, data: { n }, metadata: { meta: n } })),
    append: (stream, events, expected = 'any', options = {}) =>
      client.appendToStream(stream, [...events], {
        ...options,
        ...(kurrent === undefined ? { expectedRevision: expected } : { streamState: expected }),
      }),
    read: (stream, options) => collect(client.readStream(stream, options)),
    readAll: (options = {}) => collect(client.readAll(options) as never),
  }
}

type Add = (title: string, run: (kit: Kit) => Promise<void>) => void
const suites: Array<{ readonly name: string; readonly cases: (add: Add) => void }> = []

/** Cases of one subject. They run when an entry (`*.test.ts`) calls `runContract`. */
export const contract = (name: string, cases: (add: Add) => void): void => {
  suites.push({ name, cases })
}

/** Runs all cases over one client. Each client has a process of its own: both keep their generated code in the same
 *  global place, so the second to be loaded breaks the first. */
export const runContract = (library: '@eventstore/db-client' | '@kurrent/kurrentdb-client'): void => {
  let store: TestEventStore | undefined
  let kit: Kit | undefined
  const start = async (): Promise<void> => {
    let url = process.env.EVENTSTORE_URL
    if (url === undefined) {
      store = await testEventStore()
      url = store.url
    }
    kit = kitOf(library, url)
    const { serverVersion } = await (
      kit.client as unknown as { capabilities: Promise<{ serverVersion: string }> }
    ).capabilities
    const where = store === undefined ? url.replace(/\/\/[^@/]*@/, '//') : 'the embedded node'
    console.log(`${library} on ${where}, version ${serverVersion}`)
  }
  const stop = async (): Promise<void> => {
    // It waits for ever for a call that the server ended first.
    await Promise.race([kit?.client.dispose(), new Promise((resolve) => setTimeout(resolve, 500))])
    await store?.stop()
  }
  for (const [index, { name, cases }] of suites.entries()) {
    const test = suite(name)
    if (index === 0) test.before(start)
    cases((title, run) => test(title, () => run(kit!)))
    if (index === suites.length - 1) test.after(stop)
    test.run()
  }
}

/** Waits for `check` to give something, asking often; the clock only ends what would never end. */
export const until = async <T>(
  check: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> => {
  const end = Date.now() + 10_000
  for (;;) {
    const value = await check()
    if (value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error('It did not come to be')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
