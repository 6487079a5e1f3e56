/** How many bytes callers may write to the log: per person, per network and per space; and what refusals of them cost. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import {
  account,
  asking,
  contentOf,
  guest,
  join,
  pathOn,
  publicPost,
  SYSTEM,
  uuid,
} from '../../infra/testing/command-path.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { DEFAULT_LIMITS } from './limits.ts'

const test = suite('bounds on what is written')

const right = <L, R>(either: E.Either<L, R>): R => {
  if (E.isLeft(either)) throw new Error(`expected right, got ${JSON.stringify(either.left)}`)
  return either.right
}
const refusalOf = (either: E.Either<unknown, unknown>): string => {
  if (E.isRight(either)) return 'accepted'
  const error = either.left as { _tag: string; refusal?: { _tag: string } }
  return error.refusal?._tag ?? error._tag
}
const post = (n: number): ChatCommand => ({
  type: 'PostMessage',
  messageId: uuid(n, 0x3e5),
  subspace: 'main',
  content: `message ${n}`,
  messageType: 'text',
  parentMessageId: null,
})

/** Sends as a guest of that address until it must wait; returns how many bytes the log took. */
const flood = async (
  by: { readonly ip: string; readonly guests: number },
  commandOf: (n: number) => SpaceCommand,
  tries = 600,
) => {
  const log = memoryLog()
  const path = pathOn(log, {
    clock: { now: () => 1_767_225_600_000 },
    limits: FAST,
    content: contentOf(publicPost),
  })
  let slow = 0
  for (let n = 0; n < tries; n++) {
    const answer = await path.space({
      ...asking(uuid(n), guest(n % by.guests), commandOf(n)),
      client: { ip: by.ip },
    })()
    if (refusalOf(answer) === 'SlowDown') slow++
  }
  const bytes = log
    .all()
    .reduce((sum, { data, metadata }) => sum + JSON.stringify([data, metadata]).length, 0)
  return { slow, bytes }
}
/** Allows thousands of commands, so that only bytes are limited. */
const many = { perSecond: 1_000_000, burst: 1_000_000 }
const MANY = { presence: many, moderation: many, chat: many, 'chat-change': many, report: many }
const FAST = { account: MANY, guest: MANY, guestsOfAddress: MANY }
const AVATAR = { name: 'x'.repeat(900) }

test('given one guest who joins repeatedly with an avatar, then the bytes that it writes are limited', async () => {
  const { slow, bytes } = await flood({ ip: '192.0.2.1', guests: 1 }, (n) =>
    join(n % 5, { avatarData: AVATAR, socketId: 'one', sessionId: `s-${n}` }),
  )
  assert.ok(slow > 400, String(slow))
  assert.ok(bytes < 256_000, `${bytes} bytes`)
})

test('given a thousand guests of one address, then the bytes that they write together are limited', async () => {
  const { slow, bytes } = await flood(
    { ip: '192.0.2.1', guests: 1_000 },
    (n) => ({ ...join(n, { avatarData: AVATAR, socketId: `socket-${n}` }) }),
    1_500,
  )
  assert.ok(slow > 300, String(slow))
  assert.ok(bytes < 4_000_000, `${bytes} bytes`)
})

test('given one guest’s long messages, then it gets SlowDown with the time to come back, before anything is written', async () => {
  const log = memoryLog()
  const clock = { ms: 1_767_225_600_000, now: () => clock.ms }
  const path = pathOn(log, { clock, limits: FAST })
  const say = (n: number) =>
    path.chat({
      ...asking(uuid(n), guest(1), { ...post(n), content: '\u{1F600}'.repeat(2_000) }),
      client: { ip: '192.0.2.1' },
    })()
  const answers = []
  for (let n = 0; n < 40; n++) answers.push(await say(n))
  const slow = answers.filter((answer) => refusalOf(answer) === 'SlowDown') as ReadonlyArray<
    E.Left<{ refusal: { retryAfterSeconds: number } }>
  >
  const written = log.all().filter(({ type }) => type === 'MessagePosted').length
  assert.is(written + slow.length, 40)
  assert.ok(slow.length >= 20 && slow[0]!.left.refusal.retryAfterSeconds >= 1, String(slow.length))
  clock.ms += 1_000
  right(await say(100))
  // An account may write more, and its acts of moderation are never counted.
  for (let n = 200; n < 240; n++)
    right(
      await path.chat(asking(uuid(n), account('bob'), { ...post(n), content: '\u{1F600}'.repeat(2_000) }))(),
    )
})

test('given an account whose bytes are spent, then it can still moderate, and the system can do anything', async () => {
  const log = memoryLog()
  const path = pathOn(log, { clock: { now: () => 1_767_225_600_000 }, limits: FAST })
  const wordy = { ...post(1), content: '\u{1F600}'.repeat(2_000) }
  let n = 0
  while (
    refusalOf(await path.chat(asking(uuid(++n), account('alice'), { ...wordy, messageId: uuid(n, 7) }))()) !==
    'SlowDown'
  )
    assert.ok(n < 1_000)
  for (let m = 0; m < 100; m++)
    right(
      await path.space(
        asking(uuid(m, 9), account('alice'), {
          type: m % 2 ? 'Unban' : 'Ban',
          subject: 'bob',
          reason: 'words'.repeat(80),
          until: null,
        } as SpaceCommand),
      )(),
    )
  right(await path.space(asking(uuid(1, 10), SYSTEM, { type: 'ExpireSeats' }))())
})

test('given guests who use up a space’s bytes from everywhere, then accounts can go on in it', async () => {
  const log = memoryLog()
  const path = pathOn(log, {
    clock: { now: () => 1_767_225_600_000 },
    limits: {
      ...FAST,
      bytes: { ...DEFAULT_LIMITS.bytes, guestsOfSpace: { perSecond: 1_000, burst: 10_000 } },
    },
  })
  const answers = []
  for (let n = 0; n < 20; n++)
    answers.push(
      await path.space({ ...asking(uuid(n), guest(n), join(n)), client: { ip: `192.0.2.${n}` } })(),
    )
  assert.is(answers.filter((answer) => refusalOf(answer) === 'SlowDown').length, 15)
  right(await path.space(asking(uuid(50), account('bob'), join(50)))())
})

test('given one address that names ever new spaces, then it gets SlowDown; the spaces that it named before still work, and so do other addresses', async () => {
  const log = memoryLog()
  const path = pathOn(log, { clock: { now: () => 1_767_225_600_000 }, limits: FAST })
  const enter = (n: number, ip: string) =>
    path.space({
      ...asking(uuid(n, n), guest(n), { type: 'EnterSpace', subspace: 'main' } as SpaceCommand, {
        type: 'post',
        id: `alice/post-${n}`,
      }),
      client: { ip },
    })()
  const first = []
  for (let n = 0; n < 300; n++) first.push(refusalOf(await enter(n, '192.0.2.1')))
  assert.equal(
    [
      first.slice(0, 200).filter((one) => one === 'SlowDown').length,
      first.slice(200).filter((one) => one === 'SlowDown').length,
    ],
    [0, 100],
  )
  const opened = log.all().filter(({ type }) => type === 'SpaceOpened').length
  assert.is(opened, 200)
  right(
    await path.space({
      ...asking(uuid(1, 1_001), guest(1), { type: 'EnterSpace', subspace: 'main' } as SpaceCommand, {
        type: 'post',
        id: 'alice/post-1',
      }),
      client: { ip: '192.0.2.1' },
    })(),
  )
  right(await enter(299, '192.0.2.2'))
})

test('given one address whose guests are ever new, then no more keys are made than it may have', async () => {
  const asked: string[] = []
  const keys = {
    has: () => false,
    ask: async (subject: string) => {
      asked.push(subject)
      return E.right(undefined)
    },
  }
  const path = pathOn(memoryLog(), {
    clock: { now: () => 1_767_225_600_000 },
    keys,
    limits: { ...FAST, newGuestsOfAddress: { perSecond: 1, burst: 20 } },
  })
  const come = (n: number, ip: string) =>
    path.space({ ...asking(uuid(n), guest(n), join(n)), client: { ip } })()
  const answers = []
  for (let n = 0; n < 50; n++) answers.push(refusalOf(await come(n, `2001:db8::${n}`)))
  assert.equal([asked.length, answers.filter((one) => one === 'SlowDown').length], [20, 30])
  await come(60, '192.0.2.9')
  assert.is(asked.length, 21)
})

test('given somebody who is refused in ever new places, then only a limited number of refusals is on the log', async () => {
  const log = memoryLog()
  const nothing = contentOf(() => ({
    exists: false,
    title: '',
    owner: null,
    visibility: 'private',
    role: null,
  }))
  const path = pathOn(log, { clock: { now: () => 1_767_225_600_000 }, content: nothing })
  for (let n = 0; n < 1_000; n++)
    await path.space({
      ...asking(uuid(n), guest(n), join(n), { type: 'post', id: `alice/none-${n}` }),
      client: { ip: '192.0.2.1', userAgent: 'x'.repeat(512) },
    })()
  await path.drain()
  const refusals = log.all().filter(({ type }) => type === 'CommandRefused')
  assert.ok(refusals.length <= 100, String(refusals.length))
  const bytes = refusals.reduce((sum, { data, metadata }) => sum + JSON.stringify([data, metadata]).length, 0)
  assert.ok(bytes < 250_000, `${bytes} bytes`)
})

test.run()
