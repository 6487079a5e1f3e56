/** Moments of generated rooms: whether they are kept or not, with several clocks, several writers, crowds, and wrong moments. */
import * as fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type AnyEvent, decodeRecorded, encodeEvent } from '../../../domain/codec.ts'
import type { Actor } from '../../../domain/identity.ts'
import { type Metadata, SCHEMA } from '../../../domain/metadata.ts'
import { type SpaceRef, streamName } from '../../../domain/names.ts'
import type { EventLog, NewEvent, RecordedEvent } from '../../../domain/ports.ts'
import { type MemoryLog, memoryLog } from '../../../infra/testing/memory-log.ts'
import { checkKept } from '../../../projections/history/checking.ts'
import { createMoments, type Moments, type When } from '../../../projections/history/moments.ts'
import { createPlayer, eventAt, replay, stepView } from '../../../projections/history/replay.ts'
import { momentView } from '../../../projections/history/view.ts'
import { explainEvent } from '../../../projections/history/why/explain.ts'
import { createPast } from '../../../projections/history/why/past.ts'
import { createMomentWriter, keepRoom } from './moment-writer.ts'
import { keepMoments } from './moments.ts'

const ROOM: SpaceRef = { type: 'post', id: 'alice/my-post' }
const SPACE = streamName('space', ROOM)
const CHAT = streamName('chat', ROOM)
const EVERY = 8
const RUNS = Number(process.env.PROPERTY_RUNS ?? 40)
const alice: Actor = { kind: 'account', id: 'alice' }

let serial = 0
const iso = (ms: number): string => new Date(Date.UTC(2026, 0, 1) + ms).toISOString()
const eventFor = (
  event: AnyEvent,
  at: string,
  more: Partial<Metadata> = {},
  actor: Actor = alice,
): NewEvent => {
  serial += 1
  const id = `00000000-0000-4000-8000-${serial.toString(16).padStart(12, '0')}`
  const metadata: Metadata = {
    $correlationId: id,
    $causationId: id,
    command: { id, type: 'Test' },
    actor,
    node: 'test',
    at,
    schema: SCHEMA,
    ...more,
  }
  return { id, ...encodeEvent(event, metadata) }
}
const joined = (n: number, at: string): NewEvent =>
  eventFor(
    {
      type: 'SessionJoined',
      data: {
        sessionId: `session-${n}`,
        socketId: `socket-${n}`,
        account: `person-${n}`,
        guest: null,
        claimed: null,
        subspace: 'main',
        position: { x: n },
        avatarData: { secret: 'avatar-secret' },
        boot: 'boot',
        at,
      },
    },
    at,
  )
const left = (n: number, at: string): NewEvent =>
  eventFor(
    {
      type: 'SessionLeft',
      data: { sessionId: `session-${n}`, reason: 'left', by: null, note: null, until: null, at },
    },
    at,
  )
const posted = (n: number, at: string): NewEvent =>
  eventFor(
    {
      type: 'MessagePosted',
      data: {
        messageId: `message-${n}`,
        account: 'alice',
        guest: null,
        displayName: 'alice',
        subspace: 'main',
        messageType: 'text',
        content: `words-secret ${n}`,
        parentMessageId: null,
        threadRootId: null,
        at,
      },
    },
    at,
  )
const edited = (n: number, at: string): NewEvent =>
  eventFor(
    {
      type: 'MessageEdited',
      data: { messageId: `message-${n}`, subspace: 'main', by: alice, at, content: `edit-secret ${n}` },
    },
    at,
  )

const view = async (moments: Moments, when: When, exact = false): Promise<ReturnType<typeof momentView>> => {
  const moment = await moments.at(ROOM, when, { exact })()
  if (E.isLeft(moment)) throw new Error(JSON.stringify(moment.left))
  return momentView(moment.right)
}
const bookkeeping = (log: MemoryLog) =>
  log.all().filter(({ stream }) => /^(moments|marks|momentparts)-/.test(stream))
/** Stream by stream: which of several writers was first does not matter. */
const byStream = (log: MemoryLog) =>
  bookkeeping(log)
    .map(({ stream, revision, id, data }) => ({ stream, revision: String(revision), id, data }))
    .sort((a, b) => (a.stream + a.revision < b.stream + b.revision ? -1 : 1))

/** A room's acts: people come, go, speak and edit, each by one of several clocks. */
const acts = fc.array(
  fc.tuple(fc.constantFrom('join', 'leave', 'post', 'edit'), fc.nat({ max: 12 }), fc.nat({ max: 60 })),
  { minLength: 1, maxLength: 120 },
)
type Acts = ReadonlyArray<readonly [string, number, number]>
/** Times advance by a second, plus or minus the half minute by which clocks differ. */
const write = (log: MemoryLog, room: Acts): void => {
  for (const [i, [kind, n, skew]] of room.entries()) {
    const at = iso(i * 1_000 + skew * 1_000)
    if (kind === 'join') log.push(SPACE, joined(n, at))
    else if (kind === 'leave') log.push(SPACE, left(n, at))
    else if (kind === 'post') log.push(CHAT, posted(n, at))
    else log.push(CHAT, edited(n, at))
  }
}

const test = suite('moments')

test('given clocks that differ, then a moment by time ends at the room’s first event with a later time', () =>
  fc.assert(
    fc.asyncProperty(acts, fc.integer({ min: -5, max: 200 }), fc.boolean(), async (room, second, isKept) => {
      const log = memoryLog()
      write(log, room)
      const events = [...log.all()]
      const moments = createMoments(log, { every: EVERY })
      if (isKept) await keepRoom(log, ROOM, EVERY)
      const time = new Date(Date.parse(iso(second * 1_000)))
      const ending = events.findIndex(
        ({ metadata }) => Date.parse((metadata as Metadata).at) > time.getTime(),
      )
      const inside = ending < 0 ? events : events.slice(0, ending)
      const got = await view(moments, { kind: 'time', time })
      assert.is(got.position, inside.length === 0 ? null : String(inside.at(-1)!.position))
      const present = new Set<string>()
      const words = new Map<string, string>()
      for (const { type, data } of inside) {
        const of = data as { sessionId: string; messageId: string; content: string }
        if (type === 'SessionJoined') present.add(of.sessionId)
        if (type === 'SessionLeft') present.delete(of.sessionId)
        if (type === 'MessagePosted') words.delete(of.messageId)
        if (type === 'MessagePosted' || (type === 'MessageEdited' && words.has(of.messageId)))
          words.set(of.messageId, of.content)
      }
      assert.equal(new Set(got.present.map((one) => one.session_id)), present)
      assert.equal(
        got.messages.map((one) => [one.message_id, one.content]),
        [...words],
      )
      assert.equal(await view(moments, { kind: 'time', time }, true), got)
    }),
    { numRuns: RUNS },
  ))

test('given any way and order of keeping, by two at once and with failing writes, then the same moments are kept', () =>
  fc.assert(
    fc.asyncProperty(acts, fc.nat(), async (room, seed) => {
      const [whole, torn] = [memoryLog(), memoryLog()]
      serial = 0
      write(whole, room)
      serial = 0
      await keepRoom(whole, ROOM, EVERY)
      let dice = seed
      const faults = ['unavailable', 'unknown-written', 'unknown-lost', null, null] as const
      torn.onAppend = () => {
        dice = (dice * 1_103_515_245 + 12_345) & 0x7fff_ffff
        return faults[dice % faults.length]!
      }
      for (let from = 0; from < room.length; from += 30) {
        write(
          torn,
          room.slice(from, from + 30).map(([kind, n, skew]) => [kind, n, skew + from]),
        )
        await Promise.all([keepRoom(torn, ROOM, EVERY), keepRoom(torn, ROOM, EVERY)])
      }
      torn.onAppend = () => null
      await keepRoom(torn, ROOM, EVERY)
      // Positions differ with what is written in between; everything else is the same.
      const bare = (log: MemoryLog) =>
        byStream(log).map(({ stream, revision, id }) => `${stream} ${revision} ${id}`)
      assert.equal(bare(torn), bare(whole))
      const end: When = { kind: 'time', time: new Date('2030-01-01T00:00:00Z') }
      const moments = createMoments(torn, { every: EVERY })
      assert.equal(await view(moments, end), await view(moments, end, true))
    }),
    { numRuns: RUNS },
  ))

test('given moments that were kept from another log, then they are not used', async () => {
  const log = memoryLog()
  const other = memoryLog()
  const room = (n: number): Acts => Array.from({ length: 60 }, (_, i) => ['join', (i * n) % 13, 0])
  write(log, room(1))
  write(other, room(5))
  await keepRoom(other, ROOM, EVERY)
  for (const { stream, id, type, data, metadata } of bookkeeping(other))
    log.push(stream, { id, type, data, metadata })
  const moments = createMoments(log, { every: EVERY })
  for (const revision of [0n, 9n, 33n, 59n])
    assert.equal(
      await view(moments, { kind: 'revision', revision }),
      await view(moments, { kind: 'revision', revision }, true),
    )
})

test('given a crowd, then its moments are kept less often, and in parts if they are long', async () => {
  const log = memoryLog()
  log.push(SPACE, ...Array.from({ length: 6_000 }, (_, n) => joined(n, iso(n))))
  await keepRoom(log, ROOM)
  const kept = log.stream(`moments-${SPACE}`).map(({ data }) => data as { back?: number; parts?: number })
  assert.is(kept.length, 23)
  assert.ok(kept.some(({ back }) => back !== undefined))
  assert.ok(kept.some(({ parts }) => (parts ?? 0) > 1))
  for (const event of bookkeeping(log)) assert.ok(JSON.stringify(event.data).length < 1_000_000)
  for (const revision of [255n, 256n, 2_000n, 5_500n, 5_999n]) {
    const got = await view(createMoments(log), { kind: 'revision', revision })
    assert.is(got.present.length, Number(revision) + 1)
    assert.is(got.present.at(-1)!.event!.revision, String(revision))
  }
})

test('given personal data, then none of it is in what is kept', async () => {
  const log = memoryLog()
  write(
    log,
    Array.from({ length: 100 }, (_, i) => [['join', 'post', 'edit'][i % 3]!, i % 7, 0]),
  )
  await keepRoom(log, ROOM, EVERY)
  const text = JSON.stringify(byStream(log))
  assert.ok(text.length > 1_000)
  assert.not.match(text, /secret/)
})

test('given a sealed log, then the words are opened, and read again only if folding did not read them', async () => {
  const stored = memoryLog()
  write(
    stored,
    Array.from({ length: 150 }, (_, i) => [i % 5 === 4 ? 'edit' : 'post', i % 5 === 4 ? i - 2 : i, 0]),
  )
  let opened = 0
  const open = (events: ReadonlyArray<RecordedEvent>) => {
    opened += events.length
    return events.map((event) => {
      const { content } = event.data as { content: string }
      return { ...event, data: { ...(event.data as object), content: `opened ${content}` } }
    })
  }
  let readAgain = 0
  const log: EventLog = {
    ...stored,
    readStream: (stream, read) =>
      TE.map((events: ReadonlyArray<RecordedEvent>) => {
        readAgain += events.length
        return open(events)
      })(stored.readStream(stream, read)),
  }
  await keepRoom(stored, ROOM, EVERY)
  for (const [revision, messages, again] of [
    [149n, 4, false],
    [149n, 100, true],
    [3n, 100, false],
  ] as const) {
    const position = stored.stream(CHAT)[Number(revision)]!.position
    const at = (moments: Moments) => moments.at(ROOM, { kind: 'position', position }, { messages })()
    const whole = await at(createMoments(log, { stored, every: EVERY }))
    opened = 0
    readAgain = 0
    const got = await at(createMoments(log, { stored, open, every: EVERY }))
    assert.equal(got, whole)
    if (E.isLeft(got)) throw new Error(got.left._tag)
    assert.ok(got.right.messages.every(({ content }) => content.startsWith('opened ')))
    assert.ok(opened > 0)
    assert.is(readAgain > 0, again)
  }
  const away = createMoments(log, { stored, open: () => Promise.reject(new Error('away')), every: EVERY })
  const failed = await away.at(ROOM, { kind: 'time', time: new Date(iso(1_000_000)) })()
  assert.is(E.isLeft(failed) && failed.left._tag, 'LogUnavailable')
})

/** An event as a follower of the log passes it on. */
const noticed = (recorded: RecordedEvent) => {
  const decoded = decodeRecorded(recorded)
  return { recorded, decoded: E.isRight(decoded) ? decoded.right : null }
}
const isMoment = ({ stream }: { readonly stream: string }): boolean => stream.startsWith('moments-')
const failing = (error: unknown) => assert.unreachable(String(error))

test('given a keeper that gets events as they come, then moments are kept when they are due, and nothing is read', async () => {
  const log = memoryLog()
  const keeper = keepMoments({ log, every: EVERY, onError: failing })
  log.follow((event) => keeper.notice([noticed(event)]))
  write(
    log,
    Array.from({ length: 40 }, (_, i) => [i % 2 === 0 ? 'join' : 'post', i, 0]),
  )
  await keeper.idle()
  assert.is(log.stream(`moments-${SPACE}`).length, 2)
  assert.is(log.stream(`moments-${CHAT}`).length, 2)
  assert.is(log.counts.reads, 0)
  await keeper.stop()
})

test('given a keeper that starts in the middle of a room, then it reads the room once', async () => {
  const log = memoryLog()
  const talkOf = (n: number): Acts => Array.from({ length: n }, (_, i) => ['post', i % 13, 0])
  write(log, talkOf(3 * EVERY))
  const keeper = keepMoments({ log, every: EVERY, onError: failing })
  log.follow((event) => keeper.notice([noticed(event)]))
  write(log, talkOf(EVERY))
  await keeper.idle()
  assert.is(log.stream(`moments-${CHAT}`).length, 4)
  const { reads } = log.counts
  assert.ok(reads > 0)
  for (let i = 0; i < 10; i++) {
    write(log, talkOf(EVERY))
    await keeper.idle()
  }
  assert.is(log.stream(`moments-${CHAT}`).length, 14)
  assert.is(log.counts.reads, reads)
  await keeper.stop()
})

/** What can go wrong between the log and a keeper: an event comes twice, does not come, or can't be read; the keeper
 *  starts anew; appends fail. */
const mishaps = fc.array(
  fc.tuple(
    fc.nat({ max: 120 }),
    fc.constantFrom('again', 'missed', 'unreadable', 'restart', 'idle', 'unavailable', 'unknown-written'),
  ),
  { maxLength: 12 },
)
test('given anything in between, then what is kept from events as they come is the same as by reading', () =>
  fc.assert(
    fc.asyncProperty(
      acts,
      mishaps,
      fc.constantFrom(0, 1, 2),
      fc.constantFrom(0, 3, 1_000),
      async (room, planned, streams, entries) => {
        const [whole, log] = [memoryLog(), memoryLog()]
        serial = 0
        write(whole, room)
        serial = 0
        write(log, room)
        // The same positions, whatever is kept meanwhile, passed on as if they came now.
        const events = [...log.all()]
        await keepRoom(whole, ROOM, EVERY)
        const start = () => keepMoments({ log, every: EVERY, streams, entries })
        let keeper = start()
        let waiting: ReadonlyArray<ReturnType<typeof noticed>> = []
        for (const [i, event] of events.entries()) {
          const told = [noticed(event)]
          for (const [when, what] of planned) {
            if (when !== i) continue
            if (what === 'again') told.push(...waiting.slice(-2), ...told)
            else if (what === 'missed') told.length = 0
            else if (what === 'unreadable') told.splice(0, 1, { recorded: event, decoded: null })
            else if (what === 'idle') await keeper.idle()
            else if (what === 'restart') {
              await keeper.stop()
              keeper = start()
            } else {
              let once = true
              log.onAppend = () => {
                const fault = once ? what : null
                once = false
                return fault
              }
            }
          }
          keeper.notice(told)
          waiting = [...waiting, ...told]
        }
        await keeper.idle()
        await keeper.stop()
        const kept = byStream(log)
        const all = new Map(byStream(whole).map((one) => [one.stream + one.revision, one]))
        for (const one of kept) assert.equal(one, all.get(one.stream + one.revision))
        // A moment that it left out is made by the first reader who asks, and is then the same again.
        log.onAppend = () => null
        await keepRoom(log, ROOM, EVERY)
        assert.equal(byStream(log), byStream(whole))
        if (planned.length === 0 && streams === 2 && entries === 1_000)
          assert.is(kept.filter(isMoment).length, byStream(whole).filter(isMoment).length)
      },
    ),
    { numRuns: RUNS },
  ))

test('given a keeper that gets events while it reads, then it continues from there without reading again', async () => {
  const log = memoryLog()
  const talkOf = (n: number): Acts => Array.from({ length: n }, (_, i) => ['post', i % 13, 0])
  write(log, talkOf(2 * EVERY - 1))
  const keeper = keepMoments({ log, every: EVERY, onError: failing })
  log.follow((event) => keeper.notice([noticed(event)]))
  let late = true
  log.pause = async (what, stream) => {
    // More events come between the last page that is read and the moments that are written.
    if (what !== 'append' || !stream.startsWith('moments-') || !late) return
    late = false
    write(log, talkOf(3))
  }
  write(log, talkOf(1))
  await keeper.idle()
  const { reads } = log.counts
  write(log, talkOf(EVERY))
  await keeper.idle()
  assert.is(log.stream(`moments-${CHAT}`).length, 3)
  assert.is(log.counts.reads, reads)
  await keeper.stop()
})

test('given an event that can’t be read, then every moment before it can be shown, and none after it', async () => {
  const [log, whole] = [memoryLog(), memoryLog()]
  const room: Acts = Array.from({ length: 30 }, (_, i) => [i % 2 === 0 ? 'join' : 'post', i % 7, 0])
  serial = 0
  write(whole, room)
  serial = 0
  write(log, room)
  const before = log.all().at(-1)!
  const { id, metadata } = posted(99, iso(31_000))
  const strange = log.push(CHAT, { id, type: 'MessageShouted', data: {}, metadata })
  write(log, [['post', 1, 60]])
  const moments = createMoments(log, { every: EVERY })
  for (const exact of [false, true])
    for (const when of [
      { kind: 'position', position: before.position },
      { kind: 'position', position: strange - 1n },
      { kind: 'time', time: new Date(iso(30_500)) },
      { kind: 'revision', revision: 14n },
    ] as const)
      assert.equal(
        await view(moments, when, exact),
        await view(createMoments(whole, { every: EVERY }), when, exact),
      )
  const after = await moments.at(ROOM, { kind: 'position', position: strange })()
  assert.is(after._tag === 'Left' && after.left._tag, 'Unreadable')
  const event = await eventAt(moments, ROOM, before.position)
  assert.is((await explainEvent(moments, createPast(moments), event!)).happened?.outcome, 'accepted')
})

test('given events that can’t be read, then a replay shows that they are there and goes on, in both directions and from after them', async () => {
  const log = memoryLog()
  const room: Acts = Array.from({ length: 6 * EVERY }, (_, i) => [i % 2 === 0 ? 'join' : 'post', i % 7, 0])
  serial = 0
  write(log, room)
  const { id, metadata } = posted(99, iso(31_000))
  const strange = log.push(CHAT, { id, type: 'MessageShouted', data: { content: 'AAAH' }, metadata })
  log.push(SPACE, { id: `f${id.slice(1)}`, type: 'SessionLeft', data: 'no object', metadata: 7 })
  write(log, [...room, ['post', 1, 60]])
  const events = log.all().filter(({ stream }) => stream === SPACE || stream === CHAT)
  const moments = createMoments(log, { every: EVERY })
  const stepsFrom = async (from?: bigint) => {
    const steps: Array<ReturnType<typeof stepView> & { readonly state: ReturnType<typeof momentView> }> = []
    const range = from === undefined ? {} : { from: { kind: 'position', position: from } as const }
    for await (const step of replay(moments, ROOM, range))
      steps.push({ ...stepView(step), state: structuredClone(momentView(step.after)) })
    return steps
  }
  const steps = await stepsFrom()
  assert.equal(
    steps.map(({ event_id }) => event_id),
    events.map((event) => event.id),
  )
  const bad = steps.filter((step) => 'unreadable' in step)
  assert.equal(
    bad.map(({ stream, type, says, change, at }) => [stream, type, says, change, at]),
    [
      [
        'chat',
        'MessageShouted',
        'an event that this version can’t read (MessageShouted): There is no event of type MessageShouted.',
        null,
        iso(31_000),
      ],
      [
        'space',
        'SessionLeft',
        'an event that this version can’t read (SessionLeft): There is no metadata.',
        null,
        events.find(({ metadata }) => metadata === 7)!.created.toISOString(),
      ],
    ],
  )
  assert.not.match(JSON.stringify(steps), 'AAAH')
  const last = steps.at(-1)!.state
  assert.is(last.unread_events, 2)
  assert.is(last.messages.at(-1)?.event?.event_id, events.at(-1)!.id)
  // Read from the end, it says the same, though nothing is kept there.
  const behind = steps.filter(({ position }) => BigInt(position) > strange + 2_000n)
  assert.equal(await stepsFrom(BigInt(behind[0]!.position)), behind)
  const player = await createPlayer(moments, ROOM, { kind: 'position', position: strange - 100n })
  const states: string[] = []
  const shown = () => JSON.stringify(momentView(player.moment()))
  for (let i = 0; i < 5; i++) {
    states.push(shown())
    await player.forward()
  }
  while (states.length > 0) {
    assert.ok(await player.back())
    assert.is(shown(), states.pop())
  }
})

test('given a replay while the room goes on, then each event comes once and in order, and streams at their end do not cost a read for each event', async () => {
  const log = memoryLog()
  const more = (count: number): void =>
    write(
      log,
      [...Array(count)].map((_, i) => ['post', i, 0] as const),
    )
  const refused = (): void => {
    const data = { command: 'Ban', reason: 'forbidden', at: iso(0) }
    log.push(streamName('refusal', ROOM), eventFor({ type: 'CommandRefused', data }, iso(0)))
  }
  write(log, [['join', 1, 0]])
  more(1_000)
  const moments = createMoments(log)
  const ofRoom = () => log.all().filter(({ stream }) => /^(space|chat|refusal)-/.test(stream))
  const before = log.counts.reads
  const positions: bigint[] = []
  for await (const { recorded } of replay(moments, ROOM)) {
    positions.push(recorded.position)
    // Adds an event to a stream that was at its end, with more events after it in another stream.
    if (positions.length % 300 === 1 && positions.length < 1_000) {
      refused()
      more(5)
      write(log, [['leave', 1, 0]])
    }
  }
  const { reads } = log.counts
  assert.equal(
    positions,
    ofRoom().map(({ position }) => position),
  )
  assert.ok(reads - before < 100, `${reads - before} reads`)
})

test('given kept moments that somebody rewrote, advanced or made up, then each is found by folding the room again', async () => {
  const people: Acts = Array.from({ length: 20 * EVERY }, (_, i) => [
    i % 5 === 4 ? 'leave' : i % 2 === 0 ? 'join' : 'post',
    i % 11,
    0,
  ])
  const log = memoryLog()
  write(log, people)
  await keepRoom(log, ROOM, EVERY)
  const faultsOf = async (from: MemoryLog) =>
    (await Promise.all([SPACE, CHAT].map((stream) => checkKept(from, stream, EVERY))))
      .flatMap(({ faults }) => faults)
      .map(({ stream, revision }) => `${stream} ${revision}`)
  assert.equal(await faultsOf(log), [])
  const { events } = await checkKept(log, SPACE, EVERY)
  assert.is(events, log.stream(`moments-${SPACE}`).length + log.stream(`marks-${SPACE}`).length)

  const kept = bookkeeping(log)
  for (const one of kept) {
    const rewritten = memoryLog()
    rewritten.add(
      log.all().map((event) => {
        if (event !== one) return event
        const text = JSON.stringify(event.data)
        return {
          ...event,
          data: JSON.parse(text.replace(/(\d)(?=\D*$)/, (d) => String((Number(d) + 1) % 10))),
        }
      }),
    )
    assert.equal(await faultsOf(rewritten), [`${one.stream} ${one.revision}`])
  }
  const longer = memoryLog()
  longer.add([...log.all()])
  const last = log.stream(`moments-${CHAT}`).at(-1)!
  const { type, data, metadata } = last
  longer.push(last.stream, { id: '00000000-0000-4000-8000-00000000ffff', type, data, metadata })
  assert.equal(await faultsOf(longer), [`${last.stream} ${Number(last.revision) + 1}`])
})

test('given a room of which nothing is kept yet, then the first reader has it kept, if there is a writer', async () => {
  const log = memoryLog()
  write(
    log,
    Array.from({ length: 3_000 }, (_, i) => [i % 2 === 0 ? 'join' : 'leave', (i >> 1) % 5, 0]),
  )
  const when: When = { kind: 'revision', revision: 2_999n }
  const alone = await view(createMoments(log), when)
  assert.is(bookkeeping(log).length, 0)
  const { keep } = createMomentWriter(log)
  assert.equal(await view(createMoments(log, { keep }), when), alone)
  assert.is(log.stream(`moments-${SPACE}`).length, 11)
})

/* ── why ────────────────────────────────────────────────────────────────────────────────────────────────── */

test('given an event that the rules would not have allowed, then why does not agree', async () => {
  const log = memoryLog()
  const at = iso(0)
  const mallory: Actor = { kind: 'account', id: 'mallory' }
  log.push(
    SPACE,
    eventFor({ type: 'SpaceOpened', data: { title: '', owner: 'alice', visibility: 'public', at } }, at),
  )
  const position = log.push(
    SPACE,
    eventFor(
      { type: 'AccountBanned', data: { subject: 'bobby', by: mallory, reason: null, until: null, at } },
      at,
      { command: { id: 'x', type: 'Ban' }, grounds: { role: 'moderate', via: 'grant' } },
      mallory,
    ),
  )
  const moments = createMoments(log)
  const event = await eventAt(moments, ROOM, position)
  const why = await explainEvent(moments, createPast(moments), event!)
  assert.is(why.agrees, false)
  assert.is(why.verdict?.code, 'forbidden')
})

test('given a refusal from before refusals kept what was asked, then why says what it can and what it can’t', async () => {
  const log = memoryLog()
  const at = iso(0)
  const mallory: Actor = { kind: 'account', id: 'mallory' }
  log.push(
    SPACE,
    eventFor({ type: 'SpaceOpened', data: { title: '', owner: 'alice', visibility: 'public', at } }, at),
  )
  const refusal = (more: object) =>
    eventFor(
      { type: 'CommandRefused', data: { command: 'Ban', reason: 'forbidden', at, target: 'bobby', ...more } },
      at,
      { grounds: { role: 'none', via: 'public' } },
      mallory,
    )
  const moments = createMoments(log)
  const explain = async (position: bigint) =>
    explainEvent(moments, createPast(moments), (await eventAt(moments, ROOM, position))!)
  const old = await explain(log.push(streamName('refusal', ROOM), refusal({})))
  assert.equal([old.agrees, old.gaps.length], [true, 2])
  const limited = await explain(
    log.push(streamName('refusal', ROOM), refusal({ reason: 'slow_down', detail: { times: 9 } })),
  )
  assert.is(limited.agrees, true)
  assert.match(limited.says.join(' '), /more was sent than one caller may send/)
})

test('given words that were erased since, then the moment and the explanation say so and are still right', async () => {
  const log = memoryLog()
  const at = iso(0)
  log.push(
    SPACE,
    eventFor({ type: 'SpaceOpened', data: { title: '', owner: 'alice', visibility: 'public', at } }, at),
  )
  const said = posted(1, at)
  const data = { ...(said.data as object), messageId: '00000000-0000-4000-8000-000000000001' }
  const command = { id: 'y', type: 'PostMessage' }
  const position = log.push(CHAT, {
    ...said,
    data: { ...data, content: '', erased: 'request-7' },
    metadata: {
      ...(said.metadata as object),
      command,
      grounds: { role: 'owner', via: 'content' },
      seen: { space: 0 },
    },
  })
  const moments = createMoments(log)
  const [message] = (await view(moments, { kind: 'position', position })).messages
  assert.equal([message?.content, message?.erased_by_request], ['', 'request-7'])
  const why = await explainEvent(moments, createPast(moments), (await eventAt(moments, ROOM, position))!)
  assert.equal([why.agrees, why.gaps], [true, []])
})

test.run()
