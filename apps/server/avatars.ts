/** Avatars of sessions. A space restored from a snapshot lacks them, since snapshots hold nothing personal; the tables
 *  have them. */
import * as E from 'fp-ts/lib/Either.js'
import type { Commands } from '../../domain/ports.ts'
import type { ReadModels } from '../../projections/read-models.ts'

/** The same commands, with avatars in `look`; without them if the tables can't be asked. */
export const withAvatars = (
  commands: Commands,
  readModels: Pick<ReadModels, 'connectedUsers'>,
): Commands => ({
  ...commands,
  look: (space) => async () => {
    const looked = await commands.look(space)()
    if (E.isLeft(looked) || looked.right === null) return looked
    const { state, revision } = looked.right
    if (![...state.sessions.values()].some(({ avatarData }) => avatarData === null)) return looked
    const users = await readModels.connectedUsers(space)()
    if (E.isLeft(users)) return looked
    const sessions = new Map(state.sessions)
    for (const { session_id, avatar_data } of users.right) {
      const session = sessions.get(session_id)
      if (session !== undefined && session.avatarData === null && avatar_data !== null)
        sessions.set(session_id, { ...session, avatarData: avatar_data })
    }
    return E.right({ state: { ...state, sessions }, revision })
  },
})
