/** What an SFU reports, held against the room's own state: whoever should not be there is disconnected, whoever may not
 *  speak is silenced, and whose voice is carried goes onto the log, once for each change. */
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey, type RoomKey, type SpaceRef } from '../../domain/names.ts'
import type { Clock, CommandError, Commands, Ids } from '../../domain/ports.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import { boundedCache } from '../bounded-cache.ts'
import { type Logger, reasonOf } from '../observing.ts'
import { type Bucket, fullBucket, type TokenRate, take, waitFor } from '../token-bucket.ts'
import type { Participant, Sfu, SfuError, SfuReport } from './sfu.ts'

const SYSTEM = { kind: 'system', id: 'sfu' } as const

/** How often the changes of one session's voice are noted. A client can begin and end its voice as often as it likes: what
 *  comes beyond this is left out but for the last, which is noted as soon as there is room for it. */
const NOTED: TokenRate = { perSecond: 1, burst: 10 }
const SESSIONS = 20_000
type Noting = { readonly bucket: Bucket; carried: boolean; isDue: boolean }

/** The space and the subspace; null if it is no room's name. */
export const placeOfRoom = (
  room: RoomKey,
): { readonly space: SpaceRef; readonly subspace: string } | null => {
  const colon = room.lastIndexOf(':')
  const space = parseSpaceKey(room.slice(0, Math.max(0, colon)))
  return E.isLeft(space) ? null : { space: space.right, subspace: room.slice(colon + 1) }
}

export type TakeReport = (report: SfuReport) => Promise<E.Either<CommandError<SpaceRefusal> | SfuError, void>>

/** Whatever comes twice or late does what the present state asks for, which is nothing new. */
export const takeReports = ({
  sfu,
  commands,
  ids,
  clock,
  logger,
}: {
  readonly sfu: Sfu
  readonly commands: Commands
  readonly ids: Ids
  readonly clock: Clock
  readonly logger: Logger
}): TakeReport => {
  const sessions = boundedCache<string, Noting>(SESSIONS)

  const note = async (space: SpaceRef, sessionId: string, carried: boolean) => {
    const command = { type: 'NoteVoice', sessionId, carried } as const
    const noted = await commands.space({ by: SYSTEM, space, id: ids.uuid(), command })()
    return E.isLeft(noted) ? noted : E.right(undefined)
  }
  const noteLater = (space: SpaceRef, sessionId: string, noting: Noting): void => {
    noting.isDue = true
    setTimeout(
      () => {
        noting.isDue = false
        take(noting.bucket, NOTED, clock.now())
        note(space, sessionId, (sessions.get(sessionId) ?? noting).carried).then(
          (noted) => {
            if (E.isLeft(noted)) logger.warn({ error: noted.left }, 'a report of the SFU was not noted')
          },
          (error: unknown) => logger.error({ error: reasonOf(error) }, 'a report of the SFU was lost'),
        )
      },
      waitFor(noting.bucket, NOTED),
    ).unref()
  }

  return async ({ what, ...who }: SfuReport & Participant) => {
    const place = placeOfRoom(who.room)
    if (place === null) return E.right(undefined)
    const { space, subspace } = place
    const looked = await commands.look(space)()
    if (E.isLeft(looked)) return looked
    const state = looked.right?.state
    const session = state?.sessions.get(who.sessionId)
    const isHere = session?.subspace === subspace && state?.routes.has(subspace) === true
    const comes = what === 'joined' || what === 'published'
    if (comes && !isHere) return sfu.remove(who)()
    // A right that was given or taken before the participant was there is told again.
    if (what === 'joined' || (comes && session?.voice !== true))
      return sfu.maySpeak(who, session?.voice === true)()
    if (session === undefined) return E.right(undefined)
    const carried = what === 'published'
    const fresh = { bucket: fullBucket(NOTED, clock.now()), carried, isDue: false }
    const noting = sessions.get(who.sessionId) ?? fresh
    sessions.set(who.sessionId, noting)
    noting.carried = carried
    if (noting.isDue) return E.right(undefined)
    if (take(noting.bucket, NOTED, clock.now())) return note(space, who.sessionId, carried)
    noteLater(space, who.sessionId, noting)
    return E.right(undefined)
  }
}
