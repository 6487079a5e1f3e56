/** How long it takes to tell a room as it was at any moment, by the room's age: one room that grows, on the embedded node,
 *  asked through the adapter for random times, positions and revisions. MOMENT_EVENTS (1,000,000) is the oldest age. */
import { randomUUID } from 'node:crypto'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { encodeEvent } from '../../domain/codec.ts'
import type { Actor } from '../../domain/identity.ts'
import { type Metadata, SCHEMA } from '../../domain/metadata.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { EventLog, NewEvent } from '../../domain/ports.ts'
import { createMoments, type When } from '../../projections/moment/moments.ts'
import { EVERY } from '../../projections/moment/timeline.ts'
import { momentView } from '../../projections/moment/view.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { ownShare, type Row, summary } from './figures.ts'

const ROOM: SpaceRef = { type: 'community', id: 'hive-100001' }
/** People in the room at once. */
const PRESENT = 100
const GROUP = 200
const ASKED = 400
const STARTED = Date.parse('2026-01-01T00:00:00Z')

type Encodable = Parameters<typeof encodeEvent>[0]

/** Half comings and goings, half talk with some edits, deletions and reactions; a ban, a grant, a setting now and then. */
const grow = async (log: EventLog) => {
  let clock = STARTED
  let serial = 0
  const present: Array<{ readonly sessionId: string; readonly account: string }> = []
  const said: string[] = []
  const counts = { space: 0, chat: 0 }
  const newEvent = (event: Encodable, actor: Actor): NewEvent => {
    const id = randomUUID()
    const metadata: Metadata = {
      $correlationId: id,
      $causationId: id,
      command: { id, type: 'Bench' },
      actor,
      node: 'bench',
      at: new Date(clock).toISOString(),
      schema: SCHEMA,
      client: { ip: '192.0.2.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64) bench' },
      grounds: { role: 'none', via: 'public' },
    }
    return { id, ...encodeEvent(event, metadata) }
  }
  const owner: Actor = { kind: 'account', id: 'bench-owner' }
  const comings = (): NewEvent => {
    clock += 500
    const at = new Date(clock).toISOString()
    serial += 1
    if (counts.space === 0)
      return newEvent(
        { type: 'SpaceOpened', data: { title: 'Bench', owner: owner.id, visibility: 'public', at } },
        owner,
      )
    if (serial % 500 === 0) {
      const subject = `bench-b${(serial / 500) % 40}`
      if (serial % 1_000 === 0)
        return newEvent(
          { type: 'AccountBanned', data: { subject, by: owner, reason: 'noise', until: null, at } },
          owner,
        )
      return newEvent(
        {
          type: 'PermissionGranted',
          data: { account: subject, permission: 'moderate', by: owner, reason: null, at },
        },
        owner,
      )
    }
    if (present.length < PRESENT || serial % 2 === 0) {
      const account = `bench-p${serial % 900}`
      const sessionId = randomUUID()
      present.push({ sessionId, account })
      return newEvent(
        {
          type: 'SessionJoined',
          data: {
            sessionId,
            socketId: sessionId.slice(0, 20),
            account,
            guest: null,
            claimed: null,
            subspace: 'main',
            position: { x: 1, y: 1.6, z: -2 },
            avatarData: { color: '#3344ff', model: 'robot' },
            boot: 'bench',
            at,
          },
        },
        { kind: 'account', id: account },
      )
    }
    const { sessionId, account } = present.shift()!
    return newEvent(
      { type: 'SessionLeft', data: { sessionId, reason: 'left', by: null, note: null, until: null, at } },
      { kind: 'account', id: account },
    )
  }
  const talk = (): NewEvent => {
    const at = new Date(clock).toISOString()
    serial += 1
    const by: Actor = { kind: 'account', id: `bench-p${serial % 900}` }
    const older = said[serial % said.length]
    const change = { messageId: older ?? '', subspace: 'main', by, at }
    if (older !== undefined && serial % 20 === 0)
      return newEvent({ type: 'MessageEdited', data: { ...change, content: 'what I meant to say' } }, by)
    if (older !== undefined && serial % 10 === 0)
      return newEvent({ type: 'ReactionAdded', data: { ...change, emoji: '👍' } }, by)
    const messageId = randomUUID()
    said.push(messageId)
    if (said.length > 50) said.shift()
    return newEvent(
      {
        type: 'MessagePosted',
        data: {
          messageId,
          account: by.id,
          guest: null,
          displayName: by.id,
          subspace: 'main',
          messageType: 'text',
          content: 'the room is full of stars tonight and we are late again',
          parentMessageId: null,
          threadRootId: null,
          at,
        },
      },
      by,
    )
  }
  /** Until the room has so many events. Answers the last position. */
  return async (
    events: number,
  ): Promise<{ readonly position: bigint; readonly clock: number; readonly revision: number }> => {
    let position = 0n
    while (counts.space + counts.chat < events) {
      const kind = counts.space <= counts.chat ? 'space' : 'chat'
      const count = Math.min(GROUP, events - counts.space - counts.chat)
      const group: NewEvent[] = []
      for (let i = 0; i < count; i++) {
        group.push(kind === 'space' ? comings() : talk())
        counts[kind] += 1
      }
      const appended = await log.append(streamName(kind, ROOM), 'any', group)()
      if (appended._tag === 'Left') throw new Error(`the room could not be written: ${appended.left._tag}`)
      position = appended.right.position
    }
    return { position, clock, revision: counts.space - 1 }
  }
}

const AGES = [1_000, 10_000, 100_000, 1_000_000]

export const bench = async () => {
  const oldest = Number(process.env.MOMENT_EVENTS ?? 1_000_000)
  const store = await testEventStore()
  const log = connectEventLog({ url: store.url })
  const figures: Array<{
    readonly events: number
    readonly p50: number
    readonly p99: number
    readonly max: number
    /** Processor time of the asking process, a moment. */
    readonly ownMs: number
    readonly keepEventsPerSecond: number
    readonly kept: number
  }> = []
  try {
    const growTo = await grow(log)
    for (const events of AGES.filter((age) => age <= oldest)) {
      const end = await growTo(events)
      // Another process's memory of the room: nothing remembered from before.
      const moments = createMoments(log)
      const began = performance.now()
      const kept = await moments.keep(ROOM)()
      if (kept._tag === 'Left') throw new Error(JSON.stringify(kept.left))
      const keepSeconds = (performance.now() - began) / 1_000
      const times: number[] = []
      const share = ownShare()
      for (let i = 0; i < ASKED; i++) {
        const place = Math.random()
        const whens: When[] = [
          { kind: 'time', time: new Date(STARTED + place * (end.clock - STARTED)) },
          { kind: 'position', position: BigInt(Math.floor(place * Number(end.position))) },
          { kind: 'revision', revision: BigInt(Math.floor(place * end.revision)) },
        ]
        const asked = performance.now()
        const moment = await moments.at(ROOM, whens[i % 3]!, { messages: 50 })()
        if (moment._tag === 'Left') throw new Error(JSON.stringify(moment.left))
        JSON.stringify(momentView(moment.right))
        times.push(performance.now() - asked)
      }
      const ownMs = (share() * times.reduce((a, b) => a + b, 0)) / ASKED
      const { p50, p99, max } = summary(times)
      const keepEventsPerSecond = Math.round((kept.right * EVERY) / keepSeconds)
      figures.push({ events, p50, p99, max, ownMs, keepEventsPerSecond, kept: kept.right })
      console.log(
        `${events} events: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${ownMs.toFixed(1)} ms of processor; ${kept.right} moments kept`,
      )
    }
  } finally {
    await log.close()
    await store.stop()
  }
  const most = Math.max(...figures.map(({ p99 }) => p99))
  const bar = (ms: number, sign: string) => sign.repeat(Math.max(1, Math.round((50 * ms) / most)))
  console.log('\nthe room at any moment, by its age (█ p50, ▒ p99)')
  for (const { events, p50, p99 } of figures) {
    console.log(`${String(events).padStart(9)}  ${bar(p50, '█')} ${p50.toFixed(1)} ms`)
    console.log(`${' '.repeat(9)}  ${bar(p99, '▒')} ${p99.toFixed(1)} ms`)
  }
  const rows: Row[] = figures.map(({ events, p50, p99 }) => ({
    what: `a room of ${events.toLocaleString('en')} events at any moment`,
    ours: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
    beside: '',
    goal: 'p50 < 50 ms, p99 < 150 ms',
    met: p50 < 50 && p99 < 150,
  }))
  return { rows, figures }
}
