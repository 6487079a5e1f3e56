/** Helpers of this folder's tests: events, waiting for a condition, and a server that misbehaves as a test wants. */
import { randomUUID } from 'node:crypto'
import * as grpc from '@grpc/grpc-js'
import { type Either, isRight } from 'fp-ts/lib/Either.js'
import type { NewEvent, RecordedEvent, SubscriptionItem } from '../../../domain/ports.ts'
import { BATCH_APPEND, READ, SERVER_FEATURES } from '../wire.ts'

export const someEvents = (count: number, filling: object = {}): NewEvent[] =>
  Array.from({ length: count }, (_, n) => ({
    id: randomUUID(),
    type: 'Happened',
    data: { n, ...filling },
    metadata: { schema: 1 },
  }))

export const must = <E, A>(result: Either<E, A>): A => {
  if (isRight(result)) return result.right
  throw new Error(`unexpected ${JSON.stringify(result.left)}`)
}

export const failure = <E, A>(result: Either<E, A>): E => {
  if (!isRight(result)) return result.left
  throw new Error(`unexpected success ${String(result.right)}`)
}

/** Waits for a condition; throws if it does not come true within `ms`. */
export const until = async (
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> => {
  const end = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Collects a subscription's items in the background. */
export const collect = (subscription: AsyncIterable<ReadonlyArray<SubscriptionItem>>) => {
  const events: RecordedEvent[] = []
  const seen = { caughtUp: 0, batches: 0 }
  const done = (async () => {
    for await (const batch of subscription) {
      seen.batches += 1
      for (const item of batch) {
        if (item.kind === 'event') events.push(item.event)
        else if (item.kind === 'caught-up') seen.caughtUp += 1
      }
    }
  })()
  return { events, seen, done }
}

export type FakeCalls = {
  readonly read?: (call: grpc.ServerWritableStream<Buffer, Buffer>) => void
  readonly batchAppend?: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => void
  readonly serverFeatures?: (answer: grpc.sendUnaryData<Buffer>) => void
}

const identity = (bytes: Buffer) => bytes

/** A server with only the calls that a test defines, in bytes. `calls` may be changed while it runs. */
export const fakeServer = async (calls: FakeCalls, port = 0) => {
  const current = { calls }
  const server = new grpc.Server()
  const raw = (path: string, requestStream: boolean, responseStream: boolean) => ({
    path,
    requestStream,
    responseStream,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  })
  server.addService(
    {
      read: raw(READ, false, true),
      batchAppend: raw(BATCH_APPEND, true, true),
      serverFeatures: raw(SERVER_FEATURES, false, false),
    },
    {
      read: (call: grpc.ServerWritableStream<Buffer, Buffer>) => current.calls.read?.(call),
      batchAppend: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => current.calls.batchAppend?.(call),
      serverFeatures: (_: unknown, answer: grpc.sendUnaryData<Buffer>) =>
        current.calls.serverFeatures === undefined
          ? answer({ code: grpc.status.UNIMPLEMENTED })
          : current.calls.serverFeatures(answer),
    },
  )
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, at) =>
      error === null ? resolve(at) : reject(error),
    ),
  )
  return {
    port: bound,
    url: `esdb://127.0.0.1:${bound}?tls=false`,
    become: (next: FakeCalls) => {
      current.calls = next
    },
    stop: () => server.forceShutdown(),
  }
}

export const notLeader = (host: string, port: number): Partial<grpc.StatusObject> => {
  const metadata = new grpc.Metadata()
  metadata.set('exception', 'not-leader')
  metadata.set('leader-endpoint-host', host)
  metadata.set('leader-endpoint-port', String(port))
  return { code: grpc.status.NOT_FOUND, details: 'Leader info available', metadata }
}
