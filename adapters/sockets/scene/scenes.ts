/** The scenes of this node's rooms: each exists for as long as somebody here gets the room's news, is kept equal to the
 *  other nodes', and is sent to the members here. */
import { accountOf } from '../../../domain/identity.ts'
import type { RoomKey } from '../../../domain/names.ts'
import type { Clock } from '../../../domain/ports.ts'
import type { Change } from '../../../domain/scene/entity.ts'
import { type PackedMove, packPose } from '../../../domain/scene/packed.ts'
import { type Stamp, type StampClock, stampClock } from '../../../domain/scene/stamp.ts'
import { accessOf } from '../../../domain/space/access.ts'
import { type Pin, pinKey } from '../../../domain/space/pin.ts'
import type { News } from '../../../projections/live/wire.ts'
import type { Relay } from '../../redis/relay.ts'
import { fullBucket, type TokenRate, take } from '../../token-bucket.ts'
import type { LiveFeed } from '../feed.ts'
import { packetOf } from '../frames.ts'
import type { LiveSpace } from '../live-space.ts'
import { type Member, senderOf } from '../member.ts'
import { sessionIn } from '../relayed.ts'
import type { Moved } from '../sending/moved.ts'
import type { Sending } from '../sending.ts'
import type { Motion } from './motion.ts'
import { BetweenNodes, SceneMessage } from './node-messages.ts'
import { PackedRooms } from './packed-rooms.ts'
import type { PinnedEntities } from './pinned-entities.ts'
import { type Avatar, RoomScene, type Touched } from './room-scene.ts'
import { emptyUpdate, entityDataOf, over, restOf, type Update } from './update.ts'
import type { SceneWriter } from './writing.ts'

export type ScenesDeps = {
  readonly members: ReadonlyMap<string, Member>
  readonly feed: Pick<LiveFeed, 'live'>
  readonly sending: Sending
  readonly relay: Relay
  readonly clock: Clock
  readonly pinnedEntities: PinnedEntities
  /** Null: this process keeps none. */
  readonly motion: Motion | null
  /** This process's boot. */
  readonly node: string
}

/** An update that waits to be sent, with its contents. */
export type ToldUpdate = Moved & { readonly update: Update }

/** How many entities one member may spawn. */
const SPAWN_PACE: TokenRate = { perSecond: 20, burst: 1_000 }
const SWEEP_MS = 5_000
/** How long (ms) somebody who enters waits for another node to say what is in the room, and how long that is kept for them. */
const LEARN_MS = 400
const EXPECT_MS = 20_000
const COME_BACK_MS = 2_000
const LOOK_MS = 1_000
/** The owner of the track if nobody knows who moved it. */
const NOBODY = 'guest:nobody'

const spaceOf = (room: RoomKey): string => room.slice(0, room.lastIndexOf(':'))
const subspaceOf = (room: RoomKey): string => room.slice(room.lastIndexOf(':') + 1)

/** What the log says about a pinned entity, with the stamp of that time. */
const changeOf = (pin: Pin): Change => {
  const at = (time: string): Stamp => ({ at: Date.parse(time), node: '' })
  const { entityId: id, template, ownership, by, components } = pin
  const made = { value: { template, by: by.id, ownership, stays: false }, at: at(pin.at) }
  const said = Object.entries(components ?? {}).map(([name, value]) => [
    name,
    { value, at: at(pin.changedAt) },
  ])
  return { id, made, components: Object.fromEntries(said) }
}

export class Scenes {
  readonly #deps: ScenesDeps
  readonly #rooms = new Map<RoomKey, RoomScene>()
  /** Rooms that somebody is about to enter, and until when they are kept (by performance.now()). */
  readonly #expected = new Map<RoomKey, number>()
  readonly #due = new Set<RoomKey>()
  readonly #stamps: StampClock
  readonly #between: BetweenNodes
  readonly #packed: PackedRooms
  readonly #sweeping: NodeJS.Timeout
  readonly #looking: NodeJS.Timeout

  constructor(deps: ScenesDeps) {
    this.#deps = deps
    this.#packed = new PackedRooms(deps.sending, deps.clock, (scene, id) => this.#moverOf(scene, id))
    this.#stamps = stampClock(deps.node, deps.clock.now)
    this.#between = new BetweenNodes(deps.relay, deps.node, {
      changed: (room, by, changes) => this.#heardOf(room, by, changes),
      own: (room, by, own) => this.tellOwn(room, by, own),
      whole: (room, changes, avatars) => this.#heardWhole(room, changes, avatars),
      asked: (room, ask) => this.tellOwner(room, ask),
      give: (room) => this.#give(room),
    })
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_MS).unref()
    this.#looking = setInterval(() => {
      this.#closeEmpty()
      for (const room of this.#rooms.keys()) this.#recordIfAsked(room)
    }, LOOK_MS).unref()
    deps.sending.onRooms(
      (room) => {
        deps.relay.join(room)
        this.#expected.delete(room)
        // Whoever opens it will get its news in a moment.
        setImmediate(() => this.#recordIfAsked(room))
      },
      // Whoever asks for the room again leaves it for a moment.
      (room) => this.#expect(room, COME_BACK_MS),
    )
  }
  stop(): void {
    clearInterval(this.#sweeping)
    clearInterval(this.#looking)
    this.#between.stop()
    this.#packed.stop()
  }

  // ── the rooms ──────────────────────────────────────────────────────────────────────────────────────────

  of(room: RoomKey): RoomScene {
    const known = this.#rooms.get(room)
    if (known !== undefined) return known
    const made = new RoomScene(room, {
      isHere: (socketId) => this.isIn(room, socketId),
      lasts: (id) => this.#live(room)?.state.pinned.has(pinKey(subspaceOf(room), id)) === true,
    })
    this.#rooms.set(room, made)
    made.onChange((id, touched) => {
      if (touched === 'all' || touched.has('position') || touched.has('rotation'))
        this.#packed.put(made, id, made.placeOf(id))
    })
    const live = this.#live(room)
    live?.scenes.set(subspaceOf(room), () => made.whole())
    for (const pin of live?.state.pinned.values() ?? [])
      if (pin.subspace === subspaceOf(room)) made.apply(changeOf(pin))
    return made
  }
  isIn(room: RoomKey, socketId: string): boolean {
    const member = this.#deps.members.get(socketId)
    if (member !== undefined) return member.place?.room === room
    return sessionIn(this.#deps.feed, room, socketId) !== null
  }
  #live(room: RoomKey): LiveSpace | null {
    return this.#deps.feed.live(spaceOf(room))
  }
  #close(room: RoomKey): void {
    this.#recordNoMore(room)
    this.#deps.relay.leave(room)
    this.#between.forget(room)
    this.#rooms.delete(room)
    this.#live(room)?.scenes.delete(subspaceOf(room))
  }
  #expect(room: RoomKey, ms: number): void {
    const until = performance.now() + ms
    this.#expected.set(room, Math.max(until, this.#expected.get(room) ?? 0))
  }
  #closeEmpty(): void {
    const now = performance.now()
    for (const [room, until] of this.#expected) {
      if (until > now) continue
      this.#expected.delete(room)
      if (this.#deps.sending.hearers(room) === 0) this.#close(room)
    }
  }
  #sweep(): void {
    const now = performance.now()
    for (const [room, scene] of this.#rooms) {
      scene.sweep(now)
      for (const socketId of scene.avatars.keys())
        if (!this.isIn(room, socketId)) this.#forgetAvatar(scene, socketId)
      this.#schedule(room, scene)
    }
  }
  /** Fetches what other nodes have of a room that somebody is about to enter here. */
  async learn(live: LiveSpace, subspace: string): Promise<void> {
    const room: RoomKey = `${live.key}:${subspace}`
    const scene = this.of(room)
    live.scenes.set(subspace, () => scene.whole())
    for (const pin of live.state.pinned.values()) if (pin.subspace === subspace) scene.apply(changeOf(pin))
    if (this.#deps.sending.hearers(room) > 0) return
    this.#expect(room, EXPECT_MS)
    this.#deps.relay.join(room)
    const nodes = new Set<string>()
    for (const session of live.state.sessions.values())
      if (session.subspace === subspace && session.boot !== this.#deps.node) nodes.add(session.boot)
    await this.#between.learn(room, [...nodes], LEARN_MS)
  }
  /** To be called with the log's news of who is in the room, before it is sent to the members. */
  heard(room: RoomKey, news: ReadonlyArray<News>): void {
    const scene = this.#rooms.get(room)
    if (scene === undefined) return
    for (const { event, payload } of news)
      switch (event) {
        case 'user-left':
          this.#forgetAvatar(scene, String(payload.socketId))
          scene.recheck(String(payload.socketId))
          break
        case 'user-joined': {
          const socketId = String(payload.socketId)
          const avatar = scene.avatars.get(socketId)
          // What it said before the log had it here was sent to nobody.
          if (avatar !== undefined) {
            this.#packed.put(scene, socketId, avatar)
            this.#tellOf(scene, socketId, { ...emptyUpdate, own: { ...avatar } })
          }
          scene.recheck(socketId)
          break
        }
        case 'settings-changed':
          this.#recordIfAsked(room)
          break
        case 'entity-pinned':
        case 'entity-changed':
        case 'entity-unpinned': {
          const id = String(payload.id)
          const pin = this.#live(room)?.state.pinned.get(pinKey(subspaceOf(room), id))
          if (pin !== undefined) scene.apply(changeOf(pin), true)
          scene.touch(id)
          break
        }
      }
    this.#schedule(room, scene)
  }

  // ── motion that is kept ────────────────────────────────────────────────────────────────────────────────

  #recordIfAsked(room: RoomKey): void {
    const { motion, sending } = this.#deps
    const [scene, live] = [this.#rooms.get(room), this.#live(room)]
    if (motion?.isOn !== true || scene === undefined || live === null) return
    const { motion_tracks, motion_days: days } = live.state.settings
    if (!motion_tracks || sending.hearers(room) === 0) this.#recordNoMore(room)
    else if (motion.isKept(room)) motion.keepFor(room, days)
    else {
      const { space } = live
      this.#packed.record(scene, motion.begin(room, { space, subspace: subspaceOf(room), days }))
    }
  }
  #recordNoMore(room: RoomKey): void {
    const { motion } = this.#deps
    if (motion?.isKept(room) !== true) return
    this.#packed.recordNoMore(room)
    motion.end(room)
  }
  /** The account or guest who moved it last: the owner of an avatar; for a thing that nobody here moved, whoever made it. */
  #moverOf(scene: RoomScene, id: string): string {
    const socket = scene.avatars.has(id) ? id : scene.changedBy(id)
    const member = socket === null ? undefined : this.#deps.members.get(socket)
    if (member !== undefined) return member.caller.id
    const session = socket === null ? null : sessionIn(this.#deps.feed, scene.room, socket)
    return session?.account ?? session?.guest ?? scene.get(id)?.made?.value.by ?? NOBODY
  }

  // ── what members say ───────────────────────────────────────────────────────────────────────────────────

  /** Null if the member is in no room. */
  writer(member: Member): SceneWriter | null {
    const { place } = member
    const room = place?.room
    if (!place || !room) return null
    const { state } = place.hold.live
    const at = new Date(this.#deps.clock.now()).toISOString()
    const now = this.#deps.clock.now()
    return {
      scene: this.of(room),
      actor: {
        socketId: member.line.id,
        subject: member.caller.id,
        role: accessOf(state, member.caller, place.facts, at).role,
      },
      settings: state.settings,
      clock: this.#stamps,
      paced: () => {
        member.spawns ??= fullBucket(SPAWN_PACE, now)
        return take(member.spawns, SPAWN_PACE, now)
      },
    }
  }
  /** Applies a change by a member here, and sends it to the other nodes. */
  put(scene: RoomScene, by: string, change: Change): void {
    scene.applyBy(by, change)
    const { components } = change
    if (components !== undefined && Object.keys(components).length > 0 && scene.isLasting(change.id))
      this.#keepLater(scene, by, change.id)
    this.#between.changed(scene.room, by, change)
    this.#schedule(scene.room, scene)
  }
  #keepLater(scene: RoomScene, by: string, id: string): void {
    const member = this.#deps.members.get(by)
    const live = this.#live(scene.room)
    if (member === undefined || live === null) return
    this.#deps.pinnedEntities.changed({
      scene,
      space: live.space,
      subspace: subspaceOf(scene.room),
      id,
      sender: senderOf(member),
    })
  }
  /** Applies what a member here said besides entities: the position of its avatar, and fields of its own. */
  own(scene: RoomScene, by: string, own: Readonly<Record<string, unknown>>): void {
    this.#keepAvatar(scene, by, own)
    this.#between.own(scene.room, by, own)
  }
  /** The same for only a position, which is known to be short. */
  placed(scene: RoomScene, by: string, move: PackedMove): void {
    const { position, rotation = scene.avatars.get(by)?.rotation ?? null } = move
    const avatar: Avatar = { position, rotation }
    scene.avatars.set(by, avatar)
    this.#packed.put(scene, by, avatar)
    this.#between.own(scene.room, by, move)
  }
  #forgetAvatar(scene: RoomScene, socketId: string): void {
    scene.avatars.delete(socketId)
    this.#packed.put(scene, socketId, null)
  }
  #keepAvatar(scene: RoomScene, by: string, own: Readonly<Record<string, unknown>>): void {
    const { position = null, rotation = null } = own
    const known = scene.avatars.get(by)
    if (position === null && rotation === null) return
    const avatar: Avatar = {
      position: isShort(position) ? position : (known?.position ?? null),
      rotation: isShort(rotation) ? rotation : (known?.rotation ?? null),
    }
    scene.avatars.set(by, avatar)
    if (this.isIn(scene.room, by)) this.#packed.put(scene, by, avatar)
  }
  /** Sends a spawn as an ordinary update to members whose clients don't know about spawning. */
  tellOthers(scene: RoomScene, by: string, id: string): void {
    const { room } = scene
    const isThere = () => this.isIn(room, by)
    const update: Update = { ...emptyUpdate, entities: new Map([[id, 'all']]) }
    this.#deps.sending.newest(room, by, this.moved(scene, by, update, isThere))
  }
  askOwner(room: RoomKey, ask: { readonly from: string; readonly to: string; readonly id: string }): void {
    if (this.#deps.members.has(ask.to)) this.tellOwner(room, ask)
    else this.#between.tellOwner(room, ask)
  }
  tellOwner(
    room: RoomKey,
    { from, to, id }: { readonly from: string; readonly to: string; readonly id: string },
  ): void {
    const target = this.#deps.members.get(to)
    const session = sessionIn(this.#deps.feed, room, from)
    if (target?.place?.room !== room || session === null) return
    const fromUser = session.account ?? session.guest
    target.line.tell('entity-asked', { id, fromSocketId: from, fromUser })
  }

  // ── what is told ───────────────────────────────────────────────────────────────────────────────────────

  /** What a member said, for the others in the room; encoded when it is sent. If the sender has left, what they did to
   *  entities is sent all the same. */
  moved(scene: RoomScene, socketId: string, update: Update, isThere: () => boolean): ToldUpdate {
    const { room } = scene
    const now = (): Update => (isThere() ? update : { ...update, own: {} })
    return {
      update,
      isThere: () => update.entities.size > 0 || isThere(),
      over: (older) =>
        this.moved(
          scene,
          socketId,
          'update' in older ? over((older as ToldUpdate).update, update) : update,
          isThere,
        ),
      packet: () => this.#packet(room, socketId, entityDataOf(now(), scene)),
      rest: () => {
        const rest = restOf(now(), scene, this.#isPacked(scene, socketId, update))
        return rest === null ? null : this.#packet(room, socketId, rest)
      },
    }
  }
  #at(): string {
    return new Date(this.#deps.clock.now()).toISOString()
  }
  #accountOf(room: RoomKey, socketId: string): string | null {
    const member = this.#deps.members.get(socketId)
    return member === undefined
      ? (sessionIn(this.#deps.feed, room, socketId)?.account ?? null)
      : accountOf(member.caller)
  }
  #packet(room: RoomKey, socketId: string, entityData: Readonly<Record<string, unknown>>): string {
    const userAccount = this.#accountOf(room, socketId)
    return packetOf('aframe-update', { socketId, userAccount, entityData, timestamp: this.#at() })
  }
  /** Whether the position that it sent is one that the packed wire carries. */
  #isPacked(scene: RoomScene, socketId: string, { own }: Update): boolean {
    const avatar = scene.avatars.get(socketId)
    if (avatar === undefined || packPose(avatar.position, avatar.rotation) === null) return false
    return (
      (own.position ?? avatar.position) === avatar.position &&
      (own.rotation ?? avatar.rotation) === avatar.rotation
    )
  }
  /** A member on the packed wire gets frames from now on; returns what ends that. */
  entered(member: Member, room: RoomKey): (() => void) | null {
    return member.isPacked ? this.#packed.join(member, this.of(room)) : null
  }
  /** Sends everything once more, to a member who got the room's news but no movements. */
  catchUp({ place, line }: Member): void {
    const scene = place?.room ? this.#rooms.get(place.room) : undefined
    const { entities } = scene?.whole() ?? { entities: {} }
    if (Object.keys(entities).length > 0) line.tell('scene-changed', { entities, timestamp: this.#at() })
  }
  /** Schedules once for everything that changes in one round of the event loop. */
  #schedule(room: RoomKey, scene: RoomScene): void {
    if (!scene.isUntold || this.#due.has(room)) return
    this.#due.add(room)
    setImmediate(() => {
      this.#due.delete(room)
      const entities = scene.takeUntold(performance.now())
      if (entities === null || this.#rooms.get(room) !== scene) return
      this.#deps.sending.emit(room, [
        { event: 'scene-changed', payload: { entities, timestamp: this.#at() } },
      ])
    })
  }

  // ── what other nodes say ───────────────────────────────────────────────────────────────────────────────

  /** Takes another node's message; returns whether it was for a scene. */
  take(room: RoomKey, message: unknown): boolean {
    if (!SceneMessage.is(message)) return false
    if (this.#rooms.has(room)) this.#between.take(room, message)
    return true
  }
  #stampsIn(change: Change): void {
    const stamps = [
      change.made?.at,
      change.owner?.at,
      change.gone,
      ...Object.values(change.components ?? {}).map(({ at }) => at),
    ]
    for (const stamp of stamps) if (stamp) this.#stamps.heard(stamp)
  }
  #heardOf(room: RoomKey, by: string, changes: ReadonlyArray<Change>): void {
    const scene = this.of(room)
    const entities = new Map<string, Touched>()
    for (const change of changes) {
      this.#stampsIn(change)
      scene.applyBy(by, change)
      const isHead = change.made != null || change.gone != null
      entities.set(change.id, isHead ? 'all' : new Set(Object.keys(change.components ?? {})))
    }
    this.#schedule(room, scene)
    this.#tellOf(scene, by, { ...emptyUpdate, entities })
  }
  /** Applies what a member of another node said. */
  tellOwn(room: RoomKey, by: string, own: Readonly<Record<string, unknown>>): void {
    const scene = this.of(room)
    this.#keepAvatar(scene, by, own)
    this.#tellOf(scene, by, { ...emptyUpdate, own })
  }
  #tellOf(scene: RoomScene, by: string, update: Update): void {
    const { room } = scene
    const isThere = () => sessionIn(this.#deps.feed, room, by) !== null
    if (!this.#deps.members.has(by))
      this.#deps.sending.newest(room, by, this.moved(scene, by, update, isThere))
  }
  #heardWhole(
    room: RoomKey,
    changes: ReadonlyArray<Change>,
    avatars: ReadonlyArray<readonly [string, Avatar]>,
  ): void {
    const scene = this.of(room)
    for (const change of changes) {
      this.#stampsIn(change)
      scene.apply(change, true)
    }
    for (const [socketId, avatar] of avatars)
      if (!this.#deps.members.has(socketId)) this.#keepAvatar(scene, socketId, avatar)
    this.#schedule(room, scene)
  }
  #give(room: RoomKey) {
    const scene = this.#rooms.get(room)
    if (scene === undefined || this.#deps.sending.hearers(room) === 0) return null
    const avatars = [...scene.avatars].filter(([socketId]) => this.#deps.members.has(socketId))
    return { changes: scene.changes(), avatars }
  }
}

const MAX_POSE = 512
const isShort = (value: unknown): boolean => value !== null && JSON.stringify(value).length <= MAX_POSE
