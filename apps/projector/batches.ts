/** Writes what the subscription delivers into the tables, one batch per transaction. */
import { isDataError } from '../../adapters/postgres/errors.ts'
import type { DatabaseSession } from '../../adapters/postgres/session.ts'
import type { RecordedEvent, SubscriptionItem } from '../../domain/ports.ts'
import type { ParkedEvent } from '../../projections/parked.ts'
import { batchFrom, type Readable, readable } from '../operations/tables/apply.ts'
import { type BeforeCommit, commit, type Lead } from './leading.ts'
import type { StateKeeper } from './state.ts'

export const MAX_BATCH = 2_000

/** The events among the items that are new, and up to where the log is known then. */
const newIn = (
  items: ReadonlyArray<SubscriptionItem>,
  after: bigint | null,
): {
  readonly events: ReadonlyArray<RecordedEvent>
  readonly to: bigint | null
  readonly caughtUp: boolean
} => {
  const events: RecordedEvent[] = []
  let to = after
  let caughtUp = false
  for (const item of items)
    switch (item.kind) {
      case 'event':
        // A subscription delivers each event once; this check costs nothing and holds whatever it does.
        if (to !== null && item.event.position <= to) break
        events.push(item.event)
        to = item.event.position
        break
      case 'passed':
        // It wants every stream.
        break
      case 'checkpoint':
        if (to === null || item.position > to) to = item.position
        break
      case 'caught-up':
        caughtUp = true
        break
      default:
        item satisfies never
    }
  return { events, to, caughtUp }
}

/** Makes the function that takes in items. It ends between two batches if `isStopping`. */
export const createBatches = ({
  session,
  leading,
  state,
  ...options
}: {
  readonly session: DatabaseSession
  readonly leading: Lead
  readonly state: StateKeeper
  readonly isStopping: () => boolean
  readonly beforeCommit: BeforeCommit | undefined
  readonly onParked: (parked: ParkedEvent) => void
  readonly onApplied: ((events: ReadonlyArray<Readable>) => void) | undefined
}) => {
  const { isStopping, beforeCommit, onParked, onApplied } = options

  const take = async (events: ReadonlyArray<Readable>, to: bigint): Promise<void> => {
    const batch = { events, to }
    let aside: ReadonlyArray<ParkedEvent>
    try {
      aside = await commit(session, leading, batch, { careful: false, beforeCommit })
    } catch (error) {
      if (!isDataError(error)) throw error
      aside = await commit(session, leading, batch, { careful: true, beforeCommit })
    }
    state.applied(events.length, leading.position, leading.parked.size)
    for (const parked of aside) onParked(parked)
    onApplied?.(batch.events)
  }

  return async (items: ReadonlyArray<SubscriptionItem>): Promise<void> => {
    const { events, to, caughtUp } = newIn(items, leading.position)
    state.given(events.length, to)
    const decoded = events.map(readable)
    for (let at = 0; at < decoded.length && !isStopping(); ) {
      const part = batchFrom(decoded, at, MAX_BATCH)
      at += part.length
      await take(part, at >= decoded.length ? to! : part.at(-1)!.recorded.position)
    }
    if (events.length === 0 && to !== null && to !== leading.position) await take([], to)
    if (caughtUp && !state.now().caughtUp) state.set({ caughtUp })
  }
}
