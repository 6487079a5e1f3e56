/** Sends what a client missed one page at a time, the next when it has read the one before. */
import { setImmediate, setTimeout } from 'node:timers/promises'
import type { News } from '../../projections/live/wire.ts'
import { packetOf } from './frames.ts'
import type { Line } from './line.ts'

const PAGE_BYTES = 131_072
/** How often (ms) a slow client is checked, and how long (ms) it may read nothing at all. */
const LOOK_MS = 25
const PATIENCE_MS = 10_000

/** `onWait` is called when the client takes its time. */
type Going = { readonly goesOn: () => boolean; readonly onWait: () => void }

/** Resolves once little waits for the client; false if it did not read for too long, or if `goesOn` returns false. */
const read = async (line: Pick<Line, 'waiting'>, { goesOn, onWait }: Going): Promise<boolean> => {
  await setImmediate()
  let least = Number.POSITIVE_INFINITY
  let since = performance.now()
  for (;;) {
    if (!goesOn()) return false
    const waiting = line.waiting()
    if (waiting < PAGE_BYTES) return true
    if (waiting < least) {
      least = waiting
      since = performance.now()
    }
    if (performance.now() - since > PATIENCE_MS) return false
    onWait()
    await setTimeout(LOOK_MS)
  }
}

/** Whether all of it was sent. A client that reads nothing is sent elsewhere. */
export const sendInPages = async (
  line: Pick<Line, 'waiting' | 'packets' | 'sendElsewhere'>,
  news: ReadonlyArray<News>,
  going: Going,
): Promise<boolean> => {
  let page: string[] = []
  let bytes = 0
  for (const { event, payload } of news) {
    const packet = packetOf(event, payload)
    page.push(packet)
    bytes += packet.length
    if (bytes < PAGE_BYTES) continue
    line.packets(page)
    page = []
    bytes = 0
    if (await read(line, going)) continue
    if (going.goesOn()) line.sendElsewhere()
    return false
  }
  line.packets(page)
  return true
}
