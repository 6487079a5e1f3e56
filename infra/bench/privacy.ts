/** What keeping people's data sealed adds to an append and to a read: the same events to the same node with and without,
 *  in turns, so that whatever else the machine does falls on both. Processor time is this process's own. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { openEvents, sealedLog } from '../../adapters/privacy/sealed-log.ts'
import type { EventLog, NewEvent } from '../../domain/ports.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import type { Row } from './figures.ts'

const PEOPLE = 50
const WORDS = 'What a chat message says: some sixty characters, as most do.'

const message = (i: number): NewEvent => {
  const account = `person-${i % PEOPLE}`
  const at = new Date().toISOString()
  const id = randomUUID()
  return {
    id,
    type: 'MessagePosted',
    data: {
      messageId: id,
      account,
      guest: null,
      displayName: account,
      subspace: 'main',
      messageType: 'text',
      content: WORDS,
      parentMessageId: null,
      threadRootId: null,
      at,
    },
    metadata: {
      $correlationId: id,
      $causationId: id,
      command: { id, type: 'PostMessage' },
      actor: { kind: 'account', id: account },
      node: 'bench',
      at,
      schema: 1,
      client: { ip: '192.0.2.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Bench/1.0' },
    },
  }
}

type Turn = { readonly wall: number; readonly cpu: number }
const median = (values: ReadonlyArray<number>): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!

/** `appends` appends of `size` events, `callers` at a time. Microseconds an event. */
const turn = async (log: EventLog, appends: number, size: number, callers: number): Promise<Turn> => {
  const batches = Array.from({ length: appends }, () => Array.from({ length: size }, (_, i) => message(i)))
  const cpu = process.cpuUsage()
  const began = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (next < batches.length) {
        const events = batches[next++]!
        const written = await log.append(`chat-global:bench-${caller}`, 'any', events)()
        if (E.isLeft(written)) throw new Error(written.left._tag)
      }
    }),
  )
  const used = process.cpuUsage(cpu)
  const events = appends * size
  return { wall: ((performance.now() - began) * 1_000) / events, cpu: (used.user + used.system) / events }
}

const inTurns = async (plain: EventLog, sealed: EventLog, size: number, callers: number, rounds: number) => {
  const appends = size === 1 ? 400 : 20
  const turns: { readonly plain: Turn[]; readonly sealed: Turn[] } = { plain: [], sealed: [] }
  await turn(sealed, appends, size, callers)
  await turn(plain, appends, size, callers)
  for (let i = 0; i < rounds; i += 1) {
    turns.plain.push(await turn(plain, appends, size, callers))
    turns.sealed.push(await turn(sealed, appends, size, callers))
  }
  const of = (all: ReadonlyArray<Turn>) => ({
    wall: median(all.map(({ wall }) => wall)),
    cpu: median(all.map(({ cpu }) => cpu)),
  })
  // Round by round: what else the machine did in a round fell on both.
  const added = median(turns.sealed.map(({ wall }, i) => wall / turns.plain[i]!.wall - 1))
  return { size, callers, plain: of(turns.plain), sealed: of(turns.sealed), added }
}

export const bench = async (rounds = 7) => {
  const store = await testEventStore()
  const database = await testDatabase()
  const plain = connectEventLog({ url: store.url })
  const vault = connectVault({ databaseUrl: database.url, masterKey: 'ab'.repeat(32) })
  await vault.ready
  const sealed = sealedLog(plain, vault)
  try {
    const single = await inTurns(plain, sealed, 1, 1, rounds)
    const callers = await inTurns(plain, sealed, 1, 64, rounds)
    const hundreds = await inTurns(plain, sealed, 100, 4, rounds)

    const read = await plain.readStream('chat-global:bench-0', { limit: 1_000 })()
    if (E.isLeft(read)) throw new Error(read.left._tag)
    const shut = read.right.filter(({ data }) => 'sealed' in (data as object))
    const began = performance.now()
    for (let i = 0; i < 20; i += 1) await openEvents(shut, vault)
    const openingUs = ((performance.now() - began) * 1_000) / (20 * shut.length)
    const figures = { single, callers, hundreds, openingUs }
    console.log(JSON.stringify(figures, null, 1))
    const row = (what: string, one: typeof single): Row => ({
      what: `sealing adds to ${what}`,
      ours: `${(100 * one.added).toFixed(1)} % (${one.sealed.wall.toFixed(0)} µs an event)`,
      beside: `unsealed ${one.plain.wall.toFixed(0)} µs`,
      goal: '< 5 %',
      met: one.added < 0.05,
    })
    const rows: ReadonlyArray<Row> = [
      row('an append, one caller', single),
      row('appends of 64 callers', callers),
      row('appends of 100', hundreds),
      {
        what: 'opening a sealed event',
        ours: `${openingUs.toFixed(1)} µs`,
        beside: '',
        goal: '',
        met: null,
      },
    ]
    return { rows, figures }
  } finally {
    await plain.close()
    await vault.close()
    await store.stop()
    await database.drop()
  }
}
