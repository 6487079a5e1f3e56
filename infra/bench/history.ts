/** A made-up past for benchmarks: rooms where people come, talk and go, appended as the command path writes it. */
import { createHash } from 'node:crypto'
import { encodeEvent } from '../../domain/codec.ts'
import type { Actor } from '../../domain/identity.ts'
import { type Metadata, SCHEMA } from '../../domain/metadata.ts'
import { type SpaceRef, streamName } from '../../domain/names.ts'
import type { EventLog, NewEvent } from '../../domain/ports.ts'

type Encodable = Parameters<typeof encodeEvent>[0]

const PAGE = 250

/** Ids in an order of their own for each seed. */
const idsOf = (seed: string) => {
  let number = 0
  return (): string => {
    number += 1
    const hex = createHash('sha1').update(`${seed} ${number}`).digest('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  }
}

export type HistoryOptions = {
  readonly onProgress?: (done: number) => void
  /** The same seed writes the same events. Default: another each time. */
  readonly seed?: string
  /** Milliseconds between two who come. Default 10. */
  readonly everyMs?: number
  /** Whether moderators act, too: for each 25 who come a ban, a mute, a permission, a report, a refusal, and a message that is
   *  changed, deleted and answered with an emoji. */
  readonly hasActs?: boolean
}

type NewEventOf = (event: Encodable, actor: Actor) => NewEvent

/** What moderators do about those who came and spoke, by stream. */
const actsOn = (
  {
    newEvent,
    nextId,
    at,
  }: { readonly newEvent: NewEventOf; readonly nextId: () => string; readonly at: string },
  subject: string,
  messageId: string,
): Readonly<Record<'space' | 'chat' | 'cases' | 'refusal', ReadonlyArray<NewEvent>>> => {
  const by: Actor = { kind: 'account', id: 'bench-owner' }
  const guest: Actor = { kind: 'account', id: subject }
  const said = { messageId, subspace: 'main', by, at }
  const caseId = nextId()
  const moment = { space: 0, chat: -1 }
  const restricted = { subject, by, reason: 'too loud', until: null, at }
  return {
    space: [
      newEvent({ type: 'AccountBanned', data: restricted }, by),
      newEvent({ type: 'AccountMuted', data: restricted }, by),
      newEvent(
        { type: 'PermissionGranted', data: { account: subject, permission: 'access', by, reason: null, at } },
        by,
      ),
    ],
    chat: [
      newEvent(
        { type: 'MessageEdited', data: { ...said, by: guest, content: 'the room is full of stars' } },
        guest,
      ),
      newEvent({ type: 'ReactionAdded', data: { ...said, emoji: '👍' } }, by),
      newEvent({ type: 'MessageDeleted', data: said }, by),
    ],
    cases: [
      newEvent(
        { type: 'CaseOpened', data: { caseId, by, at, subject, about: { kind: 'person' }, moment } },
        by,
      ),
      newEvent(
        { type: 'ReportFiled', data: { caseId, by, at, reportId: nextId(), words: 'it shouts', moment } },
        by,
      ),
    ],
    refusal: [
      newEvent(
        { type: 'CommandRefused', data: { command: 'Kick', reason: 'forbidden', at, target: subject } },
        guest,
      ),
    ],
  }
}

/** About `count` events in `rooms` rooms, a fifth of them comings and goings, the rest talk. */
export const writeHistory = async (
  log: EventLog,
  count: number,
  rooms: number,
  {
    onProgress = () => {},
    seed = `${process.pid} ${Date.now()}`,
    everyMs = 10,
    hasActs = false,
  }: HistoryOptions = {},
): Promise<number> => {
  let clock = Date.parse('2026-01-01T00:00:00Z')
  const nextId = idsOf(seed)
  const newEvent = (event: Encodable, actor: Actor): NewEvent => {
    const at = new Date(clock).toISOString()
    const id = nextId()
    const metadata: Metadata = {
      $correlationId: id,
      $causationId: id,
      command: { id, type: 'Bench' },
      actor,
      node: 'bench',
      at,
      schema: SCHEMA,
      client: { ip: '192.0.2.7', userAgent: 'Mozilla/5.0 (X11; Linux x86_64) bench' },
      grounds: { role: 'access', via: 'public' },
    }
    return { id, ...encodeEvent(event, metadata) }
  }
  const space = (room: number): SpaceRef => ({ type: 'community', id: `hive-${500000 + room}` })
  let done = 0
  const append = async (stream: string, events: ReadonlyArray<NewEvent>) => {
    const appended = await log.append(stream, 'any', events)()
    if (appended._tag === 'Left') throw new Error(`the history could not be written: ${appended.left._tag}`)
    done += events.length
    onProgress(done)
  }
  const opened = new Set<number>()
  const perRoom = async (room: number): Promise<void> => {
    const comings: Array<NewEvent> = []
    if (!opened.has(room)) {
      opened.add(room)
      comings.push(
        newEvent(
          {
            type: 'SpaceOpened',
            data: {
              title: `Room ${room}`,
              owner: null,
              visibility: 'public',
              at: new Date(clock).toISOString(),
            },
          },
          { kind: 'account', id: 'bench-owner' },
        ),
      )
    }
    const talk: Array<NewEvent> = []
    for (let person = 0; person < PAGE / 10; person++) {
      clock += everyMs
      const at = new Date(clock).toISOString()
      const actor = { kind: 'account', id: `bench-p${(person + room) % 900}` } as const
      const sessionId = nextId()
      comings.push(
        newEvent(
          {
            type: 'SessionJoined',
            data: {
              sessionId,
              socketId: sessionId.slice(0, 20),
              account: actor.id,
              guest: null,
              claimed: null,
              subspace: 'main',
              position: { x: 1, y: 1.6, z: -2 },
              avatarData: { color: '#3344ff', model: 'robot' },
              boot: 'bench',
              at,
            },
          },
          actor,
        ),
      )
      for (let words = 0; words < 8; words++)
        talk.push(
          newEvent(
            {
              type: 'MessagePosted',
              data: {
                messageId: nextId(),
                account: actor.id,
                guest: null,
                displayName: actor.id,
                subspace: 'main',
                messageType: 'text',
                content: `the room is full of stars tonight and we are late again, ${words}`,
                parentMessageId: null,
                threadRootId: null,
                at,
              },
            },
            actor,
          ),
        )
      comings.push(
        newEvent(
          { type: 'SessionLeft', data: { sessionId, reason: 'left', by: null, note: null, until: null, at } },
          actor,
        ),
      )
    }
    const acts = hasActs
      ? actsOn(
          { newEvent, nextId, at: new Date(clock).toISOString() },
          `bench-p${(done + room) % 900}`,
          (talk[0]!.data as { readonly messageId: string }).messageId,
        )
      : { space: [], chat: [], cases: [], refusal: [] }
    await append(streamName('space', space(room)), [...comings, ...acts.space])
    await append(streamName('chat', space(room)), [...talk, ...acts.chat])
    if (!hasActs) return
    await append(streamName('cases', space(room)), acts.cases)
    await append(streamName('refusal', space(room)), acts.refusal)
  }
  for (let room = 0; done < count; room = (room + 8) % rooms)
    await Promise.all(Array.from({ length: 8 }, (_, i) => perRoom((room + i) % rooms)))
  return done
}
