/** The node's storage and rules, without the wire, so that thousands of histories can be run. */
import { randomUUID } from 'node:crypto'
import { OPEN_GUARD } from '../auth/guard.ts'
import { createScavenger } from '../log/scavenge.ts'
import { openStorage, type Storage } from '../log/storage.ts'
import { decodeBody, TOMBSTONE_REVISION } from '../protocol/record.ts'
import { shared, streams } from '../protocol/stubs.ts'
import { createAppender } from '../streams/append.ts'
import {
  type AppendOutcome,
  EXPECT_ANY,
  EXPECT_EXISTS,
  EXPECT_NONE,
  type StreamChange,
} from '../streams/append-request.ts'
import { read } from '../streams/read.ts'
import { createHub } from '../subscriptions/hub.ts'
import { fakeCall } from '../testing/call.ts'
import type { Expected, ModelOutcome, Op } from './model.ts'

const expectedOf = (expected: Expected): number =>
  expected === 'any'
    ? EXPECT_ANY
    : expected === 'none'
      ? EXPECT_NONE
      : expected === 'exists'
        ? EXPECT_EXISTS
        : expected

const idOf = (n: number, history: string): string => `${n.toString(16).padStart(8, '0')}${history}`
const numberOf = (id: string): number => Number.parseInt(id.slice(0, 8), 16)

const nameOf = (history: string, stream: number): string => `model${history}/${stream}`

const readRequest = (name: string, op: Omit<Extract<Op, { op: 'read' }>, 'op' | 'stream'>) => {
  const options = new streams.ReadReq.Options()
  const target = new streams.ReadReq.Options.StreamOptions()
  const identifier = new shared.StreamIdentifier()
  identifier.setStreamName(Buffer.from(name))
  target.setStreamIdentifier(identifier)
  if (op.from === 'start') target.setStart(new shared.Empty())
  else if (op.from === 'end') target.setEnd(new shared.Empty())
  else target.setRevision(`${op.from}`)
  options.setStream(target)
  options.setReadDirection(op.backwards ? 1 : 0)
  options.setCount(`${op.count}`)
  options.setNoFilter(new shared.Empty())
  const request = new streams.ReadReq()
  request.setOptions(options)
  return request
}

const verdict = (outcome: AppendOutcome, done: string): string => {
  switch (outcome.tag) {
    case 'appended':
      return done === '' ? `ok ${outcome.revision}` : done
    case 'wrong-expected':
      return `wrong ${outcome.current}`
    case 'deleted':
      return 'stream-deleted'
    case 'timeout':
    case 'full':
    case 'failed':
      return outcome.tag
    default:
      return outcome satisfies never
  }
}

/** All of one history's events in `$all`, as the model lists them. */
const allOf = (storage: Storage, history: string): string[] => {
  const found: string[] = []
  let at = 0
  for (;;) {
    const events = storage.allForwards(at, 500)
    for (const event of events) {
      const { stream, id } = decodeBody(event.body)
      if (stream.startsWith(`model${history}/`) && event.revision !== TOMBSTONE_REVISION)
        found.push(`${stream.split('/')[1]}/${event.revision}:${numberOf(id)}`)
    }
    if (events.length < 500) return found
    at = events.at(-1)!.position + 1
  }
}

export const openSubject = (dataDir: string) => {
  // Small, so that the index is written within the short histories.
  const open = () => openStorage(dataDir, { indexBehind: 5 })
  let storage = open()
  let hub = createHub()
  let appender = createAppender(storage, hub.publish)

  const change = (stream: string, expected: Expected, what: StreamChange): Promise<AppendOutcome> =>
    new Promise((done) =>
      appender.append({
        stream,
        expected: expectedOf(expected),
        change: what,
        deadline: Number.POSITIVE_INFINITY,
        bytes: 0,
        done,
      }),
    )

  /** The node's answer, or the name of its exception. */
  const ask = async (name: string, op: Omit<Extract<Op, { op: 'read' }>, 'op' | 'stream'>) => {
    const request = readRequest(name, op)
    const { call, frames, ended } = fakeCall()
    const done = read({ storage, hub, guard: OPEN_GUARD })(request, call)
    const error = await Promise.race([ended, done.then(() => ended)])
    if (error !== undefined)
      return String((error as { metadata?: { exception?: string } }).metadata?.exception)
    return frames.map((frame) => streams.ReadResp.deserializeBinary(new Uint8Array(frame)))
  }

  const readStream = async (name: string, op: Extract<Op, { op: 'read' }>): Promise<ModelOutcome> => {
    const responses = await ask(name, op)
    if (typeof responses === 'string') return responses
    const events: string[] = []
    for (const response of responses) {
      if (response.hasStreamNotFound()) return 'not-found'
      const event = response.getEvent()?.getEvent()
      if (event !== undefined)
        events.push(`${event.getStreamRevision()}:${numberOf(event.getId()!.getString())}`)
    }
    return events
  }

  /** The stream's last event, if it has one that may be read. */
  const lastOf = async (name: string) => {
    const responses = await ask(name, { backwards: true, from: 'end', count: 1 })
    if (typeof responses === 'string') return undefined
    return responses.map((response) => response.getEvent()?.getEvent()).find((event) => event !== undefined)
  }

  const setMetadata = async (name: string, expected: Expected, json: object): Promise<string> => {
    const event = {
      id: randomUUID(),
      type: '$metadata',
      contentType: 'application/json',
      data: Buffer.from(JSON.stringify(json)),
      metadata: Buffer.alloc(0),
    }
    return verdict(await change(`$$${name}`, expected, { kind: 'append', events: [event] }), 'set')
  }

  const cut = async (name: string, to: number): Promise<ModelOutcome> => {
    const [last, told] = [await lastOf(name), await lastOf(`$$${name}`)]
    if (last === undefined || to < 1 || Number(last.getStreamRevision()) < to) return 'nothing to cut'
    const now = told === undefined ? {} : JSON.parse(Buffer.from(told.getData_asU8()).toString())
    if (typeof now.$tb === 'number' && now.$tb >= to) return 'nothing to cut'
    const at = told === undefined ? ('none' as const) : Number(told.getStreamRevision())
    return setMetadata(name, at, { ...now, $tb: to })
  }

  const scavenge = async (): Promise<string> => {
    const scavenger = createScavenger(storage, () => {})
    scavenger.start()
    while (scavenger.running()) await new Promise(setImmediate)
    return scavenger.progress()?.state ?? 'none'
  }

  const archive = async (history: string, keep: number): Promise<string> => {
    for (let n = 0; n < 3; n += 1) {
      const name = nameOf(history, n)
      const last = await lastOf(name)
      if (last !== undefined) await cut(name, Number(last.getStreamRevision()) + 1 - keep)
    }
    return scavenge()
  }

  return {
    /** `history` tells one history's streams and ids from another's: 28 characters of a UUID. */
    step: async (op: Op, history: string): Promise<ModelOutcome> => {
      if (op.op === 'reopen') {
        appender.drain()
        storage.close()
        storage = open()
        hub = createHub()
        appender = createAppender(storage, hub.publish)
        return 'done'
      }
      if (op.op === 'scavenge') return scavenge()
      if (op.op === 'archive') return archive(history, op.keep)
      const name = nameOf(history, op.stream)
      switch (op.op) {
        case 'append': {
          const events = op.ids.map((id) => ({
            id: idOf(id, history),
            type: 'T',
            contentType: 'application/json',
            data: Buffer.from('{}'),
            metadata: Buffer.alloc(0),
          }))
          return verdict(await change(name, op.expected, { kind: 'append', events }), '')
        }
        case 'delete':
        case 'tombstone':
          return verdict(await change(name, op.expected, { kind: op.op }), 'deleted')
        case 'metadata':
          return setMetadata(name, 'any', {
            ...(op.maxCount === null ? {} : { $maxCount: op.maxCount }),
            ...(op.truncateBefore === null ? {} : { $tb: op.truncateBefore }),
          })
        case 'cut':
          return cut(name, op.to)
        case 'read':
          return readStream(name, op)
        default:
          return op satisfies never
      }
    },

    all: (history: string): string[] => allOf(storage, history),
    close: (): void => {
      appender.drain()
      storage.close()
    },
  }
}
