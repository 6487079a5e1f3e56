/** Presence as a lease. Each process renews its boot's lease; a live one ends the sessions of a boot that no longer does,
 *  once, with `node-lost`. While the leases can't be reached, and for a while after, nobody counts as dead: every live
 *  process must first have time to renew. */

import * as E from 'fp-ts/lib/Either.js'
import type { Logger, Metrics } from '../../adapters/observing.ts'
import { waitAtMost } from '../../adapters/wait-at-most.ts'
import type { LeaseStore } from '../../domain/leases.ts'
import type { Commands } from '../../domain/ports.ts'
import type { ReadModels } from '../../projections/read-models.ts'
import { createEndingSessions, type SessionAt } from './ending-sessions.ts'

export type LeaseKeeperOptions = {
  readonly leases: LeaseStore
  readonly commands: Pick<Commands, 'space'>
  /** Says which boots have live sessions, and which sessions these are. */
  readonly models: Pick<ReadModels, 'boots' | 'sessionsOfBoot'>
  readonly node: { readonly id: string; readonly boot: string }
  readonly logger: Logger
  readonly metrics?: Metrics
  /** Without a renewal for this long a boot counts as dead. Default 15,000 ms. */
  readonly ttlMs?: number
  /** How often the lease is renewed and the others are checked. Default a fifth of `ttlMs`. */
  readonly everyMs?: number
  /** Milliseconds of a clock that only goes forwards. Default `performance.now`. */
  readonly now?: () => number
  /** The sessions of this boot that have a socket. Those without one are ended: a departure may have been lost while the log was away. */
  readonly here?: () => ReadonlySet<string>
  /** Called if another process took this one for dead and ended its sessions: they must join again. */
  readonly onLost?: () => void
}

export type LeaseKeeper = {
  /** One round of renewing and of ending dead boots' sessions; the timer calls it. Rounds never overlap. */
  readonly tick: () => Promise<void>
  readonly start: () => void
  /** Ends this boot's sessions (`disconnected`) and releases its lease. The given sessions are ended besides those that
   *  the read model knows. Gives up after `patienceMs` (default 5,000), leaving the lease for others to find. */
  readonly stop: (sessions?: ReadonlyArray<SessionAt>, patienceMs?: number) => Promise<void>
}

/** How long, in multiples of `ttlMs`, a dead boot's lease is kept for sessions that the read model learns of late. */
const KEPT_FOR = 20
/** An earlier boot of the same node that missed this many rounds has been replaced by this one, since nodes' names are unique. */
const PREDECESSOR_ROUNDS = 2.5

export const keepLeases = (options: LeaseKeeperOptions): LeaseKeeper => {
  const { leases, commands, models, node, logger, metrics = {} } = options
  const ttlMs = options.ttlMs ?? 15_000
  const everyMs = options.everyMs ?? ttlMs / 5
  const now = options.now ?? (() => performance.now())
  const { leave, sessionsOf } = createEndingSessions({ commands, models, metrics })
  /** Since when each of our renewals succeeded in time; null while they don't. */
  let healthySince: number | null = null
  let renewedAt = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  let ticking: Promise<void> | null = null
  let isStopping = false
  /** Sessions of ours that had no socket the last time. */
  let suspects = new Set<string>()

  const renew = async (): Promise<boolean> => {
    const asked = now()
    const renewed = await leases.renew(node.boot, node.id)()
    if (E.isLeft(renewed)) {
      if (healthySince !== null) logger.warn({ cause: renewed.left.cause }, 'the lease could not be renewed')
      healthySince = null
      return false
    }
    // If our renewals failed, everybody's probably did.
    if (healthySince === null || asked - renewedAt > ttlMs) healthySince = asked
    renewedAt = asked
    if (renewed.right.wasTaken) {
      metrics.count?.('leases_lost', 1)
      logger.warn({ boot: node.boot }, 'another process held this one for dead and ended its sessions')
      options.onLost?.()
    }
    return true
  }

  /** `occupied`: the boots that have live sessions. */
  const endDead = async (occupied: ReadonlySet<string>): Promise<void> => {
    const known = await leases.all()()
    if (E.isLeft(known)) return
    const byBoot = new Map(known.right.map((lease) => [lease.boot, lease]))
    const isSteady = healthySince !== null && now() - healthySince >= ttlMs
    for (const boot of occupied) {
      if (isStopping) return
      if (boot === node.boot) continue
      const lease = byBoot.get(boot)
      const isPredecessor = lease?.node === node.id
      if (!isPredecessor && !isSteady) continue
      const patience = isPredecessor ? Math.min(ttlMs, PREDECESSOR_ROUNDS * everyMs) : ttlMs
      if (lease !== undefined && lease.idleMs <= patience) continue
      const taken = await leases.take(boot, node.boot, patience)()
      if (E.isLeft(taken) || !taken.right) continue
      const sessions = await sessionsOf(boot)
      if (sessions === null || sessions.length === 0) continue
      const failed = await leave(sessions, 'node-lost', boot)
      logger.warn({ boot, sessions: sessions.length, failed }, 'ended the sessions of a process that is gone')
    }
    if (!isSteady) return
    for (const { boot, idleMs } of known.right) {
      if (boot === node.boot || occupied.has(boot) || idleMs < ttlMs * KEPT_FOR) continue
      const taken = await leases.take(boot, node.boot, ttlMs)()
      if (E.isRight(taken) && taken.right) await leases.release(boot, node.boot)()
    }
  }

  /** Ends sessions that twice, a round apart, had no socket: one that is just joining or leaving is left alone.
   *  `counted`: how many sessions the read model has of this boot. */
  const endOwnGhosts = async (counted: number): Promise<void> => {
    const here = options.here?.()
    if (here === undefined || counted <= here.size) {
      suspects = new Set()
      return
    }
    const own = await sessionsOf(node.boot)
    if (own === null) return
    const ghosts = own.filter(({ sessionId }) => !here.has(sessionId))
    const again = ghosts.filter(({ sessionId }) => suspects.has(sessionId))
    suspects = new Set(ghosts.map(({ sessionId }) => sessionId))
    if (again.length > 0) await leave(again, 'disconnected', node.boot)
  }

  const round = async (): Promise<void> => {
    try {
      if (!(await renew()) || isStopping) return
      const boots = await models.boots()()
      if (E.isLeft(boots)) return
      await endOwnGhosts(boots.right.find(({ boot }) => boot === node.boot)?.sessions ?? 0)
      await endDead(new Set(boots.right.map(({ boot }) => boot)))
    } catch (error) {
      logger.error({ error: String(error) }, 'looking after leases failed')
    }
  }

  const tick = (): Promise<void> => {
    ticking ??= round().finally(() => {
      ticking = null
    })
    return ticking
  }

  const schedule = (): void => {
    timer = setTimeout(() => {
      void tick().finally(() => {
        if (!isStopping) schedule()
      })
    }, everyMs)
    timer.unref()
  }

  return {
    tick,
    start: () => {
      void tick()
      schedule()
    },
    stop: async (sessions = [], patienceMs = 5_000) => {
      isStopping = true
      clearTimeout(timer)
      const ending = async (): Promise<void> => {
        await ticking
        const known = (await sessionsOf(node.boot)) ?? []
        const all = new Map([...known, ...sessions].map((session) => [session.sessionId, session]))
        const failed = await leave([...all.values()], 'disconnected', node.boot)
        // Another process ends the remaining sessions once the lease has run out.
        if (failed === 0) await leases.release(node.boot, node.boot)()
      }
      await waitAtMost(
        patienceMs,
        ending().catch((error) => logger.error({ error: String(error) }, 'ending the sessions failed')),
      )
    },
  }
}
