/** An entity of a scene, kept as the newest statement about each part of it: nodes that hear the same statements, in
 *  whatever order, hold the same entity. */
import { isAfter, latest, type Stamp } from './stamp.ts'

export type Said<A> = { readonly value: A; readonly at: Stamp }

/** Who may take an entity that belongs to another: anyone (`free`), whoever its owner gives it to (`ask`), nobody (`locked`). */
export const OWNERSHIP = ['free', 'ask', 'locked'] as const
export type Ownership = (typeof OWNERSHIP)[number]

/** What was said when it was spawned. */
export type Made = {
  readonly template: string | null
  /** The account or guest that made it. */
  readonly by: string
  /** Null: the space's setting decides. */
  readonly ownership: Ownership | null
  /** Whether it stays, without an owner, when its owner leaves; otherwise it goes with them. */
  readonly stays: boolean
}
export type Entity = {
  readonly made: Said<Made> | null
  /** The socket that owns it; null if nobody does. */
  readonly owner: Said<string | null> | null
  /** Whatever was said up to this stamp no longer counts. */
  readonly gone: Stamp | null
  /** By name; the value null means removed. */
  readonly components: Readonly<Record<string, Said<unknown>>>
}
/** A change of one entity: only what is new. */
export type Change = { readonly id: string } & Partial<Entity>

export const nothing: Entity = { made: null, owner: null, gone: null, components: {} }

const isOver = (at: Stamp, gone: Stamp | null): boolean => gone !== null && !isAfter(at, gone)
const newest = <A>(a: Said<A> | null, b: Said<A> | null, gone: Stamp | null): Said<A> | null => {
  const one = a === null || (b !== null && isAfter(b.at, a.at)) ? b : a
  return one === null || isOver(one.at, gone) ? null : one
}

/** Merges two by taking the newest statement about each part. The result is the same in any order, however often repeated. */
export const merge = (a: Entity, b: Partial<Entity>): Entity => {
  const gone = latest(a.gone, b.gone ?? null)
  const components: Record<string, Said<unknown>> = {}
  for (const [name, said] of Object.entries(a.components)) if (!isOver(said.at, gone)) components[name] = said
  for (const [name, said] of Object.entries(b.components ?? {})) {
    const known = components[name]
    if (!isOver(said.at, gone) && (known === undefined || isAfter(said.at, known.at))) components[name] = said
  }
  return {
    made: newest(a.made, b.made ?? null, gone),
    owner: newest(a.owner, b.owner ?? null, gone),
    gone,
    components,
  }
}

/** The components that it has. */
export const componentsOf = ({ components }: Entity): Readonly<Record<string, unknown>> => {
  const has: Record<string, unknown> = {}
  for (const [name, { value }] of Object.entries(components)) if (value !== null) has[name] = value
  return has
}

/** Whether it is in the scene: it was spawned, and its owner is here or it needs none. */
export const isThere = (
  { made, owner }: Entity,
  { isHere, lasts }: { readonly isHere: (socketId: string) => boolean; readonly lasts: boolean },
): boolean =>
  made !== null &&
  (lasts || made.value.stays || owner === null || owner.value === null || isHere(owner.value))
