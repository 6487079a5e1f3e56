/** Events that are not on the log: signalling between two sockets of a room, movements of a scene's entities, and messages
 *  between clients that must arrive whole and in order. */
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
