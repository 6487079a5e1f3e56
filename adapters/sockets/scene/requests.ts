/** What a member may do in its room's scene besides moving things: spawn, remove, take over, give away, pin. */
import * as E from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { parseTemplate } from '../../../domain/scene/limits.ts'
import type { SpaceRefusal } from '../../../domain/space/refusals.ts'
import { invalid } from '../../refusals.ts'
import { type Answer, done, doneAt, failed, notInRoom, told } from '../answers.ts'
import { type Member, type RoomPlace, senderOf } from '../member.ts'
import { decodePayload, Entity, Give, Spawn } from '../payloads.ts'
import type { SocketRequest } from '../request.ts'
import type { Of, PinnedEntities } from './pinned-entities.ts'
import type { Scenes } from './scenes.ts'
import { give, remove, type SceneWriter, spawn, take } from './writing.ts'

const refused = (refusal: SpaceRefusal): Answer => failed({ _tag: 'Refused', refusal })

export const sceneRequests = (deps: {
  readonly scenes: Scenes
  readonly pinnedEntities: PinnedEntities
  readonly uuid: () => string
}): ReadonlyArray<readonly [string, SocketRequest]> => {
  const { scenes, pinnedEntities } = deps

  const request = <A>(
    codec: t.Type<A, unknown, unknown>,
    handle: (writer: SceneWriter, asked: A, member: Member) => Answer | Promise<Answer>,
  ): SocketRequest => ({
    channel: 'space',
    waits: true,
    handle: (member, payload) => {
      const asked = decodePayload(codec, payload)
      if (E.isLeft(asked)) return told(asked.left)
      const writer = scenes.writer(member)
      return writer === null ? notInRoom : handle(writer, asked.right, member)
    },
  })

  const onSpawn = (writer: SceneWriter, asked: t.TypeOf<typeof Spawn>): Answer => {
    const template = parseTemplate(asked.template)
    if (E.isLeft(template)) return refused(template.left)
    const id = asked.id ?? deps.uuid()
    const { ownership = null, stays = false, components } = asked
    const spawned = spawn(writer, {
      id,
      template: template.right,
      ownership,
      stays: stays === true,
      components: components ?? {},
    })
    if (E.isLeft(spawned)) return refused(spawned.left)
    if (spawned.right !== null) scenes.put(writer.scene, writer.actor.socketId, spawned.right)
    scenes.tellOthers(writer.scene, writer.actor.socketId, id)
    return done({ id, owner: writer.actor.socketId })
  }

  const ofPin = ({ scene }: SceneWriter, id: string, member: Member): Of => {
    const { hold, subspace } = member.place as RoomPlace
    return { scene, space: hold.live.space, subspace, id, sender: senderOf(member) }
  }
  /** Handles pinning and unpinning. */
  const onPinned =
    (act: 'pin' | 'unpin') =>
    async (writer: SceneWriter, { id }: t.TypeOf<typeof Entity>, member: Member): Promise<Answer> => {
      const done = await pinnedEntities[act](ofPin(writer, id, member))
      return E.isLeft(done) ? failed(done.left) : doneAt(done.right)
    }

  const onRemove = async (
    writer: SceneWriter,
    { id }: t.TypeOf<typeof Entity>,
    member: Member,
  ): Promise<Answer> => {
    if (!writer.scene.has(id)) return refused({ _tag: 'EntityNotFound' })
    const may = remove(writer, id)
    if (E.isLeft(may)) return refused(may.left)
    if (writer.scene.isLasting(id)) {
      const unpinned = await pinnedEntities.unpin(ofPin(writer, id, member))
      if (E.isLeft(unpinned)) return failed(unpinned.left)
    }
    const removed = remove(writer, id)
    if (E.isLeft(removed)) return refused(removed.left)
    if (removed.right !== null) scenes.put(writer.scene, writer.actor.socketId, removed.right)
    scenes.tellOthers(writer.scene, writer.actor.socketId, id)
    return done()
  }

  const onTake = (writer: SceneWriter, { id }: t.TypeOf<typeof Entity>): Answer => {
    const taken = take(writer, id)
    if (E.isLeft(taken)) return refused(taken.left)
    const { socketId } = writer.actor
    if ('asks' in taken.right) {
      scenes.askOwner(writer.scene.room, { from: socketId, to: taken.right.asks, id })
      return done({ asked: true, owner: taken.right.asks })
    }
    scenes.put(writer.scene, socketId, taken.right.change)
    return done({ owner: socketId })
  }

  const onGive = (writer: SceneWriter, { id, to }: t.TypeOf<typeof Give>): Answer => {
    if (to != null && !scenes.isIn(writer.scene.room, to))
      return told(invalid('to', 'There is no such socket in this room.'))
    const given = give(writer, id, to ?? null)
    if (E.isLeft(given)) return refused(given.left)
    if (given.right !== null) scenes.put(writer.scene, writer.actor.socketId, given.right)
    return done({ owner: to ?? null })
  }

  return [
    ['entity-spawn', request(Spawn, onSpawn)],
    ['entity-remove', request(Entity, onRemove)],
    ['entity-pin', request(Entity, onPinned('pin'))],
    ['entity-unpin', request(Entity, onPinned('unpin'))],
    ['entity-take', request(Entity, onTake)],
    ['entity-give', request(Give, onGive)],
  ]
}
