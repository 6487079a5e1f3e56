/** Measures what callers can make the server write and send in a minute, each asking as fast as it is allowed, and
 *  what the limits themselves cost. It uses a log in memory, and a clock of its own for the minute. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { createLooks } from '../../adapters/http/audit-reads.ts'
import { createCommands } from '../../apps/commands/commands.ts'
import { createLimiter, DEFAULT_LIMITS } from '../../apps/commands/limits.ts'
import type { CaseCommand } from '../../domain/cases/commands.ts'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import { LOBBY, type SpaceRef } from '../../domain/names.ts'
import type { Sender } from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { testNode } from '../testing/sockets.ts'
import type { FigureRow } from './figures.ts'
import { guestOf, joinOf } from './limits-callers.ts'
import { computedByOneAddress } from './limits-computed.ts'
import { heldByOneAddress } from './limits-held.ts'
import { aMessage } from './limits-message.ts'

const SECONDS = 60
/** As a fraction of a second. */
const TICKS = 10
const BASE = 1_767_225_600_000

const sizeOf = (events: ReadonlyArray<{ data: unknown; metadata: unknown }>): number =>
  events.reduce((sum, { data, metadata }) => sum + Buffer.byteLength(JSON.stringify([data, metadata])), 0)

type Sent = { readonly sender: Sender; readonly space: SpaceRef } & (
  | { readonly chat: ChatCommand }
  | { readonly presence: SpaceCommand }
  | { readonly report: CaseCommand }
)

/** One minute of the commands that `next` makes; in each second until it has been told three times to wait. */
const aMinute = async (next: (n: number) => Sent, exists = true) => {
  const log = memoryLog()
  const clock = { ms: BASE, now: () => clock.ms }
  const path = createCommands({
    log,
    content: {
      factsFor: () => async () =>
        E.right({
          exists,
          title: 'Bench',
          owner: 'alice',
          visibility: exists ? 'public' : 'private',
          role: null,
        }),
    },
    clock,
    ids: { uuid: randomUUID },
    node: { id: 'bench', boot: 'bench' },
    messageLookup: () => async () => E.right(new Map()),
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    refusals: { summaryMs: 200 },
  })
  let n = 0
  for (let tick = 0; tick < SECONDS * TICKS; tick += 1) {
    for (let slow = 0; slow < 3; n += 1) {
      const { sender, space, ...asked } = next(n)
      const request = { ...sender, id: randomUUID(), space }
      const answer =
        'chat' in asked
          ? await path.chat({ ...request, command: asked.chat })()
          : 'report' in asked
            ? await path.cases({ ...request, command: asked.report })()
            : await path.space({ ...request, command: asked.presence })()
      const refusal = E.isLeft(answer) && answer.left._tag === 'Refused' ? answer.left.refusal._tag : null
      if (refusal === 'SlowDown') slow += 1
      // Commands refused for another reason are written too, but there is no need to ask a hundred thousand times to
      // see how much.
      else if (refusal !== null && n > 20_000) break
    }
    clock.ms += 1_000 / TICKS
  }
  await path.drain()
  return { events: log.all().length, bytes: sizeOf(log.all()) }
}

const alice: Sender = {
  by: { kind: 'account', id: 'alice' },
  client: { ip: '192.0.2.1', userAgent: 'x'.repeat(200) },
}
const say = (): ChatCommand => ({
  type: 'PostMessage',
  messageId: randomUUID(),
  subspace: 'main',
  content: '\u{1F600}'.repeat(2_000),
  messageType: 'text',
  parentMessageId: null,
})

const looksOfAMinute = async () => {
  const log = memoryLog()
  const clock = { ms: BASE, now: () => clock.ms }
  const looks = createLooks({ log, clock, ids: { uuid: randomUUID }, nodeId: 'bench' })
  for (let n = 0; n < 600 * SECONDS; n += 1) {
    await looks.record({
      sender: guestOf(n),
      space: LOBBY,
      call: 'at',
      filters: { time: 'then' },
      rows: null,
    })()
    clock.ms += 1_000 / 600
    if (n % 6_000 === 5_999) await looks.flush()
  }
  await looks.flush()
  return { events: log.all().length, bytes: sizeOf(log.all()) }
}

/** How many nanoseconds the limits take for a command. */
const costOf = (sender: (n: number) => Sender): number => {
  const many = { perSecond: 1e9, burst: 1e9 }
  const all = { presence: many, moderation: many, chat: many, 'chat-change': many, report: many }
  const limiter = createLimiter(Date.now, {
    ...DEFAULT_LIMITS,
    account: all,
    guest: all,
    guestsOfAddress: all,
    bytes: { account: many, guest: many, guestsOfAddress: many, guestsOfSpace: many },
  })
  const command = { ...say(), content: 'a message as people write them, of some sixty characters.' }
  const requests = Array.from({ length: 1_000 }, (_, n) => ({
    ...sender(n),
    id: 'id',
    space: LOBBY,
    command,
  }))
  const round = (times: number): number => {
    const from = process.cpuUsage()
    for (let n = 0; n < times; n += 1) limiter.take(requests[n % requests.length]!)
    const { user, system } = process.cpuUsage(from)
    return ((user + system) * 1_000) / times
  }
  round(100_000)
  return Math.min(...Array.from({ length: 5 }, () => round(200_000)))
}

/** How many bytes a second 40 guests in one room are sent while each moves a scene of 15 KB 60 times a second. */
const scenes = async (guests = 40, seconds = 5) => {
  const node = await testNode(memoryLog())
  try {
    let bytes = 0
    const clients = await Promise.all(Array.from({ length: guests }, () => node.connect()))
    for (const client of clients) {
      await client.ask('join-space', { spaceType: 'post', spaceId: 'alice/my-post' })
      client.socket.io.engine.on('data', (data: string | ArrayBuffer) => {
        bytes += typeof data === 'string' ? data.length : data.byteLength
      })
    }
    const scene = { entities: 'x'.repeat(15_000) }
    const [began, from] = [performance.now(), process.cpuUsage()]
    bytes = 0
    while (performance.now() - began < seconds * 1_000) {
      for (const { socket } of clients) socket.volatile.emit('aframe-update', scene)
      await new Promise((resolve) => setTimeout(resolve, 16))
    }
    const elapsed = (performance.now() - began) / 1_000
    const { user, system } = process.cpuUsage(from)
    return { bytesPerSecond: bytes / elapsed, share: (user + system) / 1e6 / elapsed }
  } finally {
    await node.stop()
  }
}

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`
const allowed = ({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }): number =>
  burst + perSecond * SECONDS

export const bench = async () => {
  const { bytes: limits } = DEFAULT_LIMITS
  const written = [
    [
      'a guest joins without end',
      limits.guest,
      (n: number) => ({ sender: guestOf(1), space: LOBBY, presence: joinOf(n, 900) }),
    ],
    [
      'a guest says 2,000 emoji without end',
      limits.guest,
      () => ({ sender: guestOf(1), space: LOBBY, chat: say() }),
    ],
    [
      'an account joins with 16 KB avatars',
      limits.account,
      (n: number) => ({ sender: alice, space: LOBBY, presence: joinOf(n, 16_000) }),
    ],
    [
      'an account says 2,000 emoji without end',
      limits.account,
      () => ({ sender: alice, space: LOBBY, chat: say() }),
    ],
    [
      'all guests of one address, 2,000 emoji',
      limits.guestsOfAddress,
      (n: number) => ({ sender: guestOf(n % 1_000), space: LOBBY, chat: say() }),
    ],
  ] as const
  const rows: FigureRow[] = []
  const figures: Record<string, unknown> = {}
  const add = (what: string, [ours, goal, met]: readonly [string, string, boolean], figure: unknown) => {
    console.log(`${what}: ${ours} (${goal})`)
    rows.push({ what, ours, beside: '', goal, met })
    figures[what] = figure
  }
  for (const [what, rate, next] of written) {
    const figure = await aMinute(next)
    const bound = allowed(rate)
    add(
      `written in a minute: ${what}`,
      [`${mb(figure.bytes)}, ${figure.events} events`, `≤ ${mb(bound)}`, figure.bytes <= bound],
      figure,
    )
  }
  const refused = await aMinute(
    (n) => ({
      sender: guestOf(n % 1_000),
      space: { type: 'post', id: `alice/none-${n}` },
      presence: joinOf(n, 900),
    }),
    false,
  )
  add(
    'written in a minute: refusals for one address in ever new spaces',
    [`${mb(refused.bytes)}, ${refused.events} events`, '≤ 2 MB', refused.bytes <= 2e6],
    refused,
  )
  const reported = await aMinute((n) => ({
    sender: guestOf(n % 1_000),
    space: { type: 'post', id: `alice/reported-${n % 500}` },
    report: {
      type: 'FileReport',
      reportId: randomUUID(),
      caseId: randomUUID(),
      target: { kind: 'person', subject: `guest:${n.toString(16).padStart(12, '0')}` },
      words: '\u{1F600}'.repeat(500),
      network: '192.0.2.1',
    },
  }))
  add(
    'written in a minute: reports by all guests of one address, in 500 rooms',
    [`${mb(reported.bytes)}, ${reported.events} events`, '≤ 1 MB', reported.bytes <= 1e6],
    reported,
  )
  const looked = await looksOfAMinute()
  add(
    'written in a minute: 36,000 looks at moments from one address',
    [`${mb(looked.bytes)}, ${looked.events} events`, '≤ 120 events', looked.events <= 120],
    looked,
  )
  const messageUs = await aMessage()
  add(
    'a message to a room of 20, in the server',
    [`${Math.round(messageUs)} µs`, 'measured', true],
    messageUs,
  )
  for (const [who, sender] of [
    ['a guest’s', (n: number) => guestOf(n)],
    ['an account’s', () => alice],
  ] as const) {
    const ns = costOf(sender)
    const share = ns / 1_000 / messageUs
    add(
      `the limits on ${who} message`,
      [
        `${Math.round(ns)} ns, ${(share * 100).toFixed(2)} % of ${Math.round(messageUs)} µs`,
        '< 2 %',
        share < 0.02,
      ],
      { ns, share },
    )
  }
  const scene = await scenes()
  add(
    '40 guests move 15 KB scenes 60 times a second',
    [
      `${mb(scene.bytesPerSecond)} a second sent (${Math.round(scene.share * 100)} % of a core, including the clients)`,
      '≤ 8 MB a second plus the burst',
      scene.bytesPerSecond <= 12e6,
    ],
    scene,
  )
  for (const { what, ours, goal, met, figure } of [
    ...(await heldByOneAddress()),
    ...(await computedByOneAddress()),
  ])
    add(what, [ours, goal, met], figure)
  return { rows, figures }
}
