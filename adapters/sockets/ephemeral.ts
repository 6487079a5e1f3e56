/** What is not in the log: signalling between two sockets of a room, how a scene's entities move, and what clients tell each
 *  other that must come whole and in order. */
import { hearOthers } from './ephemeral/from-others.ts'
import type { Ephemeral, EphemeralDeps } from './ephemeral/parts.ts'
import { createRoomData } from './ephemeral/room-data.ts'
import { createSceneUpdates } from './ephemeral/scene-updates.ts'
import { createSignals } from './ephemeral/signals.ts'

export const createEphemeral = (deps: EphemeralDeps): Ephemeral => {
  const others = hearOthers(deps)
  return {
    signal: createSignals(deps),
    data: createRoomData(deps),
    ...createSceneUpdates(deps),
    stop: () => {
      others.stop()
      deps.scenes.stop()
    },
  }
}
