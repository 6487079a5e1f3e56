/** What one client said about its scene and was not sent to others yet: which things of the room's scene it touched,
 *  and its own fields besides. A newer update of the same kind is merged over it, and loses nothing but what is older. */
import { packPose } from '../../../domain/scene/packed.ts'
import type { RoomScene, Touched } from './room-scene.ts'

export type Update = {
  /** The fields besides `entities`, as they came. */
  readonly own: Readonly<Record<string, unknown>>
  readonly entities: ReadonlyMap<string, Touched>
  /** Whether it has entities as a list, by their `id`. */
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

/** The update with current values: an entity that no longer exists is null. */
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

const POSE: ReadonlySet<string> = new Set(['position', 'rotation'])
const without = (from: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(from).filter(([name]) => !POSE.has(name)))

/** What is left for members who get positions over the packed wire; null for nothing. */
export const restOf = (
  update: Update,
  scene: RoomScene,
  isOwnPacked: boolean,
): Readonly<Record<string, unknown>> | null => {
  const own = isOwnPacked ? without(update.own) : update.own
  const entities: Record<string, unknown> = {}
  for (const [id, touched] of update.entities) {
    const place = scene.placeOf(id)
    const has = scene.read(id, touched)
    const isPacked = place !== null && packPose(place.position, place.rotation) !== null
    const rest = has !== null && isPacked ? without(has) : has
    if (rest === null || touched === 'all' || Object.keys(rest).length > 0) entities[id] = rest
  }
  const isAny = Object.keys(entities).length > 0
  if (!isAny && Object.keys(own).length === 0) return null
  return isAny ? { ...own, entities } : own
}

type Parts = { readonly own: Update['own']; readonly isList: boolean } & {
  readonly entities: ReadonlyArray<readonly [string, unknown]>
}
const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Entities by id, or as a list with an `id` each. Anything else under that name is passed on as it is. */
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
