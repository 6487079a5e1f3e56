/** The part of a scene that is on the log: entities are pinned and unpinned by command, and a pinned entity's state is
 *  saved once it is at rest. */
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceRef } from '../../../domain/names.ts'
import type { Accepted, CommandError, Commands, Ids, Sender } from '../../../domain/ports.ts'
import { componentsOf } from '../../../domain/scene/entity.ts'
import type { SpaceCommand } from '../../../domain/space/commands.ts'
import type { SpaceEvent } from '../../../domain/space/events.ts'
import type { SpaceRefusal } from '../../../domain/space/refusals.ts'
import { type Logger, reasonOf } from '../../observing.ts'
import type { RoomScene } from './room-scene.ts'

/** An entity is at rest if nobody changed it for this long (ms); one that is never at rest is saved at intervals. */
const REST_MS = 2_000
const LONGEST_MS = 30_000
/** How often a change is tried again because the log was away. */
const TRIES = 5

type Outcome = E.Either<CommandError<SpaceRefusal>, Accepted<SpaceEvent>>
type Resting = {
  readonly scene: RoomScene
  readonly space: SpaceRef
  readonly subspace: string
  readonly id: string
  sender: Sender
  readonly since: number
  tries: number
  timer: NodeJS.Timeout
}

export type PinnedEntities = {
  readonly pin: (of: Of) => Promise<Outcome>
  readonly unpin: (of: Of) => Promise<Outcome>
  /** To be called when a pinned entity was changed here. */
  readonly changed: (of: Of) => void
  /** Saves what is not at rest yet now. */
  readonly flush: () => Promise<void>
  readonly stop: () => void
}
export type Of = {
  readonly scene: RoomScene
  readonly space: SpaceRef
  readonly subspace: string
  readonly id: string
  readonly sender: Sender
}

export const createPinnedEntities = (deps: {
  readonly commands: Commands
  readonly ids: Ids
  readonly logger: Logger
}): PinnedEntities => {
  const { commands, ids, logger } = deps
  const resting = new Map<string, Resting>()

  const send = async ({ space, sender }: Of, command: SpaceCommand): Promise<Outcome> => {
    try {
      return await commands.space({ ...sender, space, id: ids.uuid(), command })()
    } catch (error) {
      return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: reasonOf(error) })
    }
  }
  const contentOf = (scene: RoomScene, id: string) => {
    const entity = scene.get(id)
    return entity === null ? null : componentsOf(entity)
  }

  const keep = async (key: string, one: Resting): Promise<void> => {
    clearTimeout(one.timer)
    resting.delete(key)
    const { scene, space, subspace, id, sender, tries } = one
    const components = contentOf(scene, id)
    if (components === null || !scene.isLasting(id)) return
    const kept = await send(one, { type: 'ChangeEntity', subspace, entityId: id, components })
    if (E.isRight(kept)) return
    const isPassing = kept.left._tag === 'Unavailable' || kept.left._tag === 'Conflict'
    if (isPassing && tries < TRIES && !resting.has(key))
      begin({ scene, space, subspace, id, sender }, tries + 1)
    else logger.warn({ entity: id, error: kept.left._tag }, 'how an entity is could not be kept')
  }
  const begin = (of: Of, tries: number): void => {
    const key = `${of.scene.room} ${of.id}`
    const known = resting.get(key)
    const now = performance.now()
    const since = known?.since ?? now
    if (known !== undefined) clearTimeout(known.timer)
    const wait = Math.max(0, Math.min(REST_MS, since + LONGEST_MS - now))
    const timer = setTimeout(() => void keep(key, one), wait).unref()
    const one: Resting = { ...of, since, tries, timer }
    resting.set(key, one)
  }

  return {
    pin: (of) => {
      const { scene, subspace, id } = of
      const entity = scene.get(id)
      if (entity === null || entity.made === null)
        return Promise.resolve(E.left({ _tag: 'Refused', refusal: { _tag: 'EntityNotFound' } }))
      const { template, ownership } = entity.made.value
      const components = componentsOf(entity)
      return send(of, { type: 'PinEntity', subspace, entityId: id, template, ownership, components })
    },
    unpin: (of) => send(of, { type: 'UnpinEntity', subspace: of.subspace, entityId: of.id }),
    changed: (of) => begin(of, 0),
    flush: async () => {
      await Promise.all([...resting].map(([key, one]) => keep(key, one)))
    },
    stop: () => {
      for (const { timer } of resting.values()) clearTimeout(timer)
      resting.clear()
    },
  }
}
