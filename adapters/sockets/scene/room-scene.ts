/** One room's scene as this node holds it: what was said of each entity, what of it is there, and what those here have been
 *  told. */
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

/** The components that were touched; all of them. */
export type Touched = ReadonlySet<string> | 'all'
/** What the room knows of people and of what lasts. */
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
/** Where a member's avatar is, as it told last. */
export type Avatar = { readonly position: unknown; readonly rotation: unknown }

/** One that is not there is forgotten after so long (ms): what comes late of it must find that it is gone. */
const FORGET_MS = 60_000
/** So long after one has changed it, another who does is told of it too (ms): what each has said may have crossed. */
const CROSSING_MS = 5_000

export class RoomScene {
  readonly room: RoomKey
  readonly #around: Around
  readonly #entities = new Map<string, Entity>()
  readonly #weights = new Map<string, number>()
  /** What those here were told of whose it is, of those that they know. */
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
  /** Characters of JSON of all components. */
  get weight(): number {
    return this.#weight
  }
  weightOf(id: string): number {
    return this.#weights.get(id) ?? 0
  }
  /** How many there are, and how many of one maker. */
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
  /** Null for nobody's: also one whose owner has left. */
  ownerOf(id: string): string | null {
    const owner = this.#entities.get(id)?.owner?.value ?? null
    return owner !== null && this.#around.isHere(owner) ? owner : null
  }
  ids(): ReadonlyArray<string> {
    return [...this.#entities.keys()].filter((id) => this.has(id))
  }

  /** Of these components; null where it is not there. */
  read(id: string, touched: Touched): Readonly<Record<string, unknown>> | null {
    const entity = this.get(id)
    if (entity === null) return null
    if (touched === 'all') return componentsOf(entity)
    const has: Record<string, unknown> = {}
    for (const name of touched) has[name] = entity.components[name]?.value ?? null
    return has
  }
  /** By a member, here or on another node. */
  applyBy(by: string, change: Change): void {
    const now = performance.now()
    const last = this.#lastBy.get(change.id)
    this.#lastBy.set(change.id, { by, at: now })
    this.apply(change, last !== undefined && last.by !== by && now - last.at < CROSSING_MS)
  }
  /** The socket that changed it last; null where that is not known here. */
  changedBy(id: string): string | null {
    return this.#lastBy.get(id)?.by ?? null
  }
  /** `loud`: those here are told of all of it, and not of what is new about it alone. */
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
  /** What they own is to be looked at anew: they came, or they left. */
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
  /** What came, went, and changed hands since this was asked last; null for nothing. */
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
  /** Where an entity is; null where it is not there, or nowhere. */
  placeOf(id: string): Avatar | null {
    const entity = this.get(id)
    const position = entity?.components.position?.value ?? null
    return position === null ? null : { position, rotation: entity?.components.rotation?.value ?? null }
  }
  /** What is told of somebody may be faster than that they are here. */
  *avatarsHere(): Generator<readonly [string, Avatar]> {
    for (const [socketId, avatar] of this.avatars) if (this.#around.isHere(socketId)) yield [socketId, avatar]
  }
  /** Of avatars by socket, of entities by id. */
  *places(): Generator<readonly [string, Avatar]> {
    yield* this.avatarsHere()
    for (const id of this.#entities.keys()) {
      const place = this.placeOf(id)
      if (place !== null) yield [id, place]
    }
  }
  /** For one who comes. */
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
  /** All that was said, for another node. */
  *changes(): Generator<Change> {
    for (const [id, entity] of this.#entities) yield { id, ...entity }
  }
  /** Finds what came and went unnoticed, and forgets what has long been gone. */
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
