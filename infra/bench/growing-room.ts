/** A made-up room that grows: half comings and goings, half talk, in the form that the command path writes. */
import { randomUUID } from 'node:crypto'
import { encodeEvent } from '../../domain/codec.ts'
import type { Actor } from '../../domain/identity.ts'
import { type Metadata, SCHEMA } from '../../domain/metadata.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { EventLog, NewEvent } from '../../domain/ports.ts'

export const ROOM: SpaceRef = { type: 'community', id: 'hive-100001' }
/** People in the room at once. */
const PRESENT = 100
const GROUP = 500
export const STARTED = Date.parse('2026-01-01T00:00:00Z')

type Encodable = Parameters<typeof encodeEvent>[0]

/** How much later each event is than the one before, in ms. */
export const EACH_MS = 250

/** Half comings and goings, half talk with some edits, deletions and reactions; a ban, a grant, a setting now and then.
 *  `started`: the time of the first event, in ms since the epoch. */
export const grow = async (log: EventLog, started = STARTED) => {
  let clock = started
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
    // Talk is at the times of comings and goings.
    clock += 2 * EACH_MS
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
  /** Appends until the room has this many events. Returns the last position. */
  return async (
    events: number,
  ): Promise<{ readonly position: bigint; readonly clock: number; readonly revision: number }> => {
    let position = 0n
    const append = async (kind: 'space' | 'chat', count: number): Promise<void> => {
      const group: NewEvent[] = []
      for (let i = 0; i < count; i++) group.push(kind === 'space' ? comings() : talk())
      counts[kind] += count
      if (count === 0) return
      const appended = await log.append(streamName(kind, ROOM), 'any', group)()
      if (appended._tag === 'Left') throw new Error(`the room could not be written: ${appended.left._tag}`)
      if (appended.right.position > position) position = appended.right.position
    }
    for (let left = events - counts.space - counts.chat; left > 0; ) {
      const both = Math.min(2 * GROUP, left)
      left -= both
      await Promise.all([append('space', both - (both >> 1)), append('chat', both >> 1)])
    }
    return { position, clock, revision: counts.space - 1 }
  }
}
