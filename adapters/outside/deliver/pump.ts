/** Delivers one subscription: events from its position on to its address, each tried again until it is accepted. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Subscription } from '../../../domain/outside/state.ts'
import type { Item } from '../item.ts'
import { createLanes, type Parcelled } from './lanes.ts'
import type { DeliveryProgress } from './positions.ts'
import type { DeliveryOutcome } from './send.ts'

export type Pace = {
  /** Milliseconds before the next try, by the number of failures. */
  readonly backoffMs: (failures: number) => number
  /** If a delivery is refused for this long (ms), the subscription is parked. */
  readonly parkAfterMs: number
}
export const DAY: Pace = {
  backoffMs: (failures) => Math.min(1_000 * 2 ** failures, 300_000) * (0.75 + Math.random() / 2),
  parkAfterMs: 24 * 3_600_000,
}

export type PumpDeps = {
  readonly subscription: Subscription
  readonly progress: DeliveryProgress
  readonly items: (after: bigint | 'start', signal: AbortSignal) => AsyncIterable<Item | null>
  readonly deliver: (item: Item, signal: AbortSignal) => Promise<DeliveryOutcome>
  /** Whether its maker may still see this; `unknown` if that can't be determined now. */
  readonly mayStill: () => Promise<'yes' | 'no' | 'unknown'>
  readonly save: (progress: DeliveryProgress) => void
  readonly park: (
    item: Item,
    why: { readonly after: string; readonly since: number; readonly error: string },
  ) => Promise<void>
  readonly end: () => Promise<void>
  readonly count: (outcome: 'taken' | 'refused') => void
  readonly pace: Pace
  readonly now: () => number
  readonly signal: AbortSignal
}

type Parcel = Parcelled & { readonly item: Item }
/** Thrown when nothing more is delivered. */
class Over extends Error {}
const SOON_MS = 1_000

/** Runs until it is stopped, parked or ended. Rejects if the log or the tables fail: then run it again. */
export const pump = async (deps: PumpDeps): Promise<void> => {
  const { subscription, pace, now } = deps
  const stop = new AbortController()
  const signal = AbortSignal.any([deps.signal, stop.signal])
  let { progress } = deps
  const rest = (ms: number) => delay(ms, undefined, { signal }).catch(() => {})
  const begun = progress.position ?? (subscription.after === 'start' ? 'start' : BigInt(subscription.after))
  /** The delivery that was being refused when it last stopped comes first. */
  let inherited = progress.failingSince
  const place = (): string => (progress.position === null ? subscription.after : String(progress.position))
  const changed = (change: Partial<DeliveryProgress>): void => {
    progress = { ...progress, ...change }
    deps.save(progress)
  }

  const deliver = async ({ item }: Parcel): Promise<void> => {
    let since = inherited
    inherited = null
    for (let failures = 0; ; ) {
      if (signal.aborted) throw new Over()
      const may = await deps.mayStill()
      if (may === 'no') {
        await deps.end()
        throw new Over()
      }
      const outcome = may === 'unknown' ? null : await deps.deliver(item, signal)
      if (signal.aborted) throw new Over()
      if (outcome === null) await rest(SOON_MS)
      else if (outcome._tag === 'Taken') return deps.count('taken')
      else {
        since ??= now()
        deps.count('refused')
        changed({
          failingSince: progress.failingSince ?? since,
          failures: progress.failures + 1,
          lastError: outcome.error,
          failedAt: now(),
        })
        if (outcome.isGone || now() - since >= pace.parkAfterMs) {
          await deps.park(item, { after: place(), since, error: outcome.error })
          throw new Over()
        }
        await rest(Math.max(pace.backoffMs(failures), outcome.retryAfterMs))
        failures += 1
      }
    }
  }

  const lanes = createLanes<Parcel>(deliver, (upTo, count) =>
    changed({
      position: upTo,
      delivered: progress.delivered + count,
      failingSince: null,
      lastError: null,
      deliveredAt: now(),
    }),
  )
  try {
    for await (const item of deps.items(begun, signal))
      if (item !== null)
        await lanes.push({
          item,
          room: `${item.space_type}:${item.space_id}`,
          position: BigInt(item.position),
        })
    if (!signal.aborted) await lanes.drained()
  } catch (error) {
    if (!(error instanceof Over)) throw error
  } finally {
    stop.abort()
  }
}
