/** `presence parked` */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { letGoOfParked, listParked, retryParked, showParked } from '../../operations/parked/parked.ts'
import { plain } from '../audit/replay-view/screen.ts'
import { type Command, counted, type Io } from '../command.ts'
import { connections } from '../connections.ts'
import { operator } from '../operator.ts'

/** So many of a stream are shown. */
const SHOWN = 100

const usage = `presence parked [list | show STREAM | retry STREAM | let-go STREAM --reason TEXT]

Events that could not be told apart or put into the tables, and those behind them in their streams, which wait.

  list           each stream, why it waits, since when, and how many events it holds back
  show STREAM    the events that wait, the first ${SHOWN}, as the log has them
  retry STREAM   another try, in order, as far as it goes
  let-go STREAM  gives up what waits, another program's say: it stays on the log and on the audit log, and will be in no other
                 table, after a rebuild neither. Who did so and why is on the log. What comes after it is parked anew`

const json = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part), 2)

const LET_GO_MS = 10_000

const letGo = async ([stream, flag, reason, ...rest]: ReadonlyArray<string | undefined>, io: Io) => {
  if (stream === undefined || flag !== '--reason' || !reason?.trim() || rest.length > 0) {
    io.err(usage)
    return 2
  }
  const to = connections()
  if (E.isLeft(to)) {
    io.err(to.left)
    return 1
  }
  const { databaseUrl, eventStoreUrl } = to.right
  const waiting = async () => (await listParked(databaseUrl)).find((one) => one.stream === stream)
  const before = await waiting()
  if (before === undefined) {
    io.err(`Nothing of ${stream} is parked.`)
    return 1
  }
  const log = connectEventLog({ url: eventStoreUrl })
  try {
    const record = { by: operator(), id: randomUUID(), at: new Date().toISOString() }
    await letGoOfParked(log, { stream, reason: reason.trim() }, record)
  } catch (error) {
    io.err(error instanceof Error ? error.message : String(error))
    return 1
  } finally {
    await log.close()
  }
  for (const end = Date.now() + LET_GO_MS; Date.now() < end; await delay(100))
    if ((await waiting()) === undefined) {
      io.out(plain(`${counted(before.events, 'event')} of ${stream} let go of`))
      return 0
    }
  io.err('It is on the log; the projector has not come to it yet.')
  return 0
}

export const parked: Command = {
  name: 'parked',
  summary: 'events that wait because they could not be read: list, show, retry, let go',
  usage,
  run: async ([verb = 'list', stream, ...rest], io) => {
    if (verb === 'let-go') return letGo([stream, ...rest], io)
    const wrong = rest.length > 0 || !['list', 'show', 'retry'].includes(verb)
    if (wrong || (verb === 'list') !== (stream === undefined)) {
      io.err(usage)
      return 2
    }
    const to = connections()
    if (E.isLeft(to)) {
      io.err(to.left)
      return 1
    }
    const { databaseUrl } = to.right
    if (stream === undefined) {
      const streams = await listParked(databaseUrl)
      for (const one of streams)
        io.out(
          plain(
            `${one.stream}  ${counted(one.events, 'event')} since ${one.parkedAt.toISOString()}, from ${one.position}: ${one.reason}`,
          ),
        )
      io.out(streams.length === 0 ? 'nothing is parked' : counted(streams.length, 'stream'))
      return 0
    }
    if (verb === 'show') {
      const events = await showParked(databaseUrl, stream, SHOWN)
      if (events.length === 0) io.err(`Nothing of ${stream} is parked.`)
      else io.out(json(events))
      if (events.length === SHOWN) {
        const waiting = (await listParked(databaseUrl)).find((one) => one.stream === stream)?.events ?? 0
        if (waiting > SHOWN) io.err(`… and ${waiting - SHOWN} more behind them`)
      }
      return events.length === 0 ? 1 : 0
    }
    const { applied, stoppedBy } = await retryParked(databaseUrl, stream)
    if (applied === 0 && stoppedBy === null) {
      io.err(`Nothing of ${stream} is parked.`)
      return 1
    }
    io.out(`${counted(applied, 'event')} applied`)
    if (stoppedBy)
      io.err(plain(`${stoppedBy.event.type} at ${stoppedBy.event.position} still waits: ${stoppedBy.reason}`))
    return stoppedBy ? 1 : 0
  },
}
