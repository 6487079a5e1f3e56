/** What an SFU reports, held against the room's own state: whoever should not be there is disconnected, whoever may not
 *  speak is silenced, and whose voice is carried goes onto the log, once for each change. */
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey, type RoomKey, type SpaceRef } from '../../domain/names.ts'
import type { CommandError, Commands, Ids } from '../../domain/ports.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { Participant, Sfu, SfuError, SfuReport } from './sfu.ts'

const SYSTEM = { kind: 'system', id: 'sfu' } as const

/** The space and the subspace; null if it is no room's name. */
const placeOfRoom = (room: RoomKey): { readonly space: SpaceRef; readonly subspace: string } | null => {
  const colon = room.lastIndexOf(':')
  const space = parseSpaceKey(room.slice(0, Math.max(0, colon)))
  return E.isLeft(space) ? null : { space: space.right, subspace: room.slice(colon + 1) }
}

export type TakeReport = (report: SfuReport) => Promise<E.Either<CommandError<SpaceRefusal> | SfuError, void>>

/** Whatever comes twice or late does what the present state asks for, which is nothing new. */
export const takeReports =
  ({
    sfu,
    commands,
    ids,
  }: {
    readonly sfu: Sfu
    readonly commands: Commands
    readonly ids: Ids
  }): TakeReport =>
  async ({ what, ...who }: SfuReport & Participant) => {
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
    const command = { type: 'NoteVoice', sessionId: who.sessionId, carried: what === 'published' } as const
    const noted = await commands.space({ by: SYSTEM, space, id: ids.uuid(), command })()
    return E.isLeft(noted) ? noted : E.right(undefined)
  }
