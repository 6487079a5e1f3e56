import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeEvent } from '../../domain/codec.ts'
import type { Caller } from '../../domain/identity.ts'
import { SCHEMA } from '../../domain/metadata.ts'
import { streamName } from '../../domain/names.ts'
import type { NewEvent } from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { joined } from '../../domain/testing/space-events.ts'
import {
  account,
  asking,
  contentOf,
  countedIds,
  guest,
  join,
  pathOn,
  publicPost,
  ROOM,
  stepClock,
  uuid,
} from '../../infra/testing/command-path.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { keepSeats } from './seats.ts'

const STREAM = streamName('space', ROOM)
const seats = suite('held seats')

/** The event as it is on the log. */
const written = (by: Caller, event: SpaceEvent, at: string): NewEvent => ({
  id: crypto.randomUUID(),
  ...encodeEvent(event, {
    $correlationId: 'earlier',
    $causationId: 'earlier',
    command: { id: crypto.randomUUID(), type: 'JoinSpace' },
    actor: { kind: by.kind, id: by.id },
    node: 'node-a',
    at,
    schema: SCHEMA,
  }),
})

seats('given seats held here, when their minute is over, then they are freed, and not before', async () => {
  const log = memoryLog()
  const clock = stepClock()
  const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7), togetherMs: 1_000 })
  const path = pathOn(log, { clock, onAccepted: keeper.noticed })
  const enter = { type: 'EnterSpace', subspace: 'main' } as const
  await path.space(asking(uuid(1), account('bob'), enter))()
  clock.advance(30_000)
  await path.space(asking(uuid(2), account('carol'), enter))()
  const freed = () => log.stream(STREAM).filter(({ type }) => type === 'SeatExpired').length
  await keeper.tick()
  assert.is(freed(), 0)
  clock.advance(30_500)
  await keeper.tick()
  assert.is(freed(), 1)
  clock.advance(30_000)
  await keeper.tick()
  assert.is(freed(), 2)
  assert.is(keeper.waiting(), 0)
})

seats('given the log is away when seats run out, then they are freed later', async () => {
  const log = memoryLog()
  const clock = stepClock()
  const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7) })
  const path = pathOn(log, { clock, onAccepted: keeper.noticed, tuning: { unavailableMs: 20 } })
  await path.space(asking(uuid(1), account('bob'), { type: 'EnterSpace', subspace: 'main' }))()
  clock.advance(61_000)
  log.onAppend = () => 'unavailable'
  await keeper.tick()
  log.onAppend = () => null
  clock.advance(10_000)
  await keeper.tick()
  assert.is(log.stream(STREAM).filter(({ type }) => type === 'SeatExpired').length, 1)
})

seats(
  'given more guests than one change of the settings ends, then the rest are ended in the next rounds',
  async () => {
    const log = memoryLog()
    const clock = stepClock()
    const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7) })
    const path = pathOn(log, { clock, onAccepted: keeper.noticed })
    const change = (changes: object) => ({ type: 'ChangeSettings', changes }) as const
    await path.space(asking(uuid(9_000), account('alice'), change({ max_users: 2_000 })))()
    const crowd = 1_100
    await Promise.all(
      Array.from({ length: crowd }, (_, n) => path.space(asking(uuid(n), guest(n), join(n)))()),
    )
    const shownOut = () => log.stream(STREAM).filter(({ type }) => type === 'SessionLeft').length
    await path.space(asking(uuid(9_001), account('alice'), change({ guests_allowed: false })))()
    assert.is(shownOut(), 500)
    await keeper.tick()
    assert.is(shownOut(), 1_000)
    clock.advance(10_000)
    await keeper.tick()
    assert.is(shownOut(), crowd)
    clock.advance(10_000)
    await keeper.tick()
    assert.is(keeper.waiting(), 0)
  },
)

seats(
  'given more voices than fit into an append, when voice is switched off, then it is off, and the rest stop in the next rounds',
  async () => {
    const log = memoryLog()
    const clock = stepClock()
    const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7) })
    const path = pathOn(log, { clock, onAccepted: keeper.noticed })
    const change = (changes: object) => ({ type: 'ChangeSettings', changes }) as const
    await path.space(asking(uuid(9_000), account('alice'), change({ max_users: 2_000 })))()
    const crowd = 1_300
    await Promise.all(
      Array.from({ length: crowd }, async (_, n) => {
        await path.space(asking(uuid(n), guest(n), join(n)))()
        const speak = { type: 'SetVoice', sessionId: `session-${n}`, enabled: true } as const
        await path.space(asking(uuid(n, 1), guest(n), speak))()
      }),
    )
    const before = log.stream(STREAM).length
    const off = asking(uuid(9_001), account('alice'), change({ voice_enabled: false }))
    const client = { ip: '2001:db8:1234:5678:9abc:def0:1234:5678', userAgent: 'x'.repeat(512) }
    assert.is((await path.space({ ...off, client })())._tag, 'Right')
    const written = log.stream(STREAM).slice(before)
    assert.is(written.length, 501)
    const bytes = (event: object) =>
      Buffer.byteLength(JSON.stringify(event, (_, value) => (typeof value === 'bigint' ? `${value}` : value)))
    const size = written.reduce((sum, event) => sum + bytes(event), 0)
    // An append may have 1 MiB, and sealing adds a third to the client's data.
    assert.ok(size * 1.34 < 1_048_576, `${size} bytes`)
    const stopped = () => log.stream(STREAM).filter(({ type }) => type === 'VoiceStopped').length
    await keeper.tick()
    await keeper.tick()
    assert.is(stopped(), crowd)
    await keeper.tick()
    assert.is(keeper.waiting(), 0)
    assert.is(stopped(), crowd)
  },
)

seats(
  'given an account with more sessions or voices than fit into an append, when it is muted, loses its permission or is banned, then that happens, and what is left ends in the next rounds',
  async () => {
    const log = memoryLog()
    const clock = stepClock()
    const keeper = keepSeats({ commands: () => path, clock, ids: countedIds(0x5ea7) })
    const content = contentOf((by) => ({ ...publicPost(by), visibility: 'private' }))
    const path = pathOn(log, { clock, content, onAccepted: keeper.noticed })
    let appends: Array<{ readonly events: number; readonly bytes: number }> = []
    log.onAppend = (stream, events) => {
      if (stream === STREAM)
        appends.push({ events: events.length, bytes: Buffer.byteLength(JSON.stringify(events)) })
      return null
    }
    let commands = 0
    const must = async (by: Caller, command: SpaceCommand) => {
      const client = { ip: '2001:db8:1234:5678:9abc:def0:1234:5678', userAgent: 'x'.repeat(512) }
      const answer = await path.space({ ...asking(uuid(++commands), by, command), client })()
      assert.is(answer._tag, 'Right', command.type)
    }
    const inside = async () => {
      const looked = await path.look(ROOM)()
      const state = looked._tag === 'Right' ? looked.right?.state : undefined
      assert.ok(state !== undefined)
      const sessions = [...state.sessions.values()]
      return { sessions: sessions.length, voices: sessions.filter(({ voice }) => voice).length }
    }
    const alice = account('alice')
    const bob = account('bob')
    const comeIn = async (crowd: number) => {
      await must(alice, { type: 'GrantPermission', account: 'bob', permission: 'access', reason: null })
      // From a time without a limit on an account's sessions: logs contain such crowds.
      for (let n = 0; n < crowd; n += 1) {
        const sessionId = uuid(++commands)
        const at = new Date(clock.now()).toISOString()
        const data = { ...joined('bob', commands).data, sessionId, at }
        log.push(STREAM, written(bob, { type: 'SessionJoined', data }, at))
        log.push(STREAM, written(bob, { type: 'VoiceStarted', data: { sessionId, at } }, at))
      }
      assert.equal(await inside(), { sessions: crowd, voices: crowd })
    }
    /** The sizes of the appends that ending all sessions takes. */
    const rounds = async (command: SpaceCommand): Promise<ReadonlyArray<number>> => {
      appends = []
      await must(alice, command)
      while (keeper.waiting() > 0) await keeper.tick()
      // An append may have 1 MiB, and sealing adds a third to personal data.
      for (const { bytes } of appends) assert.ok(bytes * 1.34 < 1_048_576, `${bytes} bytes`)
      return appends.map(({ events }) => events)
    }
    // These characters take the most bytes of all.
    const reason = '\u0001'.repeat(500)

    await must(alice, { type: 'ChangeSettings', changes: { max_users: 5_000 } })
    await comeIn(1_100)
    assert.equal(await rounds({ type: 'Mute', subject: 'bob', reason, until: null }), [501, 500, 100])
    assert.equal(await inside(), { sessions: 1_100, voices: 0 })
    await must(alice, { type: 'Unmute', subject: 'bob', reason: null })

    const revoked = await rounds({ type: 'RevokePermission', account: 'bob', reason })
    assert.equal(revoked, [151, 150, 150, 150, 150, 150, 150, 50])
    assert.equal(await inside(), { sessions: 0, voices: 0 })
    const kicks = log.stream(STREAM).filter(({ type }) => type === 'SessionLeft')
    assert.is(kicks.length, 1_100)
    for (const { data } of kicks)
      assert.equal(
        { ...(data as object), sessionId: '', at: '' },
        { sessionId: '', reason: 'kicked', by: alice, note: reason, until: null, at: '' },
      )

    await comeIn(400)
    assert.equal(await rounds({ type: 'Ban', subject: 'bob', reason, until: null }), [151, 150, 100])
    assert.equal(await inside(), { sessions: 0, voices: 0 })
  },
)

seats.run()
