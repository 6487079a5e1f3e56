/** What one client said of its scene and others have not been told yet: which things of the room's scene it touched, and its
 *  own words beside them. More of the same goes over it, and loses nothing but what is older. */
import type { RoomScene, Touched } from './room-scene.ts'

export type Update = {
  /** What stands beside `entities`, as it came. */
  readonly own: Readonly<Record<string, unknown>>
  readonly entities: ReadonlyMap<string, Touched>
  /** It names entities in a list, by their `id`. */
  readonly isList: boolean
}
export const emptyUpdate: Update = { own: {}, entities: new Map(), isList: false }

const both = (a: Touched | undefined, b: Touched): Touched =>
  a === undefined ? b : a === 'all' || b === 'all' ? 'all' : new Set([...a, ...b])

export const over = (older: Update, newer: Update): Update => {
  const entities = new Map(older.entities)
  for (const [id, touched] of newer.entities) entities.set(id, both(entities.get(id), touched))
  return {
    own: { ...older.own, ...newer.own },
    entities,
    isList: newer.entities.size > 0 ? newer.isList : older.isList,
  }
}

/** As it is now: an entity that is not there any more is null. */
export const entityDataOf = (update: Update, scene: RoomScene): Readonly<Record<string, unknown>> => {
  if (update.entities.size === 0) return update.own
  const said: Array<readonly [string, Readonly<Record<string, unknown>> | null]> = []
  for (const [id, touched] of update.entities) said.push([id, scene.read(id, touched)])
  return {
    ...update.own,
    entities: update.isList
      ? said.map(([id, components]) => ({ id, ...(components ?? { removed: true }) }))
      : Object.fromEntries(said),
  }
}

type Parts = { readonly own: Update['own']; readonly isList: boolean } & {
  readonly entities: ReadonlyArray<readonly [string, unknown]>
}
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Entities by id, or in a list with an `id` each. Anything else by that name is the client's own affair. */
export const partsOf = (entityData: Readonly<Record<string, unknown>>): Parts => {
  const { entities, ...own } = entityData
  if (isObject(entities) && Object.values(entities).every((one) => one === null || isObject(one)))
    return { own, isList: false, entities: Object.entries(entities) }
  if (
    Array.isArray(entities) &&
    entities.length > 0 &&
    entities.every((one) => isObject(one) && typeof one.id === 'string')
  )
    return {
      own,
      isList: true,
      entities: entities.map(({ id, ...components }) => [
        id as string,
        components.removed === true ? null : components,
      ]),
    }
  return { own: entityData, isList: false, entities: [] }
}
