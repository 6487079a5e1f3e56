/** How all sockets stop: every session's end is asked for and awaited, for a while. */
import type { Server } from 'socket.io'
import type { createDepartures } from '../departures.ts'
import type { Member } from '../member.ts'
import type { createGoing } from './going.ts'

/** `stopTaking`: from then on nothing new is taken in. */
export const closing = async (
  {
    members,
    going,
    departures,
    feed,
    io,
  }: {
    readonly members: ReadonlyMap<string, Member>
    readonly going: ReturnType<typeof createGoing>
    readonly departures: ReturnType<typeof createDepartures>
    readonly feed: { readonly close: () => Promise<void> }
    readonly io: Server
  },
  ms: number,
  stopTaking: () => void,
): Promise<void> => {
  stopTaking()
  const here = [...members.values()]
  going.sendAllElsewhere()
  // Departures are asked for as the sockets go, each after what its socket was doing.
  const settled = Promise.allSettled(here.map((member) => member.busy))
  const late = new Promise((resolve) => setTimeout(resolve, ms).unref())
  const started = Date.now()
  await Promise.race([settled, late])
  await departures.close(Math.max(0, ms - (Date.now() - started)))
  await feed.close()
  io.engine.close()
}
