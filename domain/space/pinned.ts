/** Pinned entities of a room's scene: who may pin, change and unpin them, and how much may be pinned. */
import * as E from 'fp-ts/lib/Either.js'
import type { Made } from '../scene/entity.ts'
import { parseComponents, parseEntityId, parseTemplate, weightOf } from '../scene/limits.ts'
import { mayAs } from './access.ts'
import { actorOf, type Decision, type DecisionContext } from './decision-context.ts'
import { type Pin, pinKey } from './pin.ts'
import type { SpaceRefusal } from './refusals.ts'
import { readSubspace } from './seats.ts'

export const MAX_PINNED = 500
/** The most characters of JSON of everything that is pinned in a space, and of one entity. */
const MAX_PINNED_WEIGHT = 262_144
const MAX_PIN = 16_384

type PinEntity = {
  readonly subspace: string
  readonly entityId: string
  readonly template: string | null
  readonly ownership: Made['ownership']
  readonly components: Readonly<Record<string, unknown>>
}
type ChangeEntity = Pick<PinEntity, 'subspace' | 'entityId' | 'components'>
type UnpinEntity = Pick<PinEntity, 'subspace' | 'entityId'>

const refuse = (refusal: SpaceRefusal): E.Either<SpaceRefusal, never> => E.left(refusal)

const mayPin = ({ access, state }: DecisionContext): E.Either<SpaceRefusal, void> => {
  const needs = state.settings.scene_pin
  return needs === 'everyone' ? access.mayEnter : mayAs(access, needs)
}

const weigh = (components: Readonly<Record<string, unknown>>): number =>
  Object.entries(components).reduce((sum, [name, value]) => sum + weightOf(name, value), 0)

/** The entity's weight, if there is room for it. `known`: how it is pinned already. */
const fit = (
  { state }: DecisionContext,
  components: Readonly<Record<string, unknown>>,
  known: Pin | undefined,
): E.Either<SpaceRefusal, number> => {
  const sound = parseComponents(components)
  if (E.isLeft(sound)) return sound
  const weight = weigh(components)
  if (weight > MAX_PIN) return refuse({ _tag: 'EntityTooLarge', max: MAX_PIN })
  if (known === undefined && state.pinned.size >= MAX_PINNED)
    return refuse({ _tag: 'TooManyEntities', max: MAX_PINNED })
  let all = weight - (known?.weight ?? 0)
  for (const pin of state.pinned.values()) all += pin.weight
  return all > MAX_PINNED_WEIGHT && weight > (known?.weight ?? 0)
    ? refuse({ _tag: 'SceneIsFull' })
    : E.right(weight)
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const changed = (
  asking: DecisionContext,
  known: Pin,
  { subspace, entityId, components }: ChangeEntity,
): Decision => {
  // If its components are not known, they look empty: the weight shows whether they are.
  if (known.weight === weigh(components) && isSame(known.components, components)) return E.right([])
  const weight = fit(asking, components, known)
  if (E.isLeft(weight)) return weight
  const by = actorOf(asking.by)
  const data = { subspace, entityId, components, weight: weight.right, by, at: asking.at }
  return E.right([{ type: 'EntityChanged', data }])
}

export const pinEntity = (asking: DecisionContext, command: PinEntity): Decision => {
  const allowed = mayPin(asking)
  if (E.isLeft(allowed)) return allowed
  const subspace = readSubspace(command.subspace)
  if (E.isLeft(subspace)) return subspace
  const id = parseEntityId(command.entityId)
  if (E.isLeft(id)) return id
  const template = parseTemplate(command.template)
  if (E.isLeft(template)) return template
  const known = asking.state.pinned.get(pinKey(subspace.right, id.right))
  if (known !== undefined) return changed(asking, known, { ...command, subspace: subspace.right })
  const weight = fit(asking, command.components, undefined)
  if (E.isLeft(weight)) return weight
  const { components, ownership } = command
  return E.right([
    {
      type: 'EntityPinned',
      data: {
        subspace: subspace.right,
        entityId: id.right,
        template: template.right,
        ownership,
        components,
        weight: weight.right,
        by: actorOf(asking.by),
        at: asking.at,
      },
    },
  ])
}

/** Records an entity at rest, in the name of whoever moved it last. The scene decides who may move it, as with everything that moves. */
export const changeEntity = (asking: DecisionContext, command: ChangeEntity): Decision => {
  if (E.isLeft(asking.access.mayEnter)) return asking.access.mayEnter
  const known = asking.state.pinned.get(pinKey(command.subspace, command.entityId))
  return known === undefined ? refuse({ _tag: 'EntityNotFound' }) : changed(asking, known, command)
}

/** Whoever pinned it, or who may pin, may unpin it. */
export const unpinEntity = (asking: DecisionContext, { subspace, entityId }: UnpinEntity): Decision => {
  const { access, by, at, state } = asking
  if (!access.mayKnow) return refuse({ _tag: 'SpaceNotFound' })
  const known = state.pinned.get(pinKey(subspace, entityId))
  if (known === undefined) return refuse({ _tag: 'EntityNotFound' })
  const isOwn = known.by.kind === by.kind && known.by.id === by.id
  const allowed = isOwn ? access.mayEnter : mayPin(asking)
  if (E.isLeft(allowed)) return allowed
  return E.right([{ type: 'EntityUnpinned', data: { subspace, entityId, by: actorOf(by), at } }])
}
