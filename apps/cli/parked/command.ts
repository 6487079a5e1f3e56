/** `presence parked` */

import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { letGoOfParked, listParked, retryParked, showParked } from '../../operations/parked/parked.ts'
import { type Command, counted, Misused, type Run } from '../command.ts'
import type { Connections } from '../connections.ts'
import { operator } from '../operator.ts'
import { reached } from '../reached.ts'
import { plain } from '../shown.ts'

/** How many events of a stream are shown. */
const SHOWN = 100

const json = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part), 2)

const LET_GO_MS = 10_000

/** Throws if there is nothing to connect to. */
const connected = async (): Promise<Connections> => {
  const to = await reached()
  if (E.isLeft(to)) throw new Error(to.left)
  return to.right
}
const oneStream = (args: ReadonlyArray<string>): string => {
  const [stream, ...rest] = args
  if (stream === undefined || rest.length > 0) throw new Misused('Name one stream.')
  return stream
}

const letGo: Run = async ([stream, flag, reason, ...rest], io) => {
  if (stream === undefined || flag !== '--reason' || !reason?.trim() || rest.length > 0)
    throw new Misused('Name one stream, and say why: --reason TEXT.')
  const { databaseUrl, eventStoreUrl } = await connected()
  const waiting = async () => (await listParked(databaseUrl)).find((one) => one.stream === stream)
  const before = await waiting()
  if (before === undefined) throw new Error(`Nothing of ${stream} is parked.`)
  const log = connectEventLog({ url: eventStoreUrl })
  try {
    const record = { by: operator(), id: randomUUID(), at: new Date().toISOString() }
    await letGoOfParked(log, { stream, reason: reason.trim() }, record)
  } finally {
    await log.close()
  }
  for (const end = Date.now() + LET_GO_MS; Date.now() < end; await delay(100))
    if ((await waiting()) === undefined) {
      io.data?.({ stream, events: before.events, isLetGo: true })
      io.out(plain(`${counted(before.events, 'event')} of ${stream} let go of`))
      return 0
    }
  io.data?.({ stream, events: before.events, isLetGo: false })
  io.err('It is on the log; the projector has not come to it yet.')
  return 0
}

const list: Run = async (args, io) => {
  if (args.length > 0) throw new Misused('presence parked list takes nothing more.')
  const streams = await listParked((await connected()).databaseUrl)
  io.data?.(streams)
  for (const { stream, events, parkedAt, position, reason } of streams)
    io.out(
      plain(
        `${stream}  ${counted(events, 'event')} since ${parkedAt.toISOString()}, from ${position}: ${reason}`,
      ),
    )
  io.out(streams.length === 0 ? 'nothing is parked' : counted(streams.length, 'stream'))
  return 0
}

const show: Run = async (args, io) => {
  const stream = oneStream(args)
  const { databaseUrl } = await connected()
  const events = await showParked(databaseUrl, stream, SHOWN)
  if (events.length === 0) throw new Error(`Nothing of ${stream} is parked.`)
  io.data?.(events)
  io.out(json(events))
  if (events.length === SHOWN) {
    const waiting = (await listParked(databaseUrl)).find((one) => one.stream === stream)?.events ?? 0
    if (waiting > SHOWN) io.err(`… and ${waiting - SHOWN} more behind them`)
  }
  return 0
}

const retry: Run = async (args, io) => {
  const stream = oneStream(args)
  const { applied, stoppedBy } = await retryParked((await connected()).databaseUrl, stream)
  if (applied === 0 && stoppedBy === null) throw new Error(`Nothing of ${stream} is parked.`)
  io.data?.({ stream, applied, stoppedBy })
  io.out(`${counted(applied, 'event')} applied`)
  if (stoppedBy)
    io.err(plain(`${stoppedBy.event.type} at ${stoppedBy.event.position} still waits: ${stoppedBy.reason}`))
  return stoppedBy ? 1 : 0
}

export const parked: Command = {
  name: 'parked',
  summary: 'events that wait because they could not be read: list, show, retry, let go',
  otherwise: 'list',
  words: [
    {
      name: 'list',
      takes: '',
      says: 'each stream, why it waits, since when, and how many events it holds back',
      load: async () => ({ run: list }),
    },
    {
      name: 'show',
      takes: 'STREAM',
      says: `the events that wait, the first ${SHOWN}, as the log has them`,
      load: async () => ({ run: show }),
    },
    {
      name: 'retry',
      takes: 'STREAM',
      says: 'another try, in order, as far as it goes',
      load: async () => ({ run: retry }),
    },
    {
      name: 'let-go',
      takes: 'STREAM --reason TEXT',
      says: `gives up what waits, another program's say: it stays on the log and on the audit log, and will be in no other table, after a
rebuild neither. Who did so and why is on the log. What comes after it is parked anew`,
      load: async () => ({ run: letGo }),
    },
  ],
  notes:
    'Parked are events that could not be told apart or put into the tables, and those behind them in their streams, which wait.',
}
