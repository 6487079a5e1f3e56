/** Measures what sealing people's data adds to an append and to a read. The same events go to the same node with and
 *  without sealing, in short turns, so that whatever else the machine does affects both. An append is judged by the
 *  processor time of client and node together; elapsed time is given beside it. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { sealValue } from '../../adapters/privacy/value-seal.ts'
import type { EventLog, NewEvent, RecordedEvent } from '../../domain/ports.ts'
import { type TestEventStore, testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import type { FigureRow } from './figures.ts'
import { median, processorMs } from './processor.ts'

const PEOPLE = 50
const WORDS = 'What a chat message says: some sixty characters, as most do.'
const GOAL = 0.05

type Kind = 'message' | 'act'
/** A message, or an act that contains only who did it and from where. */
const eventOf = (kind: Kind, i: number): NewEvent => {
  const account = `person-${i % PEOPLE}`
  const at = new Date().toISOString()
  const id = randomUUID()
  const words = {
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
  }
  const act = { messageId: id, subspace: 'main', emoji: '👍', by: { kind: 'account', id: account }, at }
  return {
    id,
    type: kind === 'message' ? 'MessagePosted' : 'ReactionAdded',
    data: kind === 'message' ? words : act,
    metadata: {
      $correlationId: id,
      $causationId: id,
      command: { id, type: kind === 'message' ? 'PostMessage' : 'AddReaction' },
      actor: { kind: 'account', id: account },
      node: 'bench',
      at,
      schema: 1,
      client: { ip: '192.0.2.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Bench/1.0' },
      grounds: { role: 'access', via: 'public' },
    },
  }
}

type Shape = { readonly what: string; readonly kind: Kind; readonly size: number; readonly callers: number }
const SHAPES: ReadonlyArray<Shape> = [
  { what: 'a message', kind: 'message', size: 1, callers: 1 },
  { what: 'messages of 64 callers', kind: 'message', size: 1, callers: 64 },
  { what: 'appends of 100 messages', kind: 'message', size: 100, callers: 4 },
  { what: 'another act', kind: 'act', size: 1, callers: 1 },
  { what: 'other acts of 64 callers', kind: 'act', size: 1, callers: 64 },
  { what: 'appends of 100 other acts', kind: 'act', size: 100, callers: 4 },
]

/** Microseconds per event. */
type Turn = { readonly wall: number; readonly client: number; readonly node: number }

const turn = async (log: EventLog, store: TestEventStore, appends: number, shape: Shape): Promise<Turn> => {
  const { kind, size, callers } = shape
  const batches = Array.from({ length: appends }, () =>
    Array.from({ length: size }, (_, i) => eventOf(kind, i)),
  )
  const used = [processorMs(process.pid), processorMs(store.pid())] as const
  const began = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      while (next < batches.length) {
        const events = batches[next++]!
        const written = await log.append(`chat-global:bench-${kind}-${caller}`, 'any', events)()
        if (E.isLeft(written)) throw new Error(written.left._tag)
      }
    }),
  )
  const a = 1_000 / (appends * size)
  return {
    wall: (performance.now() - began) * a,
    client: (processorMs(process.pid) - used[0]) * a,
    node: (processorMs(store.pid()) - used[1]) * a,
  }
}

const inTurns = async (
  { plain, sealed }: { readonly plain: EventLog; readonly sealed: EventLog },
  store: TestEventStore,
  shape: Shape,
  rounds: number,
) => {
  const appends = shape.size === 1 ? 200 : 20
  const turns: { readonly plain: Turn[]; readonly sealed: Turn[] } = { plain: [], sealed: [] }
  for (let i = -2; i < rounds; i += 1) {
    const a = await turn(plain, store, appends, shape)
    const b = await turn(sealed, store, appends, shape)
    if (i < 0) continue
    turns.plain.push(a)
    turns.sealed.push(b)
  }
  const of = (all: ReadonlyArray<Turn>): Turn => ({
    wall: median(all.map(({ wall }) => wall)),
    client: median(all.map(({ client }) => client)),
    node: median(all.map(({ node }) => node)),
  })
  // Compared round by round, because whatever else the machine did in a round affected both.
  const ratio = (value: (one: Turn) => number) =>
    median(turns.sealed.map((one, i) => value(one) / value(turns.plain[i]!) - 1))
  return {
    ...shape,
    plain: of(turns.plain),
    sealed: of(turns.sealed),
    added: ratio(({ client, node }) => client + node),
    addedWall: ratio(({ wall }) => wall),
  }
}

/** Processor µs per item, in the quietest of several rounds. */
const least = async (pieces: number, work: () => unknown): Promise<number> => {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 15; i += 1) {
    const before = process.cpuUsage()
    await work()
    const { user, system } = process.cpuUsage(before)
    if (i > 2) best = Math.min(best, (user + system) / pieces)
  }
  return best
}

/** A log that accepts everything at once, and puts it into `kept`. */
const nowhere = (log: EventLog, kept: NewEvent[] = []): EventLog => ({
  ...log,
  append: (_stream, _expected, events) => async () => {
    kept.splice(0, kept.length, ...events)
    return E.right({ revision: 0n, position: 0n })
  },
})

export const bench = async (rounds = Number(process.env.PRIVACY_ROUNDS ?? 15)) => {
  const store = await testEventStore()
  const database = await testDatabase()
  const plain = connectEventLog({ url: store.url })
  const vault = connectVault({ databaseUrl: database.url, masterKey: 'ab'.repeat(32) })
  await vault.ready
  const sealed = sealedLog(plain, vault)
  try {
    const shapes: Array<Awaited<ReturnType<typeof inTurns>>> = []
    for (const shape of SHAPES) shapes.push(await inTurns({ plain, sealed }, store, shape, rounds))

    const shut = async (kind: Kind): Promise<ReadonlyArray<RecordedEvent>> => {
      const read = await plain.readStream(`chat-global:bench-${kind}-0`, { limit: 2_000 })()
      if (E.isLeft(read)) throw new Error(read.left._tag)
      return read.right.filter(({ metadata }) => 'sealed' in (metadata as object))
    }
    const cost = async (kind: Kind) => {
      const events = Array.from({ length: 2_000 }, (_, i) => eventOf(kind, i))
      const bare = nowhere(plain)
      const into = sealedLog(bare, vault)
      const appendTo = (log: EventLog) => async () => {
        for (const event of events) await log.append('x', 'any', [event])()
      }
      const one = await least(events.length, appendTo(bare))
      const seal = (await least(events.length, appendTo(into))) - one
      const stored = await shut(kind)
      const reader = sealedLog(plain, vault)
      const open = await least(stored.length, () => reader.open(stored))
      const kept: NewEvent[] = []
      const writer = sealedLog(nowhere(plain, kept), vault)
      await writer.append('x', 'any', events)()
      const at = { stream: 'x', revision: 0n, position: 0n, created: new Date() }
      const written = kept.map((event) => ({ ...event, ...at }))
      const own = await least(written.length, () => writer.open(written))
      return { seal, open, own }
    }
    const costs = { message: await cost('message'), act: await cost('act') }
    const [subjectKey] = [...(await vault.sealing(['person-1'])).values()]
    const id = randomUUID()
    const cipher = await least(2_000, () => {
      for (let i = 0; i < 2_000; i += 1) sealValue(WORDS, subjectKey!.key, id)
    })
    // The same between two appends, after others have used the caches: as elapsed time, since there is little else to
    // go by.
    const alone: number[] = []
    for (let i = 0; i < 300; i += 1) {
      await plain.append('chat-global:bench-alone', 'any', [eventOf('message', i)])()
      const begun = performance.now()
      sealValue(WORDS, subjectKey!.key, id)
      alone.push((performance.now() - begun) * 1_000)
    }
    const cipherAlone = median(alone)

    const us = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} µs`
    const percent = (value: number): string => `${(100 * value).toFixed(1)} %`
    const rows: FigureRow[] = shapes.map(({ what, added, addedWall, plain: without }) => ({
      what: `sealing adds to ${what}`,
      ours: `${percent(added)} of ${us(without.client + without.node)} of processor`,
      beside: `${percent(addedWall)} of ${us(without.wall)} elapsed`,
      goal: '< 5 %',
      met: added < GOAL,
    }))
    for (const [kind, name] of [
      ['message', 'a message'],
      ['act', 'another act'],
    ] as const) {
      const { seal, open, own } = costs[kind]
      rows.push({
        what: `${name} sealed; opened; opened by its writer`,
        ours: `${us(seal)}; ${us(open)}; ${us(own)}`,
        beside:
          kind === 'message'
            ? `${us(cipher)} in the cipher and its hashes, ${us(cipherAlone)} between appends`
            : '',
        goal: '',
        met: null,
      })
    }
    const short = shapes.filter(({ added }) => added >= GOAL)
    const notes =
      short.length === 0
        ? []
        : [
            `Sealing costs more than the goal with ${short.map(({ what }) => what).join(', ')}. Sealing a message takes ${us(costs.message.seal)}, of which ${us(cipher)} are its key, its seal and the commitment to it, or ${us(cipherAlone)} between two appends, when other work has filled the processor’s caches. Each message is sealed on its own, since no two people share a key. Without sealing, messages in large appends cost only ${us(shapes[2]!.plain.client + shapes[2]!.plain.node)} each, so it weighs most there. An act without words costs ${us(costs.act.seal)}, because where a person comes from is sealed once.`,
          ]
    return { rows, figures: { shapes, costs, cipher, cipherAlone }, notes }
  } finally {
    await plain.close()
    await vault.close()
    await store.stop()
    await database.drop()
  }
}
