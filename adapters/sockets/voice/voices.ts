/** Voices of large rooms: says when a room's voice goes over to the SFU and back, lets members connect to it, and takes
 *  from the SFU at once whatever the log takes from a member. */
import * as E from 'fp-ts/lib/Either.js'
import type { RoomKey, SpaceRef } from '../../../domain/names.ts'
import type { Clock, Commands, Ids } from '../../../domain/ports.ts'
import { routeFor } from '../../../domain/space/voice-routes.ts'
import type { News } from '../../../projections/live/wire.ts'
import { type Logger, reasonOf } from '../../observing.ts'
import { placeOfRoom, takeReports } from '../../sfu/reports.ts'
import type { Participant, Sfu, SfuError, SfuGrant, SfuSignal, WrongSignal } from '../../sfu/sfu.ts'
import type { LiveFeed } from '../feed.ts'
import type { LiveSpace } from '../live-space.ts'
import type { Member, RoomPlace } from '../member.ts'

export type VoicesDeps = {
  /** Null: there is none, and every room is a mesh. */
  readonly sfu: Sfu | null
  readonly members: ReadonlyMap<string, Member>
  readonly feed: Pick<LiveFeed, 'live'>
  readonly commands: Commands
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
  /** How long (ms) a room that lost its SFU stays a mesh. Default 15,000. */
  readonly restMs?: number
}
export type NoVoice = { readonly _tag: 'ByMesh' } | SfuError
export type Voices = {
  /** To be called with what each room here is told. */
  readonly heard: (room: RoomKey, news: ReadonlyArray<News>) => void
  readonly connect: (member: Member, place: RoomPlace) => Promise<E.Either<NoVoice, VoiceGrant>>
  readonly signal: (
    place: RoomPlace,
    signal: SfuSignal,
  ) => Promise<E.Either<NoVoice | WrongSignal, SfuSignal>>
  readonly stop: () => void
}
export type VoiceGrant = SfuGrant & {
  readonly sfu: Sfu['kind']
  readonly maySpeak: boolean
  readonly room: RoomKey
}

/** News after which a room's voice may have to go another way, or somebody's be taken from it. */
const RELEVANT: ReadonlySet<string> = new Set(['user-joined', 'user-left', 'voice-state', 'voice-route'])
const SYSTEM = { kind: 'system', id: 'sfu' } as const
const REST_MS = 15_000
const LOOK_MS = 2_000
/** When (ms) something that was taken from a member is tried to be taken again, if the SFU did not do it. */
const AGAIN_MS = [100, 300, 1_000, 3_000, 10_000]

type Connected = { maySpeak: boolean }

const withoutSfu: Voices = {
  heard: () => {},
  connect: async () => E.left({ _tag: 'ByMesh' }),
  signal: async () => E.left({ _tag: 'ByMesh' }),
  stop: () => {},
}

export const createVoices = (deps: VoicesDeps): Voices => {
  const { sfu } = deps
  return sfu === null ? withoutSfu : withSfu(sfu, deps)
}

/** What the SFU must do is tried until it does it or is gone; `stillDue`: nothing has changed since. */
const trying =
  (logger: Logger) =>
  async (
    what: string,
    task: () => Promise<E.Either<SfuError, void>>,
    stillDue: () => boolean,
  ): Promise<void> => {
    for (const ms of [...AGAIN_MS, null]) {
      const done = await task()
      if (E.isRight(done) || !stillDue()) return
      if (ms === null) logger.error({ error: done.left.cause }, `the SFU could not be told: ${what}`)
      else await new Promise<void>((resolve) => void setTimeout(resolve, ms).unref())
    }
  }

const withSfu = (sfu: Sfu, deps: VoicesDeps): Voices => {
  const { members, feed, commands, clock, ids, logger } = deps
  const rooms = new Map<RoomKey, Map<string, Connected>>()
  const routing = new Set<RoomKey>()
  /** Until when (ms) rooms that lost the SFU stay as they are. */
  const resting = new Map<RoomKey, number>()
  const takeReport = takeReports({ sfu, commands, ids, clock, logger })
  const restMs = deps.restMs ?? REST_MS

  const surely = trying(logger)
  const remove = (who: Participant): void =>
    void surely('a participant is to be disconnected', sfu.remove(who), () => !isConnected(who))
  const isConnected = ({ room, sessionId }: Participant): boolean => rooms.get(room)?.has(sessionId) === true

  const liveOf = (room: RoomKey): { readonly live: LiveSpace; readonly subspace: string } | null => {
    const colon = room.lastIndexOf(':')
    const live = feed.live(room.slice(0, colon))
    return live === null ? null : { live, subspace: room.slice(colon + 1) }
  }

  const route = (space: SpaceRef, subspace: string, room: RoomKey): void => {
    if (routing.has(room)) return
    routing.add(room)
    const command = { type: 'RouteVoice', subspace, hasSfu: sfu.isUp() } as const
    void commands
      .space({ by: SYSTEM, space, id: ids.uuid(), command })()
      .then(
        (routed) => {
          if (E.isLeft(routed)) logger.warn({ error: routed.left }, 'a room’s voice could not be routed')
        },
        (error: unknown) => logger.error({ error: reasonOf(error) }, 'a room’s voice could not be routed'),
      )
      .finally(() => routing.delete(room))
  }
  /** Appends that the room's voice goes another way now, if it should. Any server may: only the first changes something. */
  const consider = (room: RoomKey): void => {
    const here = liveOf(room)
    if (here === null) return
    const { state, space } = here.live
    const { subspace } = here
    const via = state.routes.has(subspace) ? 'sfu' : 'mesh'
    const hasSfu = sfu.isUp()
    const wanted = hasSfu ? routeFor(state, subspace, clock.now()) : 'mesh'
    if (wanted === via || (wanted === 'sfu' && (resting.get(room) ?? 0) > clock.now())) return
    route(space, subspace, room)
  }
  const tellSpeak = async (who: Participant, one: Connected): Promise<void> => {
    const { maySpeak } = one
    const isHere = () => rooms.get(who.room)?.get(who.sessionId) === one
    const isDue = () => isHere() && one.maySpeak === maySpeak
    await surely('who may speak', sfu.maySpeak(who, maySpeak), isDue)
    // It may have reached the SFU after what was said later.
    if (isHere() && one.maySpeak !== maySpeak) await tellSpeak(who, one)
  }
  /** Takes from members, or gives them, what the state says now. */
  const apply = (room: RoomKey): void => {
    const connected = rooms.get(room)
    const here = liveOf(room)
    if (connected === undefined || here === null) return
    const { state } = here.live
    if (!state.routes.has(here.subspace)) {
      rooms.delete(room)
      for (const sessionId of connected.keys()) remove({ room, sessionId })
      void sfu.close(room)()
      return
    }
    for (const [sessionId, one] of connected) {
      const maySpeak = state.sessions.get(sessionId)?.voice === true
      if (maySpeak === one.maySpeak) continue
      one.maySpeak = maySpeak
      void tellSpeak({ room, sessionId }, one)
    }
  }
  const occupied = (): Set<RoomKey> => {
    const all = new Set<RoomKey>()
    for (const { place } of members.values()) if (place?.room) all.add(place.room)
    return all
  }
  const considerAll = (): void => {
    for (const room of occupied()) consider(room)
  }
  /** Lets go of a room that nobody here is in any more, and of which no news comes, once its voice is nobody's there. */
  const considerLeft = async (room: RoomKey): Promise<void> => {
    const place = placeOfRoom(room)
    if (place === null) return
    const { space, subspace } = place
    const looked = await commands.look(space)()
    if (E.isLeft(looked) || rooms.get(room)?.size !== 0) return
    const state = looked.right?.state
    if (state?.routes.has(subspace) === true) {
      if (routeFor(state, subspace, clock.now()) === 'mesh') route(space, subspace, room)
      return
    }
    rooms.delete(room)
    await sfu.close(room)()
  }
  const lookAround = (): void => {
    considerAll()
    const here = occupied()
    for (const [room, { size }] of rooms)
      if (size === 0 && !here.has(room))
        considerLeft(room).catch((error) =>
          logger.error({ error: reasonOf(error) }, 'a room that was left could not be closed at the SFU'),
        )
  }

  sfu.onReport((report) => {
    takeReport(report).catch((error) =>
      logger.error({ error: reasonOf(error) }, 'a report of the SFU was lost'),
    )
  })
  const stopListening = sfu.onChange(() => {
    if (!sfu.isUp()) logger.warn({ sfu: sfu.kind }, 'the SFU does not answer: rooms go back to a mesh')
    considerAll()
  })
  // A room that rested, was on the SFU for too short a time, or whose routing failed, has no news of its own to be looked at again by.
  const looking = setInterval(lookAround, LOOK_MS).unref()

  return {
    heard: (room, news) => {
      if (!news.some(({ event }) => RELEVANT.has(event))) return
      for (const { event, payload } of news) {
        const said = payload as Readonly<Record<string, unknown>>
        if (event === 'voice-route' && said.why === 'sfu-lost') resting.set(room, clock.now() + restMs)
        // Its server can't take it from the SFU any more.
        if (event === 'user-left' && said.reason === 'node-lost')
          remove({ room, sessionId: String(said.sessionId) })
      }
      apply(room)
      consider(room)
    },
    connect: async (member, place) => {
      const { room, sessionId, subspace, hold } = place
      if (room === null || !hold.live.state.routes.has(subspace)) return E.left({ _tag: 'ByMesh' })
      // An earlier connection of the same session gives way to this one, in the SFU too.
      const maySpeak = hold.live.state.sessions.get(sessionId)?.voice === true
      const one: Connected = { maySpeak }
      const connected = rooms.get(room) ?? new Map<string, Connected>()
      rooms.set(room, connected.set(sessionId, one))
      const who = { room, sessionId }
      place.hangUp = () => {
        place.hangUp = null
        if (rooms.get(room)?.get(sessionId) !== one) return
        rooms.get(room)?.delete(sessionId)
        remove(who)
      }
      const tell = (signal: SfuSignal) => {
        if (rooms.get(room)?.get(sessionId) === one) member.line.tell('voice-signal', { signal })
      }
      const granted = await sfu.grant(who, maySpeak, tell)()
      if (E.isLeft(granted)) return granted
      // Whatever changed meanwhile was told to an SFU that did not know the participant yet.
      if (one.maySpeak !== maySpeak) void sfu.maySpeak(who, one.maySpeak)()
      if (rooms.get(room)?.get(sessionId) !== one) {
        remove(who)
        return E.left({ _tag: 'ByMesh' })
      }
      return E.right({ ...granted.right, sfu: sfu.kind, maySpeak: one.maySpeak, room })
    },
    signal: async ({ room, sessionId }, signal) => {
      if (room === null || !isConnected({ room, sessionId })) return E.left({ _tag: 'ByMesh' })
      return sfu.signal === undefined
        ? E.left({ _tag: 'WrongSignal', detail: 'Clients connect to this SFU by themselves.' })
        : sfu.signal({ room, sessionId }, signal)()
    },
    stop: () => {
      clearInterval(looking)
      stopListening()
    },
  }
}
