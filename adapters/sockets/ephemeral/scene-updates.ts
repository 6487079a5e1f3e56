/** Sends movements of a scene's entities to the others in the room: beyond the rate limit, everything new together when its turn comes. */
import * as E from 'fp-ts/lib/Either.js'
import { describeRefusal, tooLarge } from '../../refusals.ts'
import { fullBucket, take, waitFor } from '../../token-bucket.ts'
import { done, notInRoom, told } from '../answers.ts'
import type { Member } from '../member.ts'
import { MAX_AFRAME } from '../relayed.ts'
import type { RoomScene, Touched } from '../scene/room-scene.ts'
import { emptyUpdate, over, partsOf, type Update } from '../scene/update.ts'
import { change, remove, type SceneWriter } from '../scene/writing.ts'
import { type Ephemeral, type EphemeralDeps, unitsOf } from './parts.ts'

/** A scene update counts once for each of this many bytes. */
const AFRAME_UNIT = 4_096
/** How many entities a refusal names at most. */
const MOST_REFUSED = 20

type Refused = Readonly<Record<string, string>>
type Outcome = {
  readonly touched: ReadonlyMap<string, Touched>
  readonly refused: Refused
  readonly first: string | null
}
/** The answer to moves, made once because there are many. */
const DONE = done()
const NOTHING: Outcome = { touched: new Map(), refused: {}, first: null }

export const createSceneUpdates = (deps: EphemeralDeps): Pick<Ephemeral, 'aframe' | 'placed' | 'forget'> => {
  const { sending, clock, aframePace, memberPositions, scenes } = deps

  const pass = (member: Member, scene: RoomScene, update: Update): void => {
    const { id } = member.line
    const { room } = scene
    sending.newest(
      room,
      id,
      scenes.moved(scene, id, update, () => member.place?.room === room),
    )
  }

  /** Sends what waits as soon as the pace allows. */
  const schedule = (member: Member, paced: NonNullable<Member['aframe']>): void => {
    const units = unitsOf(paced.latest?.length ?? 0, AFRAME_UNIT)
    paced.timer ??= setTimeout(
      () => {
        paced.timer = undefined
        const { latest } = paced
        if (latest === null) return
        if (!take(paced.bucket, aframePace, clock.now(), unitsOf(latest.length, AFRAME_UNIT))) {
          schedule(member, paced)
          return
        }
        paced.latest = null
        // A position in the previous room means nothing in this one.
        pass(member, latest.scene, latest.update)
      },
      waitFor(paced.bucket, aframePace, units) + 1,
    )
  }

  /** Puts what is allowed into the scene; returns what was touched, and what was refused. */
  const write = (writer: SceneWriter, entities: ReadonlyArray<readonly [string, unknown]>): Outcome => {
    const touched = new Map<string, Touched>()
    const refused: Record<string, string> = {}
    let first: string | null = null
    for (const [id, components] of entities) {
      const isNew = !writer.scene.has(id)
      const written =
        components === null && writer.scene.isLasting(id)
          ? E.left({ _tag: 'EntityPinned' } as const)
          : components === null
            ? remove(writer, id)
            : change(writer, id, components)
      if (E.isLeft(written)) {
        const { code, error } = describeRefusal(written.left)
        first ??= error
        if (Object.keys(refused).length < MOST_REFUSED) refused[id.slice(0, 128)] = code
        continue
      }
      if (written.right !== null) scenes.put(writer.scene, writer.actor.socketId, written.right)
      touched.set(id, isNew || components === null ? 'all' : new Set(Object.keys(components as object)))
    }
    return { touched, refused, first }
  }

  const aframe: Ephemeral['aframe'] = (member, entityData) => {
    const room = member.place?.room
    if (!room) return notInRoom
    const scene = scenes.of(room)
    const { length } = JSON.stringify(entityData)
    if (length * 3 > MAX_AFRAME && Buffer.byteLength(JSON.stringify(entityData)) > MAX_AFRAME)
      return told(tooLarge(`An aframe-update is at most ${MAX_AFRAME} bytes of JSON.`))
    memberPositions.moved(member, entityData)
    const { own, entities, isList } = partsOf(entityData)
    // Most updates contain only positions, at which no rule looks.
    const writer = entities.length === 0 ? null : scenes.writer(member)
    const { touched, refused, first } = writer === null ? NOTHING : write(writer, entities)
    const codes = Object.values(refused)
    if (codes[0] !== undefined && touched.size === 0 && Object.keys(own).length === 0)
      return told({ status: 403, code: codes[0], error: first ?? '' })
    scenes.own(scene, member.line.id, own)
    const update: Update = { own, entities: touched, isList }
    const answer = codes.length === 0 ? done() : done({ refused })
    member.aframe ??= { bucket: fullBucket(aframePace, clock.now()), latest: null, timer: undefined }
    const paced = member.aframe
    const units = unitsOf(length, AFRAME_UNIT)
    if (paced.timer === undefined && take(paced.bucket, aframePace, clock.now(), units)) {
      pass(member, scene, update)
      return answer
    }
    const before = paced.latest?.scene === scene ? paced.latest : null
    paced.latest = {
      scene,
      update: before === null ? update : over(before.update, update),
      length: before === null || touched.size === 0 ? length : Math.min(before.length + length, MAX_AFRAME),
    }
    schedule(member, paced)
    return answer
  }

  return {
    aframe,
    placed: (member, move) => {
      const room = member.place?.room
      if (!room) return notInRoom
      member.aframe ??= { bucket: fullBucket(aframePace, clock.now()), latest: null, timer: undefined }
      const paced = member.aframe
      if (paced.timer !== undefined || !take(paced.bucket, aframePace, clock.now(), 1))
        return aframe(member, move)
      const scene = scenes.of(room)
      memberPositions.moved(member, move)
      scenes.placed(scene, member.line.id, move)
      // Members on the packed wire get it with the next tick.
      if (sending.hearsOtherwise(room)) pass(member, scene, { ...emptyUpdate, own: move })
      return DONE
    },
    forget: (member) => {
      clearTimeout(member.aframe?.timer)
      const latest = member.aframe?.latest ?? null
      if (latest !== null) pass(member, latest.scene, latest.update)
      member.aframe = null
    },
  }
}
