/** What nodes send each other about a room's scene: everything new, in one message per tick and room; and all of it, to
 *  a node that asks because it is new here or has missed something. */
import * as t from 'io-ts'
import type { RoomKey } from '../../../domain/names.ts'
import { type Change, merge, nothing } from '../../../domain/scene/entity.ts'
import type { Relay } from '../../redis/relay.ts'
import type { Avatar } from './room-scene.ts'

const Stamp = t.type({ at: t.number, node: t.string })
const maybe = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])
const said = <C extends t.Mixed>(codec: C) => maybe(t.type({ value: codec, at: Stamp }))
const Made = t.type({
  template: maybe(t.string),
  by: t.string,
  ownership: maybe(t.union([t.literal('free'), t.literal('ask'), t.literal('locked')])),
  stays: t.boolean,
})
const SaidChange = t.intersection([
  t.type({ id: t.string }),
  t.partial({
    made: said(Made),
    owner: said(maybe(t.string)),
    gone: maybe(Stamp),
    components: t.record(t.string, t.type({ value: t.unknown, at: Stamp })),
  }),
])
const Own = t.array(t.tuple([t.string, t.UnknownRecord]))
/** `node` is a boot. `seq` counts one node's ticks in a room. `by`: the socket from which it came. */
export const SceneMessage = t.union([
  t.type({
    kind: t.literal('scene'),
    node: t.string,
    seq: t.number,
    own: Own,
    changes: t.array(t.tuple([t.string, SaidChange])),
  }),
  t.type({ kind: t.literal('scene-ask'), node: t.string, of: t.string }),
  t.type({
    kind: t.literal('scene-whole'),
    node: t.string,
    to: t.string,
    seq: t.number,
    /** The number of the part, from 0. */
    part: t.number,
    isLast: t.boolean,
    changes: t.array(SaidChange),
    avatars: t.array(t.tuple([t.string, t.type({ position: t.unknown, rotation: t.unknown })])),
  }),
  t.type({ kind: t.literal('scene-asked'), from: t.string, to: t.string, id: t.string }),
])
export type SceneMessage = t.TypeOf<typeof SceneMessage>

/** How often (ms) nodes send each other news of a room, and how often if nothing is new. */
const TICK_MS = 33
const HEARTBEAT_MS = 1_000
const ASK_AGAIN_MS = 900
/** About how many characters of JSON one message of a whole scene has. */
const PART = 131_072

type Outbox = {
  seq: number
  own: Map<string, Readonly<Record<string, unknown>>>
  changes: Map<string, { by: string; change: Change }>
  timer: NodeJS.Timeout | undefined
}
export type SceneListener = {
  /** Called with what members on another node said. */
  readonly changed: (room: RoomKey, by: string, changes: ReadonlyArray<Change>) => void
  readonly own: (room: RoomKey, by: string, own: Readonly<Record<string, unknown>>) => void
  /** Called with what another node has of the room, all of it or a part. */
  readonly whole: (
    room: RoomKey,
    changes: ReadonlyArray<Change>,
    avatars: ReadonlyArray<readonly [string, Avatar]>,
  ) => void
  readonly asked: (
    room: RoomKey,
    ask: { readonly from: string; readonly to: string; readonly id: string },
  ) => void
  /** Returns the scene for a node that asks; null if this node has none. */
  readonly give: (room: RoomKey) => {
    readonly changes: Iterable<Change>
    readonly avatars: ReadonlyArray<readonly [string, Avatar]>
  } | null
}

export class BetweenNodes {
  readonly #relay: Relay
  readonly #node: string
  readonly #heard: SceneListener
  readonly #rooms = new Map<RoomKey, Outbox>()
  /** The last tick received from each node, by room. */
  readonly #seen = new Map<RoomKey, Map<string, number>>()
  readonly #asked = new Map<string, number>()
  /** How many parts of a whole scene came in a row. */
  readonly #parts = new Map<string, number>()
  readonly #waiting = new Map<RoomKey, Set<() => void>>()
  readonly #beating: NodeJS.Timeout

  constructor(relay: Relay, node: string, heard: SceneListener) {
    this.#relay = relay
    this.#node = node
    this.#heard = heard
    this.#beating = setInterval(() => this.#beat(), HEARTBEAT_MS).unref()
  }
  get #isAlone(): boolean {
    return this.#relay.state().state === 'local'
  }
  #outbox(room: RoomKey): Outbox {
    const known = this.#rooms.get(room)
    if (known !== undefined) return known
    const made: Outbox = { seq: 0, own: new Map(), changes: new Map(), timer: undefined }
    this.#rooms.set(room, made)
    return made
  }
  #schedule(room: RoomKey, outbox: Outbox): void {
    outbox.timer ??= setTimeout(() => this.#tick(room, outbox), TICK_MS).unref()
  }
  #tick(room: RoomKey, outbox: Outbox): void {
    outbox.timer = undefined
    outbox.seq += 1
    this.#relay.publish(room, {
      kind: 'scene',
      node: this.#node,
      seq: outbox.seq,
      own: [...outbox.own],
      changes: [...outbox.changes.values()].map(({ by, change }) => [by, change]),
    } satisfies SceneMessage)
    outbox.own.clear()
    outbox.changes.clear()
  }
  #beat(): void {
    for (const [room, { seq, timer }] of this.#rooms)
      if (timer === undefined && seq > 0)
        this.#relay.publish(room, { kind: 'scene', node: this.#node, seq, own: [], changes: [] })
  }

  changed(room: RoomKey, by: string, change: Change): void {
    if (this.#isAlone) return
    const outbox = this.#outbox(room)
    const before = outbox.changes.get(change.id)?.change
    const { id } = change
    const all = before === undefined ? change : { id, ...merge({ ...nothing, ...before }, change) }
    outbox.changes.set(id, { by, change: all })
    this.#schedule(room, outbox)
  }
  own(room: RoomKey, by: string, own: Readonly<Record<string, unknown>>): void {
    if (this.#isAlone || Object.keys(own).length === 0) return
    const outbox = this.#outbox(room)
    outbox.own.set(by, { ...outbox.own.get(by), ...own })
    this.#schedule(room, outbox)
  }
  tellOwner(room: RoomKey, ask: { readonly from: string; readonly to: string; readonly id: string }): void {
    this.#relay.publish(room, { kind: 'scene-asked', ...ask } satisfies SceneMessage)
  }
  /** Asks one of these nodes for everything that it has of the room. Resolves once that came, or after `ms`. */
  async learn(room: RoomKey, nodes: ReadonlyArray<string>, ms: number): Promise<void> {
    if (this.#isAlone || nodes.length === 0) return
    this.#outbox(room)
    const waiting = this.#waiting.get(room) ?? new Set()
    this.#waiting.set(room, waiting)
    await new Promise<void>((resolve) => {
      let tries = 0
      const done = () => {
        clearTimeout(late)
        clearInterval(again)
        waiting.delete(done)
        if (waiting.size === 0 && this.#waiting.get(room) === waiting) this.#waiting.delete(room)
        resolve()
      }
      const ask = () => {
        const of = nodes[tries++ % nodes.length]!
        this.#relay.publish(room, { kind: 'scene-ask', node: this.#node, of } satisfies SceneMessage)
      }
      const late = setTimeout(done, ms)
      const again = setInterval(ask, 40)
      waiting.add(done)
      ask()
    })
  }
  forget(room: RoomKey): void {
    clearTimeout(this.#rooms.get(room)?.timer)
    this.#rooms.delete(room)
    this.#seen.delete(room)
  }
  stop(): void {
    clearInterval(this.#beating)
    for (const { timer } of this.#rooms.values()) clearTimeout(timer)
  }

  take(room: RoomKey, message: SceneMessage): void {
    switch (message.kind) {
      case 'scene':
        if (this.#rooms.has(room))
          this.#follow(room, message.node, message.seq, message.changes.length > 0 || message.own.length > 0)
        for (const [by, own] of message.own) this.#heard.own(room, by, own)
        for (const [by, changes] of bySender(message.changes)) this.#heard.changed(room, by, changes)
        return
      case 'scene-ask':
        if (message.of === this.#node) this.#give(room, message.node)
        return
      case 'scene-whole':
        if (message.to !== this.#node) return
        this.#heard.whole(room, message.changes, message.avatars)
        if (!this.#isComplete(`${room} ${message.node}`, message)) return
        this.#seenOf(room).set(message.node, message.seq)
        for (const done of [...(this.#waiting.get(room) ?? [])]) done()
        return
      case 'scene-asked':
        this.#heard.asked(room, message)
        return
      default: {
        const never: never = message
        throw new Error(`unknown message ${JSON.stringify(never)}`)
      }
    }
  }
  #isComplete(key: string, { part, isLast }: { readonly part: number; readonly isLast: boolean }): boolean {
    const parts = part === 0 ? 0 : (this.#parts.get(key) ?? -1)
    if (isLast) this.#parts.delete(key)
    else this.#parts.set(key, parts === part ? parts + 1 : -1)
    return isLast && parts === part
  }
  #seenOf(room: RoomKey): Map<string, number> {
    const seen = this.#seen.get(room) ?? new Map<string, number>()
    this.#seen.set(room, seen)
    return seen
  }
  /** If something from that node was missed, asks it for everything that it has. */
  #follow(room: RoomKey, node: string, seq: number, isNew: boolean): void {
    const seen = this.#seenOf(room)
    const last = seen.get(node)
    if (last !== undefined && seq === last + (isNew ? 1 : 0)) {
      seen.set(node, seq)
      return
    }
    seen.delete(node)
    const key = `${room} ${node}`
    const now = performance.now()
    // It is asked at its next heartbeat instead.
    if (now - (this.#asked.get(key) ?? Number.NEGATIVE_INFINITY) < ASK_AGAIN_MS) return
    if (this.#asked.size > 10_000) this.#asked.clear()
    this.#asked.set(key, now)
    this.#relay.publish(room, { kind: 'scene-ask', node: this.#node, of: node } satisfies SceneMessage)
  }
  #give(room: RoomKey, to: string): void {
    const given = this.#heard.give(room)
    if (given === null) return
    const { seq } = this.#outbox(room)
    const avatars = [...given.avatars]
    let count = 0
    const send = (changes: Change[], isLast: boolean) =>
      this.#relay.publish(room, {
        kind: 'scene-whole',
        node: this.#node,
        to,
        seq,
        part: count++,
        isLast,
        changes,
        avatars: isLast ? avatars : [],
      } as SceneMessage)
    let part: Change[] = []
    let length = 0
    for (const change of given.changes) {
      part.push(change)
      length += JSON.stringify(change).length
      if (length < PART) continue
      send(part, false)
      part = []
      length = 0
    }
    send(part, true)
  }
}

const bySender = (
  changes: ReadonlyArray<readonly [string, Change]>,
): ReadonlyMap<string, ReadonlyArray<Change>> => {
  const grouped = new Map<string, Change[]>()
  for (const [by, change] of changes) {
    const known = grouped.get(by)
    if (known === undefined) grouped.set(by, [change])
    else known.push(change)
  }
  return grouped
}
