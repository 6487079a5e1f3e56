/** Stops all sockets: requests the end of every session, and waits for that for a while. */
import type { Server } from 'socket.io'
import type { createDepartures } from '../departures.ts'
import type { Member } from '../member.ts'
import type { Motion } from '../scene/motion.ts'
import type { PinnedEntities } from '../scene/pinned-entities.ts'
import type { createGoing } from './going.ts'

/** `stopTaking`: after it is called, nothing new is accepted. */
export const closing = async (
  {
    members,
    going,
    pinnedEntities,
    motion,
    departures,
    feed,
    io,
  }: {
    readonly members: ReadonlyMap<string, Member>
    readonly going: ReturnType<typeof createGoing>
    readonly pinnedEntities: PinnedEntities
    readonly motion: Motion | null
    readonly departures: ReturnType<typeof createDepartures>
    readonly feed: { readonly close: () => Promise<void> }
    readonly io: Server
  },
  ms: number,
  stopTaking: () => void,
): Promise<void> => {
  stopTaking()
  // Lasting entities and motion are saved first, while those who moved them are still in.
  const saved = Promise.all([pinnedEntities.flush(), motion?.flush()])
  await Promise.race([saved, new Promise((resolve) => setTimeout(resolve, ms / 2).unref())])
  pinnedEntities.stop()
  const here = [...members.values()]
  going.sendAllElsewhere()
  // Departures are requested as the sockets close, each after whatever its socket was doing.
  const settled = Promise.allSettled(here.map((member) => member.busy))
  const late = new Promise((resolve) => setTimeout(resolve, ms).unref())
  const started = Date.now()
  await Promise.race([settled, late])
  await departures.close(Math.max(0, ms - (Date.now() - started)))
  await feed.close()
  io.engine.close()
}
