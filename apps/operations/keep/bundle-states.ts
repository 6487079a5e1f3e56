/** Keeps the states with which bundles begin as rooms go on, so that an export costs the same whatever a room's age.
 *  They are signed, since whoever can write to the table must not be trusted. */
import * as E from 'fp-ts/lib/Either.js'
import { connectSession } from '../../../adapters/postgres/session.ts'
import type { RoomStreamKind } from '../../../domain/names.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { asBundled } from '../../../projections/proof/bundled.ts'
import type { Signer } from '../../../projections/proof/note.ts'
import {
  applyEvent,
  type BundleState,
  emptyState,
  kindOf,
  stateFromJson,
  stateToJson,
} from '../../../projections/proof/state.ts'
import {
  ANY_PLACE,
  ANY_TIME,
  eventsOfStream,
  KEEP_EVERY,
  type KeptStates,
  keptStates,
} from '../export/kept-states.ts'
import { type Bounds, type FollowedStream, follow, type StreamFollower } from './stream-follower.ts'

/** A longer unkept stretch than this is left to the first export, which then takes a while. */
const FAR = 3

type Options = Bounds & {
  /** The log as it is. */
  readonly log: EventLog
  readonly databaseUrl: string
  readonly signer: Signer
  readonly every?: number
  readonly onError?: (error: Error, stream: string) => void
}

const entriesIn = ({ named, messages }: BundleState): number =>
  Object.values(named).reduce((sum, { size }) => sum + size, messages.size)

export const keepStates = (options: Options): StreamFollower => {
  const { log, databaseUrl, signer, every = KEEP_EVERY } = options

  const withKept = async <A>(work: (kept: KeptStates) => Promise<A>): Promise<A> => {
    const session = await connectSession(databaseUrl, 'presence states')
    try {
      return await work(keptStates(session, log, signer))
    } finally {
      await session.close()
    }
  }

  const followed = (stream: string, kind: RoomStreamKind, state: BundleState): FollowedStream => {
    let due: Array<{ readonly state: BundleState; readonly lastId: string }> = []
    return {
      revision: () => state.revisions[kind] - 1,
      add: (_decoded, recorded) => {
        applyEvent(state, asBundled(recorded))
        if (state.revisions[kind] % every !== 0) return
        // A copy, since the state goes on changing.
        const copy = stateFromJson(JSON.parse(JSON.stringify(stateToJson(state))))
        if (copy !== null) due.push({ state: copy, lastId: recorded.id })
      },
      isDue: () => due.length > 0,
      flush: async () => {
        const now = due
        due = []
        await withKept(async (kept) => {
          for (const one of now) await kept.keep(stream, kind, one.state, one.lastId)
        })
        return true
      },
      entries: () => entriesIn(state),
    }
  }

  const takeUp = (stream: string, kind: RoomStreamKind): Promise<FollowedStream | null> =>
    withKept(async (kept) => {
      const state = (await kept.before(stream, kind, ANY_TIME, ANY_PLACE)) ?? emptyState()
      const end = await log.readStream(stream, { direction: 'backwards', limit: 1 })()
      if (E.isLeft(end)) return null
      const last = Number(end.right[0]?.revision ?? -1n)
      if (last - state.revisions[kind] > FAR * every) return null
      for await (const recorded of eventsOfStream(log, stream, state.revisions[kind], ANY_PLACE)) {
        applyEvent(state, asBundled(recorded))
        if (state.revisions[kind] % every === 0) await kept.keep(stream, kind, state, recorded.id)
      }
      return followed(stream, kind, state)
    })

  return follow({
    ...options,
    every,
    of: (stream) => {
      const kind = kindOf(stream)
      return kind === null
        ? null
        : { begin: () => followed(stream, kind, emptyState()), takeUp: () => takeUp(stream, kind) }
    },
  })
}
