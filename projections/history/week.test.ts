/** A real room's week (ROOM_LOGS names the folder of busy-week.jsonl.gz; otherwise a quiet evening): its moments are
 *  compared with an independent fold of the file, its replay is stepped both ways, and every act is explained. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { keepRoom } from '../../apps/operations/keep/moment-writer.ts'
import type { Caller } from '../../domain/identity.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { JoinSpace, SpaceCommand } from '../../domain/space/commands.ts'
import { account, guest, publicPost, uuid } from '../../infra/testing/command-path.ts'
import { type Performed, performWeek, ROOM } from '../../infra/testing/week.ts'
import { createMoments, type Moment, type When } from './moments.ts'
import { readable } from './point.ts'
import { createPlayer, replay } from './replay.ts'
import { momentView } from './view.ts'
import { explainEvent } from './why/explain.ts'
import { createPast } from './why/past.ts'

const MOMENTS = Number(process.env.MOMENTS ?? 150)

/** Random numbers from 0 to 1, the same in each run (mulberry32). */
const dice = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let x = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
  return ((x ^ (x >>> 14)) >>> 0) / 4_294_967_296
}

/* ── what the file says, by its own meaning alone ───────────────────────────────────────────────────────── */

type Truth = {
  readonly present: Map<string, { since: string; x: number }>
  readonly permissions: Map<string, string>
  readonly said: Array<{ account: string; content: string; t: string }>
}
/** The independent states after each line, to be asked in order of time. */
const truths = (week: Performed) => {
  const truth: Truth = { present: new Map(), permissions: new Map(), said: [] }
  for (const admin of week.admins) truth.permissions.set(admin, 'admin')
  let next = 0
  return (until: number): Truth => {
    for (; next < week.lines.length && Date.parse(week.lines[next]!.t) <= until; next++) {
      const line = week.lines[next]!
      if (line.kind === 'join') truth.present.set(line.account, { since: line.t, x: line.seq })
      if (line.kind === 'leave' || line.kind === 'kick') truth.present.delete(line.account)
      if (line.kind === 'chat') truth.said.push({ account: line.account, content: line.content, t: line.t })
      const isAdmin = truth.permissions.get(line.account) === 'admin'
      if (line.kind === 'grant' && !isAdmin) truth.permissions.set(line.account, line.permission)
      if (line.kind === 'revoke' && !isAdmin) truth.permissions.delete(line.account)
    }
    return truth
  }
}

/* ── the week, and after it all that can be refused ─────────────────────────────────────────────────────── */

const SMALL: SpaceRef = { type: 'post', id: 'alice/small' }
const PRIVATE: SpaceRef = { type: 'document', id: '7' }
const alice = account('alice')
const facts: typeof publicPost = ((by: Caller | null, space: SpaceRef) =>
  space.type === 'document'
    ? {
        exists: true,
        title: 'Plans',
        owner: 'carol',
        visibility: 'private',
        role: by?.id === 'carol' ? 'owner' : by?.id === 'dave' ? 'access' : null,
      }
    : publicPost(by)) as typeof publicPost

let sessions = 0
const joining = (of: Partial<JoinSpace> = {}): JoinSpace => ({
  type: 'JoinSpace',
  sessionId: `extra-${++sessions}`,
  socketId: `extra-socket-${sessions}`,
  subspace: 'main',
  position: null,
  avatarData: null,
  boot: 'boot',
  ...of,
})
const saying = (n: number, more: object = {}) =>
  ({
    type: 'PostMessage',
    messageId: uuid(n, 9),
    subspace: 'main',
    content: `words ${n}`,
    messageType: 'text',
    parentMessageId: null,
    ...more,
  }) as const

/** Forbidden acts, each with the answer that it must get, a second or two apart. */
const misdeeds = async (week: Performed): Promise<number> => {
  const { space, chat } = week
  let ms = Date.parse(week.lines.at(-1)!.t)
  let count = 0
  const tick = () => {
    ms += 1_500
    week.at(ms)
  }
  const must = async (wanted: string, does: () => Promise<string>) => {
    tick()
    assert.is(await does(), wanted, `${count}: ${does}`)
    count += 1
  }
  const mod = account('mod-erator')
  const bob = account('bobby')
  const mallory = account('mallory')
  const by =
    (who: Caller, command: SpaceCommand, room = ROOM) =>
    () =>
      space(who, command, room)
  await must(
    'ok',
    by(alice, { type: 'GrantPermission', account: 'mod-erator', permission: 'moderate', reason: 'helps' }),
  )
  await must('ok', by(bob, joining({ sessionId: 'bobs' })))
  await must('ok', by(mallory, joining({ sessionId: 'mallorys' })))
  await must('Forbidden', by(mallory, { type: 'Ban', subject: 'bobby', reason: null, until: null }))
  await must('Forbidden', by(mallory, { type: 'Kick', sessionId: 'bobs', reason: 'because' }))
  await must(
    'Forbidden',
    by(mod, { type: 'GrantPermission', account: 'mallory', permission: 'access', reason: null }),
  )
  await must('Forbidden', by(mod, { type: 'ChangeSettings', changes: { chat_enabled: false } }))
  await must('Forbidden', by(mod, { type: 'Ban', subject: 'alice', reason: null, until: null }))
  await must('ok', by(mod, { type: 'Mute', subject: 'mallory', reason: 'noise', until: null }))
  await must('Muted', () => chat(mallory, saying(1)))
  await must('Muted', by(mallory, { type: 'SetVoice', sessionId: 'mallorys', enabled: true }))
  await must('Forbidden', by(mallory, { type: 'Unmute', subject: 'mallory', reason: null }))
  await must('ok', () => chat(bob, saying(2)))
  await must('Forbidden', () => chat(mallory, { type: 'DeleteMessage', messageId: uuid(2, 9) }))
  await must('Muted', () => chat(mallory, { type: 'EditMessage', messageId: uuid(2, 9), content: 'mine' }))
  await must('ok', () => chat(bob, { type: 'EditMessage', messageId: uuid(2, 9), content: 'better words' }))
  await must('ok', () => chat(mod, { type: 'AddReaction', messageId: uuid(2, 9), emoji: '👍' }))
  await must('Forbidden', () => chat(mod, { type: 'EditMessage', messageId: uuid(2, 9), content: 'mine' }))
  await must('MessageIdTaken', () => chat(mod, saying(2)))
  await must('MessageNotFound', () => chat(mod, saying(3, { parentMessageId: uuid(77, 9) })))
  await must('MessageNotFound', () => chat(mod, { type: 'DeleteMessage', messageId: uuid(78, 9) }))
  await must('ok', () => chat(mod, { type: 'DeleteMessage', messageId: uuid(2, 9) }))
  await must('MessageNotFound', () =>
    chat(bob, { type: 'EditMessage', messageId: uuid(2, 9), content: 'again' }),
  )
  // A message of the week's beginning, no longer within the chat's window.
  const early = week.lines.find((line) => line.kind === 'chat')!
  await must('ok', () =>
    chat(account(early.account), { type: 'EditMessage', messageId: uuid(early.seq, 7), content: 'x' }),
  )
  await must('ok', () => chat(alice, { type: 'DeleteMessage', messageId: uuid(early.seq, 7) }))
  const end = new Date(ms + 60_000).toISOString()
  await must('ok', by(mod, { type: 'Ban', subject: 'mallory', reason: 'enough', until: end }))
  await must('Banned', by(mallory, joining()))
  await must('Banned', by(mallory, { type: 'EnterSpace', subspace: 'main' }))
  await must('Banned', () => chat(mallory, saying(4)))
  await must('Banned', by(mallory, { type: 'Unban', subject: 'mallory', reason: null }))
  ms += 61_000
  await must('ok', by(mallory, joining({ sessionId: 'mallorys-2' })))
  await must('ok', by(mod, { type: 'Kick', sessionId: 'mallorys-2', reason: 'out' }))
  await must('SessionNotFound', by(mallory, { type: 'SetVoice', sessionId: 'mallorys-2', enabled: false }))
  await must(
    'Forbidden',
    by(mallory, { type: 'MoveSession', sessionId: 'bobs', subspace: 'main-x', position: null }),
  )
  await must('Forbidden', by(mallory, { type: 'LeaveSpace', sessionId: 'bobs', reason: 'left' }))
  await must('ok', by(alice, { type: 'Ban', subject: 'eve-eve', reason: null, until: null }))
  await must('Forbidden', by(mod, { type: 'Unban', subject: 'eve-eve', reason: null }))
  await must(
    'ok',
    by(alice, { type: 'ChangeSettings', changes: { guests_allowed: false, voice_enabled: false } }),
  )
  await must('GuestsNotAllowed', by(guest(1), joining()))
  await must('GuestsNotAllowed', () => chat(guest(1), saying(5)))
  await must('VoiceDisabled', by(bob, { type: 'SetVoice', sessionId: 'bobs', enabled: true }))
  await must(
    'ok',
    by(alice, { type: 'ChangeSettings', changes: { chat_enabled: false, settings: { sky: 'blue' } } }),
  )
  await must('ChatDisabled', () => chat(bob, saying(6)))
  await must(
    'ok',
    by(alice, { type: 'ChangeSettings', changes: { chat_enabled: true, slow_mode_seconds: 30 } }),
  )
  await must('ok', () => chat(bob, saying(7)))
  await must('SlowDown', () => chat(bob, saying(8)))
  await must('ok', () => chat(mod, saying(9)))
  await must('ok', () => chat(mod, saying(10)))
  await must(
    'ok',
    by(alice, { type: 'ChangeSettings', changes: { slow_mode_seconds: 0, voice_enabled: true } }),
  )
  await must('ok', by(bob, { type: 'SetVoice', sessionId: 'bobs', enabled: true }))
  await must(
    'ok',
    by(bob, { type: 'MoveSession', sessionId: 'bobs', subspace: 'main-chess', position: { x: 1 } }),
  )
  await must('ok', by(mod, { type: 'Mute', subject: 'bobby', reason: null, until: null }))
  await must('ok', by(alice, { type: 'RevokePermission', account: 'mod-erator', reason: 'done' }))
  await must('Forbidden', by(mod, { type: 'Mute', subject: 'mallory', reason: null, until: null }))

  await must('ok', by(alice, { type: 'ChangeSettings', changes: { max_users: 2 } }, SMALL))
  await must('ok', by(bob, { type: 'EnterSpace', subspace: 'main' }, SMALL))
  await must('ok', by(guest(2), joining({ sessionId: 'small-guest' }), SMALL))
  await must('SpaceIsFull', by(mallory, joining(), SMALL))
  ms += 61_000
  // Bob never came: his seat ran out, and is freed on the way.
  await must('ok', by(mallory, joining(), SMALL))
  await must('SpaceIsFull', by(account('frank'), { type: 'EnterSpace', subspace: 'main' }, SMALL))
  await must('ok', () =>
    space(
      { kind: 'system', id: 'leases' },
      { type: 'LeaveSpace', sessionId: 'small-guest', reason: 'node-lost' },
      SMALL,
    ),
  )
  await must('ok', by(account('frank'), { type: 'EnterSpace', subspace: 'main' }, SMALL))
  ms += 61_000
  await must('ok', () => space({ kind: 'system', id: 'seats' }, { type: 'ExpireSeats' }, SMALL))

  await must('ok', by(account('carol'), joining(), PRIVATE))
  await must('ok', by(account('dave'), joining(), PRIVATE))
  await must('SpaceNotFound', by(mallory, joining(), PRIVATE))
  await must('SpaceNotFound', () => chat(mallory, saying(11), PRIVATE))
  await must(
    'Forbidden',
    by(account('dave'), { type: 'Ban', subject: 'carol', reason: null, until: null }, PRIVATE),
  )
  await must(
    'ok',
    by(
      account('carol'),
      { type: 'GrantPermission', account: 'mallory', permission: 'access', reason: null },
      PRIVATE,
    ),
  )
  await must('ok', by(mallory, joining(), PRIVATE))
  await must(
    'ok',
    by(account('carol'), { type: 'RevokePermission', account: 'mallory', reason: null }, PRIVATE),
  )
  return count
}

const test = suite('a real room’s week')
const week = await performWeek(Number.POSITIVE_INFINITY, facts)
const told = await misdeeds(week)
await week.done()
const moments = createMoments(week.log)
await keepRoom(week.log, ROOM)

const at = async (when: When): Promise<Moment> => {
  const moment = await moments.at(ROOM, when)()
  if (E.isLeft(moment)) throw new Error(JSON.stringify(moment.left))
  return moment.right
}
const first = Date.parse(week.lines[0]!.t)
const last = Date.parse(week.lines.at(-1)!.t)

test(`given ${MOMENTS} random times, then the room at each is what the file says`, async () => {
  const random = dice(4)
  const truth = truths(week)
  const times = Array.from({ length: MOMENTS }, () => Math.floor(first + random() * (last - first))).sort(
    (a, b) => a - b,
  )
  for (const time of times) {
    const { present, permissions, said } = truth(time)
    const then = momentView(await at({ kind: 'time', time: new Date(time) }))
    const where = new Date(time).toISOString()
    assert.equal(
      then.present.map((one) => [
        one.user_account,
        one.since,
        (one.position as { x: number }).x,
        one.subspace,
        one.voice_enabled,
      ]),
      [...present].map(([name, { since, x }]) => [name, since, x, 'main', false]),
      where,
    )
    assert.equal(
      new Map(then.permissions.map((one) => [one.user_account, one.permission])),
      permissions,
      where,
    )
    assert.equal(
      then.messages.map((one) => ({ account: one.user_account, content: one.content, t: one.created_at })),
      said.slice(-100),
      where,
    )
    assert.is(then.settings.max_users, 1_000)
    assert.equal([then.bans, then.mutes, then.seats_held], [[], [], []])
  }
})

test('given any moment, then it is the same by its revision and by its position, and the same without anything kept', async () => {
  const random = dice(9)
  for (let i = 0; i < 5; i++) {
    const moment = await at({ kind: 'time', time: new Date(Math.floor(first + random() * (last - first))) })
    const view = { ...momentView(moment), time: null }
    const same = async (when: When, exact: boolean) => {
      const other = await moments.at(ROOM, when, { exact })()
      assert.ok(E.isRight(other))
      assert.equal({ ...momentView(other.right), time: null }, view)
    }
    await same({ kind: 'position', position: moment.position! }, false)
    await same({ kind: 'position', position: moment.position! }, true)
  }
})

test('stepping a replay backwards and forwards returns to the same state', async () => {
  const random = dice(5)
  const from = new Date(first + (last - first) / 3)
  const player = await createPlayer(moments, ROOM, { kind: 'time', time: from })
  const seen: string[] = [JSON.stringify(momentView(player.moment()))]
  for (let i = 0; i < 60; i++) {
    assert.ok((await player.forward()) !== null)
    seen.push(JSON.stringify(momentView(player.moment())))
  }
  let place = 60
  for (let i = 0; i < 60; i++) {
    const isBack = place > 0 && (place === 60 || random() < 0.5)
    if (isBack) assert.ok(await player.back())
    else await player.forward()
    place += isBack ? -1 : 1
    assert.is(JSON.stringify(momentView(player.moment())), seen[place])
  }
  const when = player.moment().position!
  await player.jump({ kind: 'position', position: when })
  assert.is(JSON.stringify(momentView(player.moment())), seen[place])
  assert.ok(await player.back())
  assert.is(JSON.stringify(momentView(player.moment())), seen[place - 1])
})

test('given a replay of all of it, then its end is the room as it is, and every event came once, in the log’s order', async () => {
  let count = 0
  let position = -1n
  let end: Moment | null = null
  for await (const step of replay(moments, ROOM)) {
    count += 1
    assert.is(step.unreadable, null)
    assert.ok(step.recorded.position > position)
    position = step.recorded.position
    end = step.after
  }
  const streams = new Set([`space-post:${ROOM.id}`, `chat-post:${ROOM.id}`, `refusal-post:${ROOM.id}`])
  assert.is(count, week.log.all().filter(({ stream }) => streams.has(stream)).length)
  assert.equal(momentView(end!), momentView(await at({ kind: 'position', position })))
})

test(`given every event of the week and ${told} more acts, accepted and refused, then why agrees with what happened`, async () => {
  const past = createPast(moments)
  let explained = 0
  let refused = 0
  for (const event of week.log.all()) {
    if (!/^(space|chat|refusal)-/.test(event.stream)) continue
    const why = await explainEvent(moments, past, readable(event))
    explained += 1
    if (event.type === 'CommandRefused') refused += 1
    assert.is(
      why.agrees,
      true,
      `${event.stream} ${event.revision}: ${JSON.stringify(why.verdict)} ${why.says.join(' ')}`,
    )
    assert.equal(why.gaps, [])
    // Every chain ends with somebody who needs no grant.
    for (let right = why.right; ; right = right.because.by) {
      if (right.because === null) {
        assert.ok(right.via !== 'grant', why.says.join(' '))
        break
      }
    }
  }
  assert.ok(refused >= 30, `${refused}`)
  assert.ok(explained > week.lines.length * 0.9)
})

test('given the same in any order, with nothing remembered, then why agrees, too', async () => {
  const random = dice(6)
  const events = week.log.all().filter(({ stream }) => /^(space|chat|refusal)-/.test(stream))
  const fresh = createMoments(week.log)
  for (let i = 0; i < 40; i++) {
    const event = events[Math.floor(random() * events.length)]!
    assert.is((await explainEvent(fresh, createPast(fresh), readable(event))).agrees, true)
  }
})

test.run()
