/** The deliveries of all subscriptions, by one process at a time: whoever holds the lock, on the connection on which
 *  the positions are written. */
import { setTimeout as delay } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import type pg from 'pg'
import type { Actor } from '../../../domain/identity.ts'
import type { OutsideCommand } from '../../../domain/outside/decide.ts'
import type { OutsideState, Subscription } from '../../../domain/outside/state.ts'
import type { Archived, Clock, Ids } from '../../../domain/ports.ts'
import { cut } from '../../postgres/client.ts'
import { leadUntilAborted } from '../../postgres/leader.ts'
import { LOCKS } from '../../postgres/locks.ts'
import type { Item } from '../item.ts'
import { BEYOND } from '../place.ts'
import type { Outside } from '../registry.ts'
import { createSaver, type Queries, readProgress, writeProgress } from './positions.ts'
import { type Pace, pump } from './pump.ts'
import type { DeliveryOutcome } from './send.ts'

const AGAIN_MS = 1_000

type Say = (fields: Readonly<Record<string, unknown>>, message: string) => void
export type DeliveriesDeps = {
  readonly databaseUrl: string
  readonly outside: Outside
  readonly clock: Clock
  readonly ids: Ids
  readonly nodeId: string
  readonly pace: Pace
  readonly items: (
    subscription: Subscription,
    after: bigint | 'start',
    signal: AbortSignal,
  ) => AsyncIterable<Item | null>
  /** An archive with something after that place that should have been delivered. */
  readonly missed: (subscription: Subscription, after: bigint | 'start') => Promise<Archived | null>
  /** Whether the log ends before a place. */
  readonly isBeyond: (place: bigint) => Promise<boolean>
  readonly deliver: (subscription: Subscription, item: Item, signal: AbortSignal) => Promise<DeliveryOutcome>
  readonly mayStill: (subscription: Subscription) => Promise<'yes' | 'no' | 'unknown'>
  readonly logger: { readonly info: Say; readonly warn: Say; readonly error: Say }
  readonly count: (name: string, value: number, labels?: Readonly<Record<string, string>>) => void
}
export type Deliveries = {
  /** Whether this process is the one that delivers. */
  readonly isLeading: () => boolean
  readonly stop: () => Promise<void>
}

/** The connection that holds the lock. */
type Here = { readonly queries: Queries; readonly giveUp: () => void }
type Running = {
  readonly subscription: Subscription
  readonly over: AbortController
  readonly done: Promise<void>
}

/** Runs the queries of several users of one connection one after the other. */
const inTurn = (client: pg.Client): Queries => {
  let last: Promise<unknown> = Promise.resolve()
  return {
    query: (query) => {
      const mine = last.then(() => client.query(query))
      last = mine.catch(() => {})
      return mine
    },
  }
}

const PARKED = 'a subscription is parked: nothing more is delivered'
const goneIn = ({ name, position }: Archived): string =>
  `Some of what comes next is in the archive ${name}: have it replayed after position ${position}.`

/** Runs one subscription until its signal aborts, whatever fails in the meantime. */
const keepPumping = async (
  deps: DeliveriesDeps,
  here: Here,
  subscription: Subscription,
  over: AbortController,
): Promise<void> => {
  const { outside, clock, ids, nodeId, logger } = deps
  const { signal } = over
  const by: Actor = { kind: 'system', id: nodeId }
  const rest = (ms: number) => delay(ms, undefined, { signal }).catch(() => {})
  /** Tries until it is on the log. */
  const act = async (command: OutsideCommand): Promise<void> => {
    while (!signal.aborted) {
      const done = await outside.act({ sender: { by }, id: ids.uuid(), command })
      if (E.isRight(done) || done.left._tag === 'Refused') return
      await rest(AGAIN_MS)
    }
  }
  const { id, start } = subscription
  const park = async (position: string, after: string, since: number, error: string): Promise<void> => {
    logger.error({ subscription: id, position, error }, PARKED)
    const from = new Date(since).toISOString()
    await act({ type: 'ParkSubscription', subscription: id, start, position, after, since: from, error })
  }
  while (!signal.aborted) {
    const saver = createSaver(
      (progress) => writeProgress(here.queries, subscription, progress),
      // If the position can't be written, the connection is lost, and the lock with it.
      here.giveUp,
    )
    try {
      const progress = await readProgress(here.queries, subscription)
      const place = String(progress.position ?? subscription.after)
      const after = place === 'start' ? place : BigInt(place)
      const missed = await deps.missed(subscription, after)
      const isBeyond = missed === null && after !== 'start' && (await deps.isBeyond(after))
      if (missed !== null || isBeyond) {
        const since = progress.failingSince ?? clock.now()
        await park(place === 'start' ? '0' : place, place, since, missed === null ? BEYOND : goneIn(missed))
        return
      }
      await pump({
        subscription,
        progress,
        items: (after, of) => deps.items(subscription, after, of),
        deliver: (item, of) => deps.deliver(subscription, item, of),
        // Checked before each delivery: what happens after the right has ended is not sent.
        mayStill: () => deps.mayStill(subscription),
        save: saver.save,
        park: ({ position }, { after, since, error }) => park(position, after, since, error),
        end: () => act({ type: 'EndSubscription', subscription: id, reason: 'the right to it ended' }),
        count: (outcome) => deps.count('webhook_deliveries', 1, { outcome }),
        pace: deps.pace,
        now: clock.now,
        signal,
      })
    } catch (error) {
      if (!signal.aborted) logger.warn({ subscription: id, err: error }, 'a subscription waits')
    }
    await saver.saved()
    await rest(AGAIN_MS)
  }
}

/** Keeps exactly the existing subscriptions running: one that was changed, replayed, parked or ended is stopped and, if
 *  it goes on, started again. */
const createManager = (deps: DeliveriesDeps, here: Here) => {
  const running = new Map<string, Running>()
  const start = (subscription: Subscription, before: Promise<void>): void => {
    const over = new AbortController()
    // Never two runs of one subscription at once: its events would be out of order.
    const done = before.then(() => keepPumping(deps, here, subscription, over))
    running.set(subscription.id, { subscription, over, done })
  }
  return {
    follow: (state: OutsideState): void => {
      for (const [id, one] of running) {
        const now = state.subscriptions.get(id)
        if (now === one.subscription) continue
        one.over.abort()
        running.delete(id)
        if (now !== undefined && now.parked === null) start(now, one.done)
      }
      for (const [id, subscription] of state.subscriptions)
        if (subscription.parked === null && !running.has(id)) start(subscription, Promise.resolve())
    },
    stop: async (): Promise<void> => {
      const all = [...running.values()]
      running.clear()
      for (const { over } of all) over.abort()
      await Promise.allSettled(all.map(({ done }) => done))
    },
  }
}

export const runDeliveries = (deps: DeliveriesDeps): Deliveries => {
  const { outside, logger } = deps
  const stopped = new AbortController()
  let leads = false

  /** Delivers until the connection is gone. */
  const deliver = async (client: pg.Client): Promise<void> => {
    const gone = new Promise<void>((resolve) => client.once('end', resolve))
    const manager = createManager(deps, { queries: inTurn(client), giveUp: () => cut(client) })
    const leave = outside.onChange(manager.follow)
    leads = true
    try {
      const state = outside.state()
      if (state !== null) manager.follow(state)
      await gone
    } finally {
      leads = false
      leave()
      const stopping = manager.stop()
      cut(client)
      await stopping
    }
  }
  const running = leadUntilAborted({
    databaseUrl: deps.databaseUrl,
    name: 'presence deliveries',
    lock: LOCKS.delivering,
    provesSession: false,
    signal: stopped.signal,
    work: deliver,
    onFailure: (error, before) => {
      if (before === 0) logger.warn({ err: error }, 'deliveries wait for Postgres')
    },
  })
  return {
    isLeading: () => leads,
    stop: async () => {
      stopped.abort()
      await running
    },
  }
}
