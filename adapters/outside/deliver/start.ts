/** Starts deliveries with everything that they need from the server. */
import type { KeyObject } from 'node:crypto'
import type { Caller } from '../../../domain/identity.ts'
import type { SpaceRef } from '../../../domain/names.ts'
import type { Subscription } from '../../../domain/outside/state.ts'
import type { Archived, EventLog } from '../../../domain/ports.ts'
import type { Proofs } from '../../../projections/proof/proofs.ts'
import { feed } from '../feed.ts'
import { inclusionOf } from '../inclusion.ts'
import type { Item, PositionBefore } from '../item.ts'
import { isBeyond } from '../place.ts'
import { type Deliveries, type DeliveriesDeps, runDeliveries } from './deliveries.ts'
import { createSend } from './send.ts'
import { signedHeaders } from './sign.ts'
import type { TargetOptions } from './target.ts'

export type StartDeps = Omit<DeliveriesDeps, 'items' | 'deliver' | 'mayStill' | 'missed' | 'isBeyond'> & {
  readonly log: Pick<EventLog, 'subscribe' | 'readAll'>
  readonly before: PositionBefore
  readonly archivedAfter: (after: bigint | 'start') => Promise<Archived | null>
  readonly proofs: Proofs
  readonly key: KeyObject
  readonly target: TargetOptions
  /** Parses a space's key as this project wrote it. */
  readonly spaceFrom: (key: string | null) => SpaceRef | null
  readonly mayFollow: (space: SpaceRef | null, caller: Caller) => Promise<'yes' | 'no' | 'unknown'>
}

/** The maker of a subscription is an account or a service: nobody else may make one. */
const makerOf = ({ by }: Subscription): Caller => ({
  kind: by.kind === 'service' ? 'service' : 'account',
  id: by.id,
})

/** The archive with something after that place that should have been delivered, according to the tables if they know. */
const missedBy =
  ({ archivedAfter, before, spaceFrom }: StartDeps) =>
  async ({ space, types }: Subscription, after: bigint | 'start'): Promise<Archived | null> => {
    const archive = await archivedAfter(after)
    if (archive?.position === undefined) return null
    const named = spaceFrom(space)
    if (named === null) return types === null ? archive : null
    const last = await before(named, BigInt(archive.position) + 1n, { space: named, types })
    return last !== null && (after === 'start' || last > after) ? archive : null
  }

export const startDeliveries = (deps: StartDeps): Deliveries => {
  const { send, close } = createSend(deps.target)
  const bodyOf = async (subscription: Subscription, item: Item): Promise<string> => {
    const proof = subscription.proofs ? { proof: await inclusionOf(deps.proofs, item.position) } : {}
    return JSON.stringify({ type: item.type, timestamp: item.at, data: { ...item, ...proof } })
  }
  const deliveries = runDeliveries({
    ...deps,
    items: ({ space, types }, after, signal) =>
      feed(
        deps.log,
        deps.before,
        { space: deps.spaceFrom(space), types, after, isLive: true, limit: null, showsClient: false },
        signal,
      ),
    isBeyond: (place) => isBeyond(deps.log, place),
    deliver: async (subscription, item, signal) => {
      try {
        const body = await bodyOf(subscription, item)
        const headers = signedHeaders(deps.key, subscription, { id: item.id, body }, deps.clock.now())
        return await send({ url: subscription.url, headers, body }, signal)
      } catch (error) {
        return { _tag: 'NotTaken', error: (error as Error).message, retryAfterMs: 0, isGone: false }
      }
    },
    missed: missedBy(deps),
    mayStill: (subscription) => deps.mayFollow(deps.spaceFrom(subscription.space), makerOf(subscription)),
  })
  return {
    ...deliveries,
    stop: async () => {
      await deliveries.stop()
      close()
    },
  }
}
