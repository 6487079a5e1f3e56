/** An imitation of a server, for tests of pages: rooms in memory, any number of people, chat, places, data and
 *  refusals. */
import { PresenceError } from './errors.ts'
import { type JoinOptions, join, type Room } from './index.ts'
import type { Json, LineEvents, Transport } from './transport.ts'

type Person = {
  readonly socketId: string
  readonly sessionId: string
  readonly guestId: string
  readonly events: LineEvents
  user: Json
  isIn: boolean
}
export type Stub = {
  readonly join: (space?: string, options?: JoinOptions) => Promise<Room>
  /** Ends everybody's connection, as a network failure does. */
  readonly cut: (code?: number) => void
  /** Refuses the next request of this type. */
  readonly refuseNext: (type: string, code: string, error: string) => void
  /** Sends an event to everybody, as the server does. */
  readonly tell: (type: string, payload: Json) => void
}

const DEFAULT_SETTINGS = {
  chat_enabled: true,
  voice_enabled: true,
  guests_allowed: true,
  max_users: 50,
  reactions_enabled: true,
  stage: false,
  slow_mode_seconds: 0,
  settings: {},
}

const NO_MARKS = {
  voice_enabled: false,
  hand_raised: false,
  hand_raised_since: null,
  on_stage: false,
  on_stage_since: null,
}

const everybodyIn = (people: ReadonlySet<Person>): ReadonlyArray<Json> =>
  [...people].filter(({ isIn }) => isIn).map(({ user }) => ({ ...NO_MARKS, ...user }))
const pageOf = (people: ReadonlySet<Person>): Json => {
  const users = everybodyIn(people)
  return { users, users_total: users.length, next: null }
}

/** The room's entities: who owns each, its components, whether it is pinned. */
const createScene = (toAll: (news: Json) => void, next: () => number) => {
  const entities = new Map<string, Json>()
  const set = (id: string, entity: Json | null): Json => {
    if (entity === null) entities.delete(id)
    else entities.set(id, entity)
    toAll({ type: 'scene-changed', entities: { [id]: entity } })
    return { id }
  }
  const carryOut = (by: string, type: string, asked: Json): unknown => {
    const id = String(asked.id)
    switch (type) {
      case 'entity-spawn': {
        const { template = null, components = {} } = asked
        const entity = { owner: by, template, pinned: false, components }
        return set(String(asked.id ?? `entity-${next()}`), entity)
      }
      case 'entity-remove':
        return set(id, null)
      case 'entity-take':
        return set(id, { ...entities.get(id), owner: by })
      case 'entity-give':
        return set(id, { ...entities.get(id), owner: asked.to ?? null })
      case 'entity-pin':
      case 'entity-unpin':
        return set(id, { ...entities.get(id), pinned: type === 'entity-pin' })
      default:
        return
    }
  }
  return { entities: entities as ReadonlyMap<string, Json>, carryOut }
}

export const createStub = (): Stub => {
  const people = new Set<Person>()
  const refusals = new Map<string, { readonly code: string; readonly error: string }>()
  const revisions = { space: -1, chat: -1 }
  let count = 0
  const later = (task: () => void) => void queueMicrotask(task)
  const timestamp = () => new Date().toISOString()
  const next = (stream: 'space' | 'chat'): Json => ({
    revision: String(++revisions[stream]),
    timestamp: timestamp(),
  })
  /** Nobody can have seen more than there is: a server would give them a fresh state. */
  const isKnown = (since: Json | undefined): boolean =>
    since !== undefined && Number(since.space) <= revisions.space && Number(since.chat) <= revisions.chat
  const toAll = (message: Json, but?: Person): void => {
    for (const one of people) if (one.isIn && one !== but) later(() => one.events.onMessage(message))
  }
  const who = ({ socketId, sessionId, guestId }: Person): Json => ({
    socketId,
    sessionId,
    userAccount: null,
    guestId,
  })
  const byOf = ({ guestId }: Person): Json => ({ user_account: null, guest_id: guestId, subspace: 'main' })
  const gone = (person: Person, reason: string): void => {
    people.delete(person)
    if (!person.isIn) return
    person.isIn = false
    toAll({ type: 'user-left', ...person.user, reason, ...next('space') })
  }

  const scene = createScene(
    (news) => toAll({ ...news, timestamp: timestamp() }),
    () => ++count,
  )

  const enter = (person: Person, asked: Json): void => {
    const { position = null, avatar_data = null } = asked
    person.user = { ...who(person), position, avatar_data }
    toAll({ type: 'user-joined', ...person.user, ...next('space') })
    person.isIn = true
    const users = everybodyIn(people)
    person.events.onMessage({
      type: 'space-joined',
      success: true,
      spaceType: 'global',
      spaceId: 'stub',
      subspace: 'main',
      sessionId: person.sessionId,
      identity: { kind: 'guest', id: person.guestId, verified: false },
      users,
      settings: DEFAULT_SETTINGS,
      scene: { entities: Object.fromEntries(scene.entities), avatars: {} },
      permission: 'access',
      revisions: { space: String(revisions.space), chat: String(revisions.chat) },
      position: String(revisions.space + revisions.chat + 2),
      resumed: isKnown(asked.since as Json | undefined),
      timestamp: timestamp(),
    })
  }
  const carryOut = (person: Person, type: string, asked: Json): unknown => {
    switch (type) {
      case 'join-space':
        return enter(person, asked)
      case 'users-page':
        return pageOf(people)
      case 'leave-space':
        return gone(person, 'left')
      case 'chat-message': {
        const { content, message_id, message_type = 'text', parent_message_id = null } = asked
        const more = { content, message_id, message_type, parent_message_id, thread_root_id: null }
        const named = { display_name: person.guestId, created_at: timestamp() }
        return toAll({ type, ...byOf(person), ...more, ...named, position: String(++count), ...next('chat') })
      }
      case 'chat-edit':
        return toAll({ type: 'chat-edited', ...byOf(person), ...asked, ...next('chat') })
      case 'chat-delete':
        return toAll({ type: 'chat-deleted', ...byOf(person), ...asked, ...next('chat') })
      case 'chat-reaction':
        return toAll({ type, ...byOf(person), ...asked, removed: asked.remove === true, ...next('chat') })
      case 'voice-state': {
        const { enabled } = asked
        person.user = { ...person.user, voice_enabled: enabled }
        return toAll({ type, ...who(person), enabled, voice_enabled: enabled, ...next('space') })
      }
      case 'hand-raise':
      case 'hand-lower': {
        const hand_raised = type === 'hand-raise'
        return toAll({ type: 'hand-state', ...who(person), hand_raised, ...next('space') })
      }
      case 'aframe-update': {
        person.user = { ...person.user, position: asked.position }
        const { socketId } = person
        return toAll({ type, socketId, userAccount: null, entityData: asked, timestamp: timestamp() }, person)
      }
      case 'room-data': {
        const from = { id: person.guestId, verified: false }
        const { socketId: fromSocketId, guestId: fromUser } = person
        const message = { type, ...asked, fromSocketId, fromUser, from, timestamp: timestamp() }
        const to = [...people].find(({ socketId }) => socketId === asked.to)
        if (to !== undefined) later(() => to.events.onMessage(message))
        else toAll(message, person)
        return
      }
      default:
        return scene.carryOut(person.socketId, type, asked)
    }
  }

  const transport: Transport = {
    call: async (path) => {
      if (path.endsWith('/join')) return { websocket_url: 'stub:', session_token: 'stub' }
      if (path.includes('/messages')) return { messages: [], has_more: false }
      throw new PresenceError('not_found', `The stub has no ${path}.`)
    },
    open: async (_url, events) => {
      const n = ++count
      const person: Person = {
        socketId: `socket-${n}`,
        sessionId: `session-${n}`,
        guestId: `guest:${n.toString(16).padStart(12, '0')}`,
        events,
        user: {},
        isIn: false,
      }
      people.add(person)
      return {
        send: ({ type, request_id, ...asked }) =>
          later(() => {
            const refusal = refusals.get(String(type))
            refusals.delete(String(type))
            const done = refusal === undefined ? carryOut(person, String(type), asked) : refusal
            if (request_id !== undefined)
              events.onMessage({ type: 'answer', request_id, ok: refusal === undefined, ...(done ?? {}) })
          }),
        close: () => gone(person, 'disconnected'),
      }
    },
  }
  return {
    join: (space = 'global:stub', options = {}) =>
      join(space, { server: 'stub:', login: 'guest', storage: null, ...options, transport }),
    cut: (code = 1006) => {
      for (const person of [...people]) {
        gone(person, 'disconnected')
        person.events.onClose(code)
      }
    },
    refuseNext: (type, code, error) => void refusals.set(type, { code, error }),
    tell: (type, payload) => toAll({ type, ...payload }),
  }
}
