/** An entity of a scene as what was said of it, newest first: in whatever order two nodes hear the same, they hold the same. */
import { isAfter, latest, type Stamp } from './stamp.ts'

export type Said<A> = { readonly value: A; readonly at: Stamp }

/** Who may take an entity that is another's: anyone; whoever its owner gives it to; nobody. */
export const OWNERSHIP = ['free', 'ask', 'locked'] as const
export type Ownership = (typeof OWNERSHIP)[number]

/** What its spawn says. */
export type Made = {
  readonly template: string | null
  /** The account or guest that made it. */
  readonly by: string
  /** Null: as the space's setting has it. */
  readonly ownership: Ownership | null
  /** Its owner's leaving frees it; else it goes too. */
  readonly stays: boolean
}
export type Entity = {
  readonly made: Said<Made> | null
  /** The socket whose it is; null for nobody's. */
  readonly owner: Said<string | null> | null
  /** What was said before is over. */
  readonly gone: Stamp | null
  /** By name; null for one that was removed. */
  readonly components: Readonly<Record<string, Said<unknown>>>
}
/** What is said of one at a time: only what is new. */
export type Change = { readonly id: string } & Partial<Entity>

export const nothing: Entity = { made: null, owner: null, gone: null, components: {} }

const isOver = (at: Stamp, gone: Stamp | null): boolean => gone !== null && !isAfter(at, gone)
const newest = <A>(a: Said<A> | null, b: Said<A> | null, gone: Stamp | null): Said<A> | null => {
  const one = a === null || (b !== null && isAfter(b.at, a.at)) ? b : a
  return one === null || isOver(one.at, gone) ? null : one
}

/** Both: of each thing the newest that was said. The same whichever comes first, however often. */
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

/** Whether it is there: spawned, and whose it is is here, or it needs nobody. */
export const isThere = (
  { made, owner }: Entity,
  { isHere, lasts }: { readonly isHere: (socketId: string) => boolean; readonly lasts: boolean },
): boolean =>
  made !== null &&
  (lasts || made.value.stays || owner === null || owner.value === null || isHere(owner.value))
