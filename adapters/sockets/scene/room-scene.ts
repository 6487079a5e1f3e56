/** One room's scene on this node: what was said about each entity, which entities exist, and what members here have been sent. */
import type { RoomKey } from '../../../domain/names.ts'
import {
  type Change,
  componentsOf,
  type Entity,
  isThere,
  merge,
  nothing,
} from '../../../domain/scene/entity.ts'
import { weightOf } from '../../../domain/scene/limits.ts'

/** The components that were touched, or all of them. */
export type Touched = ReadonlySet<string> | 'all'
/** What the room knows about people and about pinned entities. */
export type Around = {
  readonly isHere: (socketId: string) => boolean
  readonly lasts: (id: string) => boolean
}
export type ToldEntity = {
  readonly owner: string | null
  readonly template: string | null
  readonly made_by: string
  readonly ownership: string | null
  readonly stays: boolean
  readonly pinned: boolean
  readonly components: Readonly<Record<string, unknown>>
}
/** The latest position of a member's avatar. */
export type Avatar = { readonly position: unknown; readonly rotation: unknown }

/** An entity that is gone is forgotten after this long (ms): late messages about it must still find that it is gone. */
const FORGET_MS = 60_000
/** For this long (ms) after a member has changed an entity, another member who changes it is also sent the result:
 *  their messages may have crossed. */
const CROSSING_MS = 5_000

export class RoomScene {
  readonly room: RoomKey
  readonly #around: Around
  readonly #entities = new Map<string, Entity>()
  readonly #weights = new Map<string, number>()
  /** For each entity that members here know, the owner that they were told. */
  readonly #shown = new Map<string, string>()
  readonly #untold = new Map<string, 'all' | 'head'>()
  readonly #hiddenSince = new Map<string, number>()
  readonly #lastBy = new Map<string, { readonly by: string; readonly at: number }>()
  /** By socket. */
  readonly avatars = new Map<string, Avatar>()
  #weight = 0
  #onChange: (id: string, touched: Touched) => void = () => {}

  constructor(room: RoomKey, around: Around) {
    this.room = room
    this.#around = around
  }

  onChange(listener: (id: string, touched: Touched) => void): void {
    this.#onChange = listener
  }
  /** How many characters of JSON all components have. */
  get weight(): number {
    return this.#weight
  }
  weightOf(id: string): number {
    return this.#weights.get(id) ?? 0
  }
  /** How many entities there are, or how many of one maker. */
  count(by?: string): number {
    if (by === undefined) return this.#entities.size - this.#hiddenSince.size
    let count = 0
    for (const [id, { made }] of this.#entities) if (made?.value.by === by && this.has(id)) count += 1
    return count
  }

  get(id: string): Entity | null {
    return this.has(id) ? (this.#entities.get(id) ?? null) : null
  }
  has(id: string): boolean {
    const entity = this.#entities.get(id)
    const { isHere, lasts } = this.#around
    return entity !== undefined && isThere(entity, { isHere, lasts: lasts(id) })
  }
  isLasting(id: string): boolean {
    return this.#around.lasts(id)
  }
  /** The owner's socket; null if there is none, or if the owner has left. */
  ownerOf(id: string): string | null {
    const owner = this.#entities.get(id)?.owner?.value ?? null
    return owner !== null && this.#around.isHere(owner) ? owner : null
  }
  ids(): ReadonlyArray<string> {
    return [...this.#entities.keys()].filter((id) => this.has(id))
  }

  /** The values of these components; null if the entity does not exist. */
  read(id: string, touched: Touched): Readonly<Record<string, unknown>> | null {
    const entity = this.get(id)
    if (entity === null) return null
    if (touched === 'all') return componentsOf(entity)
    const has: Record<string, unknown> = {}
    for (const name of touched) has[name] = entity.components[name]?.value ?? null
    return has
  }
  /** Applies a change by a member, here or on another node. */
  applyBy(by: string, change: Change): void {
    const now = performance.now()
    const last = this.#lastBy.get(change.id)
    this.#lastBy.set(change.id, { by, at: now })
    this.apply(change, last !== undefined && last.by !== by && now - last.at < CROSSING_MS)
  }
  /** The socket that last changed it; null if that is not known here. */
  changedBy(id: string): string | null {
    return this.#lastBy.get(id)?.by ?? null
  }
  /** `loud`: members here are sent all of it, not only what is new about it. */
  apply(change: Change, loud = false): void {
    const { id, ...said } = change
    const before = this.#entities.get(id) ?? nothing
    const after = merge(before, said)
    this.#entities.set(id, after)
    if (after.gone !== before.gone && Object.keys(before.components).length > 0) this.#weigh(id, after)
    else for (const name of Object.keys(said.components ?? {})) this.#weighOne(id, name, before, after)
    const isHeadNew = after.made !== before.made || after.owner !== before.owner || after.gone !== before.gone
    if (loud || isHeadNew) this.#touch(id, loud || after.made !== before.made ? 'all' : 'head')
    this.#onChange(id, isHeadNew ? 'all' : new Set(Object.keys(said.components ?? {})))
  }
  #weigh(id: string, { components }: Entity): void {
    let weight = 0
    for (const [name, { value }] of Object.entries(components)) weight += weightOf(name, value)
    this.#weight += weight - this.weightOf(id)
    this.#weights.set(id, weight)
  }
  #weighOne(id: string, name: string, before: Entity, after: Entity): void {
    const [was, is] = [before.components[name]?.value ?? null, after.components[name]?.value ?? null]
    if (was === is) return
    const more = weightOf(name, is) - weightOf(name, was)
    this.#weight += more
    this.#weights.set(id, this.weightOf(id) + more)
  }
  #touch(id: string, what: 'all' | 'head'): void {
    if (this.#untold.get(id) !== 'all') this.#untold.set(id, what)
    if (this.has(id)) this.#hiddenSince.delete(id)
  }
  /** To be called when they came or left, since that affects what they own. */
  recheck(socketId: string): void {
    for (const [id, { owner }] of this.#entities)
      if (owner?.value === socketId) {
        this.#touch(id, 'head')
        this.#onChange(id, 'all')
      }
  }
  touch(id: string): void {
    this.#touch(id, 'head')
    this.#onChange(id, 'all')
  }
  get isUntold(): boolean {
    return this.#untold.size > 0
  }

  told(id: string): ToldEntity | null {
    const entity = this.get(id)
    if (entity === null || entity.made === null) return null
    const { template, by, ownership, stays } = entity.made.value
    return {
      owner: this.ownerOf(id),
      template,
      made_by: by,
      ownership,
      stays,
      pinned: this.#around.lasts(id),
      components: componentsOf(entity),
    }
  }
  /** What came, went, or changed owners since the last call; null for nothing. */
  takeUntold(now: number): Readonly<Record<string, Partial<ToldEntity> | null>> | null {
    const said: Record<string, Partial<ToldEntity> | null> = {}
    let isAny = false
    for (const [id, what] of this.#untold) {
      const told = this.told(id)
      const known = this.#shown.get(id)
      if (told === null) {
        this.#shown.delete(id)
        if (!this.#hiddenSince.has(id)) this.#hiddenSince.set(id, now)
        if (known === undefined) continue
        said[id] = null
      } else {
        const { components, ...head } = told
        const headText = JSON.stringify(head)
        if (known !== undefined && what === 'head' && known === headText) continue
        said[id] = known === undefined || what === 'all' ? told : head
        this.#shown.set(id, headText)
      }
      isAny = true
    }
    this.#untold.clear()
    return isAny ? said : null
  }
  /** An entity's place; null if it does not exist or has none. */
  placeOf(id: string): Avatar | null {
    const entity = this.get(id)
    const position = entity?.components.position?.value ?? null
    return position === null ? null : { position, rotation: entity?.components.rotation?.value ?? null }
  }
  /** A position may arrive before the news that its sender is here, so only members who are here count. */
  *avatarsHere(): Generator<readonly [string, Avatar]> {
    for (const [socketId, avatar] of this.avatars) if (this.#around.isHere(socketId)) yield [socketId, avatar]
  }
  /** The places of avatars by socket, and of entities by id. */
  *places(): Generator<readonly [string, Avatar]> {
    yield* this.avatarsHere()
    for (const id of this.#entities.keys()) {
      const place = this.placeOf(id)
      if (place !== null) yield [id, place]
    }
  }
  /** Everything, for somebody who enters. */
  whole(): {
    readonly entities: Readonly<Record<string, ToldEntity>>
    readonly avatars: Readonly<Record<string, Avatar>>
  } {
    const entities: Record<string, ToldEntity> = {}
    for (const id of this.#entities.keys()) {
      const told = this.told(id)
      if (told !== null) entities[id] = told
    }
    return { entities, avatars: Object.fromEntries(this.avatarsHere()) }
  }
  /** Everything that was said, for another node. */
  *changes(): Generator<Change> {
    for (const [id, entity] of this.#entities) yield { id, ...entity }
  }
  /** Finds entities that came or went unnoticed, and forgets what has long been gone. */
  sweep(now: number): void {
    for (const id of this.#entities.keys()) {
      const isIn = this.has(id)
      if (isIn !== this.#shown.has(id)) this.touch(id)
      if (isIn) {
        this.#hiddenSince.delete(id)
        continue
      }
      const since = this.#hiddenSince.get(id) ?? now
      this.#hiddenSince.set(id, since)
      if (now - since < FORGET_MS) continue
      this.#weight -= this.weightOf(id)
      for (const map of [this.#entities, this.#weights, this.#hiddenSince, this.#shown, this.#lastBy])
        map.delete(id)
    }
  }
}
