/** A room that the user is in: who else is there, what is said and done, and what the user may do. */
import { Emitter } from './emitter.ts'
import { asPresenceError, PresenceError } from './errors.ts'
import { type Move, Mover, Places, type Pose, poseIn } from './moves.ts'
import { packMove } from './packed.ts'
import { type Demands, type Proofs, verify } from './proof.ts'
import { type Entity, SceneState } from './scene.ts'
import type { Joined, Session } from './session.ts'
import type * as sfu from './sfu.ts'
import type { Json, Transport } from './transport.ts'
import { Voice } from './voice.ts'
import type { Told } from './wire.ts'

export type User = Joined['users'][number]
export type Identity = Joined['identity']
export type Message = Told['chat-message']
/** A message as the history has it. */
export type PastMessage = Pick<Message, 'message_id' | 'content' | 'created_at' | 'revision' | 'position'> &
  Partial<Message> & { readonly is_deleted?: boolean }
type Permission = 'access' | 'moderate' | 'admin'
type Restriction = { readonly reason?: string; readonly until?: string }

/** Every event that the server sends, and those that the client raises itself. */
export type RoomEvents = Told & {
  /** The connection is lost; it comes back by itself. */
  readonly cut: null
  /** The connection is back: `true` if exactly what was missed came, otherwise the state is fresh. */
  readonly back: { readonly resumed: boolean }
  /** It is over, and does not come back: kicked, banned, left, refused. */
  readonly end: PresenceError
  /** The people in the room, or something about them, changed. */
  readonly users: ReadonlyMap<string, User>
  /** The user's own voice, or why it stopped. */
  readonly 'voice-changed': { readonly enabled: boolean; readonly why: PresenceError | null }
}
export type Where = { readonly type: string; readonly id: string; readonly subspace: string }
export type RoomDeps = {
  readonly session: Session
  readonly transport: Transport
  readonly where: Where
  readonly token: () => string | null
  /** `https://HOST`, from which the module for large rooms is loaded. */
  readonly server?: string
  readonly now: () => number
}

const DURABLE_TRIES = 5
/** How much of what was told is checked against the log's proofs. */
const MOST_TOLD = 500
/** In a large room the rest of the people is asked for after a while, so that a crowd does not ask at once: each of `count`
 *  people asks for count / 200 pages, and all of them together for 200 a second. */
const LOOK_AFTER_MS = 1_000
const lookWithinMs = (count: number): number => Math.max(2_000, count ** 2 / 40)
const NO_MARKS = {
  voice_enabled: false,
  hand_raised: false,
  hand_raised_since: null,
  on_stage: false,
  on_stage_since: null,
}
const NOT_OF_A_USER: ReadonlySet<string> = new Set([
  'revision',
  'timestamp',
  'enabled',
  'by',
  'reason',
  'drop_audio',
])

export class Room extends Emitter<RoomEvents> {
  readonly #deps: RoomDeps
  readonly #users = new Map<string, User>()
  readonly #places = new Places()
  readonly #scene = new SceneState()
  readonly #mover: Mover
  readonly #told: Array<{ readonly position: string; readonly own: boolean }> = []
  readonly voice: Voice
  #joined: Joined | null = null
  #count = 0
  /** Up to which revision of the space `#count` is right. */
  #countAt = -1n
  /** Who was met since the people are read page by page; null while they are not. */
  #met: Set<string> | null = null
  #looking: ReturnType<typeof setTimeout> | undefined

  constructor(deps: RoomDeps) {
    super()
    this.#deps = deps
    this.#mover = new Mover((move) => {
      const { position, rotation = null, ...more } = move
      const isPlace = Object.keys(more).length === 0
      if (!isPlace || !deps.session.tellBytes(packMove(position, rotation)))
        deps.session.tell('aframe-update', move)
    })
    this.voice = new Voice({
      me: () => this.me?.socketId ?? '',
      others: () => [...this.#users.values()].filter(({ socketId }) => socketId !== this.me?.socketId),
      iceServers: () => deps.session.iceServers,
      ask: (enabled) => deps.session.ask('voice-state', { enabled }),
      signal: (event, payload) => void deps.session.ask(event, payload).catch(() => {}),
      onChange: (enabled, why) => this.emit('voice-changed', { enabled, why }),
      sfu: {
        load: () => import(`${deps.server}/presence-sfu.mjs`) as Promise<typeof sfu>,
        connect: () => deps.session.ask('voice-connect', {}),
        signal: async (signal) => (await deps.session.ask('voice-signal', { signal })).signal as Json,
      },
    })
  }

  // ── who and where ──────────────────────────────────────────────────────────────────────────────────────
  get where(): Where {
    return this.#deps.where
  }
  /** By socket id, including the user. In a room of more than 200 people the rest follows in the background. */
  get users(): ReadonlyMap<string, User> {
    return this.#users
  }
  /** How many people are in the room, including those not in `users` yet. */
  get count(): number {
    return this.#count
  }
  /** What is in the room besides people, by id. */
  get entities(): ReadonlyMap<string, Entity> {
    return this.#scene.entities
  }
  get me(): User | null {
    const id = this.#joined?.sessionId
    for (const user of this.#users.values()) if (user.sessionId === id) return user
    return null
  }
  get identity(): Identity | null {
    return this.#joined?.identity ?? null
  }
  /** owner, admin, moderate, access. */
  get permission(): string {
    return this.#joined?.permission ?? 'none'
  }
  get settings(): Joined['settings'] | null {
    return this.#joined?.settings ?? null
  }
  get connected(): boolean {
    return this.#deps.session.state === 'connected'
  }
  /** Where to draw somebody now, between the last two places that were told. */
  place(socketId: string, at = this.#deps.now()): Pose | null {
    return this.#places.of(socketId, at)
  }

  // ── what one does ──────────────────────────────────────────────────────────────────────────────────────
  /** Sent again if the connection is lost, and still one message. Returns its id. */
  async say(
    content: string,
    more: { readonly replyTo?: string; readonly type?: string } = {},
  ): Promise<string> {
    const message_id = crypto.randomUUID()
    await this.#surely('chat-message', {
      content,
      message_id,
      ...(more.replyTo === undefined ? {} : { parent_message_id: more.replyTo }),
      ...(more.type === undefined ? {} : { message_type: more.type }),
    })
    return message_id
  }
  async edit(messageId: string, content: string): Promise<void> {
    await this.#surely('chat-edit', { message_id: messageId, content })
  }
  async delete(messageId: string): Promise<void> {
    await this.#surely('chat-delete', { message_id: messageId })
  }
  async react(messageId: string, emoji: string, on = true): Promise<void> {
    await this.#surely('chat-reaction', { message_id: messageId, emoji, remove: !on })
  }
  /** What was said before, oldest first. */
  async history(
    more: { readonly before?: string; readonly limit?: number } = {},
  ): Promise<ReadonlyArray<PastMessage>> {
    const { type, id, subspace } = this.where
    const query = new URLSearchParams({ subspace, limit: String(more.limit ?? 50) })
    if (more.before !== undefined) query.set('before', more.before)
    const path = `/api/chat/${type}/${encodeURIComponent(id)}/messages?${query}`
    const ask = async (reached: string): Promise<ReadonlyArray<PastMessage>> => {
      const answer = await this.#deps.transport.call(`${path}${reached}`, { token: this.#deps.token() })
      return (answer as { readonly messages: ReadonlyArray<PastMessage> }).messages
    }
    const { joinedAt } = this.#deps.session
    if (joinedAt === null || more.before !== undefined) return ask('')
    // What was said before one was let in is no news, so the tables must have reached that moment.
    return ask(`&min_position=${joinedAt}`).catch((error) => {
      if (asPresenceError(error).code !== 'not_caught_up') throw error
      return ask('')
    })
  }
  /** At most 15 times a second; the newest wins. */
  move(move: Move): void {
    this.#mover.move(move, performance.now())
  }
  /** To the others in the room, or to one of them: whole, in order, not on the log. */
  async roomData(type: string, data: unknown, to?: string): Promise<void> {
    await this.#deps.session.ask('room-data', { data_type: type, data, ...(to === undefined ? {} : { to }) })
  }
  // ── the scene ──────────────────────────────────────────────────────────────────────────────────────────
  /** Adds an entity owned by the user, and returns its id. With `stays` it remains after the user has left. */
  async spawn(entity: {
    readonly id?: string
    readonly template?: string
    readonly ownership?: 'free' | 'ask' | 'locked'
    readonly stays?: boolean
    readonly components?: Readonly<Record<string, unknown>>
  }): Promise<string> {
    const { id } = await this.#deps.session.ask('entity-spawn', entity)
    return String(id)
  }
  /** Components by entity: the newest value of each wins, null removes it. */
  async change(entities: Readonly<Record<string, Readonly<Record<string, unknown>>>>): Promise<void> {
    const { refused } = await this.#deps.session.ask('aframe-update', { entities })
    const isRefused = (id: string) => Object.hasOwn((refused ?? {}) as object, id)
    this.#scene.changed(Object.fromEntries(Object.entries(entities).filter(([id]) => !isRefused(id))))
  }
  async removeEntity(id: string): Promise<void> {
    await this.#deps.session.ask('entity-remove', { id })
  }
  /** False: its owner is asked. */
  async take(id: string): Promise<boolean> {
    return (await this.#deps.session.ask('entity-take', { id })).asked !== true
  }
  /** Without `to` it belongs to nobody. */
  async give(id: string, to?: string): Promise<void> {
    await this.#deps.session.ask('entity-give', { id, ...(to === undefined ? {} : { to }) })
  }
  /** Makes it last. */
  async pin(id: string): Promise<void> {
    await this.#deps.session.ask('entity-pin', { id })
  }
  async unpin(id: string): Promise<void> {
    await this.#deps.session.ask('entity-unpin', { id })
  }

  async raiseHand(up = true): Promise<void> {
    await this.#deps.session.ask(up ? 'hand-raise' : 'hand-lower', {})
  }
  async lowerHand(sessionId: string): Promise<void> {
    await this.#deps.session.ask('hand-lower', { session_id: sessionId })
  }
  /** Gives the word on a stage, as a moderator. */
  async giveWord(sessionId: string): Promise<void> {
    await this.#deps.session.ask('speak-grant', { session_id: sessionId })
  }
  /** Hands the user's own word to somebody else. */
  async handOnWord(sessionId: string): Promise<void> {
    await this.#deps.session.ask('speak-hand-on', { session_id: sessionId })
  }
  /** Gives the user's own word back or, as a moderator, takes somebody else's. */
  async takeWord(sessionId?: string): Promise<void> {
    await this.#deps.session.ask('speak-take', sessionId === undefined ? {} : { session_id: sessionId })
  }

  // ── moderation ─────────────────────────────────────────────────────────────────────────────────────────
  async mute(subject: string, more: Restriction = {}): Promise<void> {
    await this.#deps.session.ask('mute', { subject, ...more })
  }
  async unmute(subject: string): Promise<void> {
    await this.#deps.session.ask('unmute', { subject })
  }
  async ban(subject: string, more: Restriction = {}): Promise<void> {
    await this.#deps.session.ask('ban', { subject, ...more })
  }
  async unban(subject: string): Promise<void> {
    await this.#deps.session.ask('unban', { subject })
  }
  async kick(sessionId: string, reason?: string): Promise<void> {
    await this.#deps.session.ask('kick', {
      session_id: sessionId,
      ...(reason === undefined ? {} : { reason }),
    })
  }
  async grant(account: string, permission: Permission): Promise<void> {
    await this.#deps.session.ask('permission-grant', { account, permission })
  }
  async revoke(account: string): Promise<void> {
    await this.#deps.session.ask('permission-revoke', { account })
  }
  async changeSettings(changes: Partial<Joined['settings']>): Promise<void> {
    await this.#deps.session.ask('settings-change', changes)
  }

  /** Checks what was told here against the log's proofs, and against what witnesses cosigned if they are demanded. Only
   *  moderators can check others' events, and that is a look. */
  verify({ others = false, ...demands }: { readonly others?: boolean } & Demands = {}): Promise<Proofs> {
    const told = this.#told.filter(({ own }) => own || others)
    return verify(
      this.#deps.transport,
      this.#deps.token(),
      told.map(({ position }) => position),
      demands,
    )
  }
  async leave(): Promise<void> {
    this.voice.close()
    await this.#deps.session.ask('leave-space', {}).catch(() => {})
    this.#deps.session.end(new PresenceError('left', 'You left the room.'))
  }

  // ── what the session hears ─────────────────────────────────────────────────────────────────────────────
  joined(joined: Joined, isAgain: boolean): void {
    this.#joined = joined
    this.#users.clear()
    this.#places.clear()
    this.#scene.joined(joined.scene)
    for (const user of joined.users) this.#arrived(user)
    if (joined.self != null) this.#arrived(joined.self as User)
    this.#count = joined.users_total ?? joined.users.length
    this.#countAt = BigInt(joined.revisions.space)
    this.#stopLooking()
    if (this.#users.size < this.#count) this.#look()
    this.emit('space-joined', joined)
    this.emit('users', this.#users)
    this.#mover.again(performance.now())
    this.voice.joined(joined)
    if (!isAgain) return
    this.voice.restart()
    this.emit('back', { resumed: joined.resumed })
  }
  /** Where things are, on the packed wire. */
  framed(bytes: Uint8Array): void {
    const now = this.#deps.now()
    for (const [socketId, pose] of this.#scene.framed(bytes)) {
      const at = poseIn(pose)
      if (at !== null && this.#users.has(socketId)) this.#places.arrived(socketId, at, now)
    }
  }
  heard(type: string, message: Json): void {
    this.#fold(type, message)
    if (type === 'room-data') {
      const { data_type, ...rest } = message
      this.emit('room-data', { ...rest, type: data_type } as unknown as Told['room-data'])
    } else this.emit(type as keyof Told, message as never)
    this.voice.heard(type, message)
  }
  cut(): void {
    this.emit('cut', null)
  }
  ended(why: PresenceError): void {
    this.#stopLooking()
    this.#mover.stop()
    this.voice.close()
    this.emit('end', why)
  }

  /** Whoever came or went by this news counts, unless the count had it already. */
  #counts(by: 1 | -1, { revision }: Json): void {
    const at = BigInt(String(revision))
    if (at <= this.#countAt) return
    this.#count += by
    this.#countAt = at
  }
  #stopLooking(): void {
    clearTimeout(this.#looking)
    this.#looking = undefined
    this.#met = null
  }
  /** Reads in a while who is there. */
  #look(): void {
    this.#met = null
    this.#looking ??= setTimeout(
      () => {
        this.#looking = undefined
        this.#readPeople().catch((error) => {
          if (error instanceof PresenceError && error.code === 'slow_down') this.#look()
        })
      },
      LOOK_AFTER_MS + Math.random() * lookWithinMs(this.#count),
    )
  }
  /** Page by page; whoever was on no page and did not come meanwhile is gone. */
  async #readPeople(): Promise<void> {
    const met = new Set<string>()
    this.#met = met
    for (let after: unknown = ''; after !== null; ) {
      const page = await this.#deps.session.ask('users-page', after === '' ? {} : { after: String(after) })
      if (this.#met !== met) return
      for (const user of page.users as ReadonlyArray<User>) this.#came(user)
      after = page.next
    }
    this.#met = null
    for (const { socketId, sessionId } of this.#users.values()) if (!met.has(sessionId)) this.#gone(socketId)
    this.emit('users', this.#users)
  }
  /** Learned from a page, or from a crowd's news. */
  #came(user: User): void {
    const isNew = this.#users.get(user.socketId)?.sessionId !== user.sessionId
    this.#arrived(user)
    if (isNew) this.voice.heard('user-joined', user)
  }
  #gone(socketId: string): void {
    const user = this.#users.get(socketId)
    this.#users.delete(socketId)
    this.#places.gone(socketId)
    if (user !== undefined) this.voice.heard('user-left', user)
  }
  #crowd({ count, joined, left, more, revision }: Told['crowd-changed']): void {
    const gone = new Set(left)
    for (const { socketId, sessionId } of this.#users.values()) if (gone.has(sessionId)) this.#gone(socketId)
    for (const user of joined) this.#came(user)
    this.#count = count
    if (BigInt(revision) > this.#countAt) this.#countAt = BigInt(revision)
    if (more) this.#look()
  }
  #arrived(user: User): void {
    this.#met?.add(user.sessionId)
    this.#users.set(user.socketId, user)
    const pose = poseIn(user)
    if (pose !== null) this.#places.arrived(user.socketId, pose, this.#deps.now())
  }
  #fold(type: string, message: Json): void {
    const socketId = String(message.socketId ?? '')
    const { position, user_account, guest_id } = message
    if (typeof position === 'string' && this.#told.length < MOST_TOLD)
      this.#told.push({ position, own: (user_account ?? guest_id) === this.identity?.id })
    switch (type as keyof Told) {
      case 'user-joined':
        this.#counts(1, message)
        this.#arrived({
          ...NO_MARKS,
          connected_at: String(message.timestamp),
          ...message,
        } as unknown as User)
        this.#mover.again(performance.now())
        break
      case 'user-left':
        this.#counts(-1, message)
        this.#users.delete(socketId)
        this.#places.gone(socketId)
        break
      case 'crowd-changed':
        this.#crowd(message as unknown as Told['crowd-changed'])
        break
      case 'voice-state':
      case 'hand-state':
      case 'stage-state': {
        const user = this.#users.get(socketId)
        const marks = Object.entries(message).filter(([name]) => !NOT_OF_A_USER.has(name))
        if (user !== undefined) this.#users.set(socketId, { ...user, ...Object.fromEntries(marks) })
        break
      }
      case 'scene-changed':
        this.#scene.said(message.entities as Parameters<SceneState['said']>[0])
        return
      case 'aframe-update': {
        const { entities } = message.entityData as { entities?: unknown }
        if (typeof entities === 'object' && entities !== null && !Array.isArray(entities))
          this.#scene.changed(entities as Readonly<Record<string, unknown>>)
        const pose = poseIn(message.entityData)
        if (pose !== null && this.#users.has(socketId)) this.#places.arrived(socketId, pose, this.#deps.now())
        return
      }
      case 'settings-changed':
        this.#changed(message.changes as Json)
        return
      case 'permission-changed':
        if (
          (user_account ?? guest_id) === this.identity?.id &&
          this.#joined !== null &&
          this.permission !== 'owner'
        ) {
          const permission = message.change === 'revoked' ? 'access' : message.permission
          if (typeof permission === 'string') this.#joined = { ...this.#joined, permission }
        }
        return
      default:
        return
    }
    this.emit('users', this.#users)
  }
  #changed(changes: Json): void {
    if (this.#joined === null) return
    const free = Object.entries({
      ...this.#joined.settings.settings,
      ...(changes.settings as Json | undefined),
    }).filter(([, value]) => value !== null)
    const settings = { ...this.#joined.settings, ...changes, settings: Object.fromEntries(free) }
    this.#joined = { ...this.#joined, settings: settings as Joined['settings'] }
  }
  /** Again after a lost connection: doing any of these twice is the same as doing it once. */
  async #surely(
    type: 'chat-message' | 'chat-edit' | 'chat-delete' | 'chat-reaction',
    payload: Json,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#deps.session.connected()
      try {
        await this.#deps.session.ask(type, payload)
        return
      } catch (error) {
        const isCut = error instanceof PresenceError && error.code === 'disconnected'
        if (!isCut || attempt >= DURABLE_TRIES) throw error
      }
    }
  }
}
