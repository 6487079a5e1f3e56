/** Components of pinned entities. A space restored from a snapshot lacks them, since snapshots hold nothing personal; the
 *  tables have them. */
import * as E from 'fp-ts/lib/Either.js'
import type { Commands } from '../../domain/ports.ts'
import { pinKey } from '../../domain/space/pin.ts'
import type { ReadModels } from '../../projections/read-models.ts'

/** The same commands, with components in `look`; without them if the tables can't be asked. */
export const withPinned = (commands: Commands, readModels: Pick<ReadModels, 'entities'>): Commands => ({
  ...commands,
  look: (space) => async () => {
    const looked = await commands.look(space)()
    if (E.isLeft(looked) || looked.right === null) return looked
    const { state, revision } = looked.right
    if (![...state.pinned.values()].some(({ components }) => components === null)) return looked
    const rows = await readModels.entities(space)()
    if (E.isLeft(rows)) return looked
    const pinned = new Map(state.pinned)
    for (const { subspace, entity_id, components } of rows.right) {
      const key = pinKey(subspace, entity_id)
      const pin = pinned.get(key)
      if (pin?.components === null) pinned.set(key, { ...pin, components })
    }
    return E.right({ state: { ...state, pinned }, revision })
  },
})
