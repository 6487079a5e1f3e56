/** What members do to a room's scene, checked against the rules: what is refused changes nothing. */
import * as E from 'fp-ts/lib/Either.js'
import type { Change, Made, Ownership, Said } from '../../../domain/scene/entity.ts'
import {
  MAX_COMPONENTS,
  MAX_ENTITIES,
  MAX_ENTITY,
  MAX_OF_ACCOUNT,
  MAX_OF_GUEST,
  MAX_SCENE,
  parseComponents,
  parseEntityId,
  weightOf,
} from '../../../domain/scene/limits.ts'
import { may, mayChange, mayRemove, mayTake, type SceneActor, STROKE } from '../../../domain/scene/rights.ts'
import type { StampClock } from '../../../domain/scene/stamp.ts'
import type { SpaceSettings } from '../../../domain/settings.ts'
import type { SpaceRefusal } from '../../../domain/space/refusals.ts'
import type { RoomScene } from './room-scene.ts'

export type SceneWriter = {
  readonly scene: RoomScene
  readonly actor: SceneActor
  readonly settings: SpaceSettings
  readonly clock: StampClock
  /** Whether this member may spawn one more now. */
  readonly paced: () => boolean
}
export type Spawn = {
  readonly id: string
  readonly template: string | null
  readonly ownership: Ownership | null
  readonly stays: boolean
  readonly components: Readonly<Record<string, unknown>>
}
export type Written = E.Either<SpaceRefusal, Change | null>

const refuse = (refusal: SpaceRefusal): E.Either<SpaceRefusal, never> => E.left(refusal)

/** Whether the entity and the scene stay within their sizes. */
const fits = (
  scene: RoomScene,
  id: string,
  components: Readonly<Record<string, unknown>>,
): E.Either<SpaceRefusal, void> => {
  const before = scene.get(id)?.components ?? {}
  let more = 0
  let count = Object.keys(before).length
  for (const [name, value] of Object.entries(components)) {
    const known = before[name]?.value ?? null
    if (before[name] === undefined) count += 1
    more += weightOf(name, value) - weightOf(name, known)
  }
  if (more <= 0) return E.right(undefined)
  if (count > MAX_COMPONENTS)
    return refuse({
      _tag: 'Invalid',
      field: 'components',
      detail: `An entity has at most ${MAX_COMPONENTS} components.`,
    })
  const own = scene.has(id) ? scene.weightOf(id) : 0
  if (own + more > MAX_ENTITY) return refuse({ _tag: 'EntityTooLarge', max: MAX_ENTITY })
  return scene.weight + more > MAX_SCENE ? refuse({ _tag: 'SceneIsFull' }) : E.right(undefined)
}

const said = (components: Readonly<Record<string, unknown>>, at: Said<unknown>['at']): Change['components'] =>
  Object.fromEntries(Object.entries(components).map(([name, value]) => [name, { value, at }]))

export const spawn = (writer: SceneWriter, asked: Spawn): Written => {
  const { scene, actor, settings, clock } = writer
  const id = parseEntityId(asked.id)
  if (E.isLeft(id)) return id
  const components = parseComponents(asked.components)
  if (E.isLeft(components)) return components
  if (scene.has(asked.id)) return refuse({ _tag: 'EntityIdTaken' })
  const allowed = may(actor, settings, STROKE in asked.components ? 'draw' : 'spawn')
  if (E.isLeft(allowed)) return allowed
  const most = actor.subject.startsWith('guest:') ? MAX_OF_GUEST : MAX_OF_ACCOUNT
  if (scene.count() >= MAX_ENTITIES) return refuse({ _tag: 'TooManyEntities', max: MAX_ENTITIES })
  if (scene.count(actor.subject) >= most) return refuse({ _tag: 'TooManyEntities', max: most })
  const fit = fits(scene, asked.id, asked.components)
  if (E.isLeft(fit)) return fit
  if (!writer.paced()) return refuse({ _tag: 'SlowDown', retryAfterSeconds: 1 })
  const at = clock.next()
  const { template, ownership, stays } = asked
  const made: Made = { template, by: actor.subject, ownership, stays }
  return E.right({
    id: asked.id,
    made: { value: made, at },
    owner: { value: actor.socketId, at },
    components: said(asked.components, at) ?? {},
  })
}

/** An entity that does not exist yet is spawned when it is named. */
export const change = (writer: SceneWriter, id: string, asked: unknown): Written => {
  const { scene, actor, settings, clock } = writer
  const entity = scene.get(id)
  if (entity === null)
    return spawn(writer, {
      id,
      template: null,
      ownership: null,
      stays: false,
      components: asked as Spawn['components'],
    })
  const components = parseComponents(asked)
  if (E.isLeft(components)) return components
  const allowed = mayChange(entity, { owner: scene.ownerOf(id) }, actor, settings)
  if (E.isLeft(allowed)) return allowed
  if (STROKE in components.right) {
    const draws = may(actor, settings, 'draw')
    if (E.isLeft(draws)) return draws
  }
  const fit = fits(scene, id, components.right)
  if (E.isLeft(fit)) return fit
  return E.right({ id, components: said(components.right, clock.next()) ?? {} })
}

/** Null: there was no such entity. */
export const remove = ({ scene, actor, settings, clock }: SceneWriter, id: string): Written => {
  const entity = scene.get(id)
  if (entity === null) return E.right(null)
  const allowed = mayRemove(entity, { owner: scene.ownerOf(id) }, actor, settings)
  if (E.isLeft(allowed)) return allowed
  return E.right({ id, gone: clock.next() })
}

export const take = (
  { scene, actor, settings, clock }: SceneWriter,
  id: string,
): E.Either<SpaceRefusal, { readonly change: Change } | { readonly asks: string }> => {
  const entity = scene.get(id)
  if (entity === null) return refuse({ _tag: 'EntityNotFound' })
  const owner = scene.ownerOf(id)
  const how = mayTake(entity, { owner }, actor, settings)
  if (E.isLeft(how)) return how
  if (how.right === 'asks' && owner !== null) return E.right({ asks: owner })
  return E.right({ change: { id, owner: { value: actor.socketId, at: clock.next() } } })
}

/** `to` null: it belongs to nobody from now on. */
export const give = ({ scene, actor, clock }: SceneWriter, id: string, to: string | null): Written => {
  if (!scene.has(id)) return refuse({ _tag: 'EntityNotFound' })
  if (scene.ownerOf(id) !== actor.socketId) return refuse({ _tag: 'Forbidden', needs: 'self' })
  return E.right({ id, owner: { value: to, at: clock.next() } })
}
