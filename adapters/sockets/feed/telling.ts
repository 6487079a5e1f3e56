/** Sends a room its news in order: the next event is folded and sent; an early one waits for what is missing. */
import * as E from 'fp-ts/lib/Either.js'
import { arrive, hasGap } from '../../../projections/live/sequence.ts'
import { type Logger, type Metrics, reasonOf } from '../../observing.ts'
import {
  type ArrivedEvent,
  finish,
  type LiveSpace,
  type Outlet,
  postToAll,
  tell,
  tellCrowds,
  waitLeft,
} from '../live-space.ts'
import type { HeldSpace, LiveStreamKind } from './held-space.ts'

export type Telling = {
  readonly take: (entry: HeldSpace, kind: LiveStreamKind, arrived: ArrivedEvent) => void
  /** To be called when everything that came together was taken: sends what makes one packet of several events. */
  readonly finishAll: () => void
  /** Asks everybody in the space to join again. */
  readonly resync: (live: LiveSpace, why: string, revision: bigint) => void
  readonly stop: () => void
}

export const createTelling = (deps: {
  readonly outlet: Outlet
  readonly logger: Logger
  readonly metrics: Metrics
  readonly onGap: (entry: HeldSpace) => void
}): Telling => {
  const { outlet, logger, metrics, onGap } = deps
  const touched = new Set<HeldSpace>()
  let later: NodeJS.Timeout | undefined
  /** Of its own, since a crowd's count may wait longer than other news. */
  let ticking: NodeJS.Timeout | undefined

  const resync = (live: LiveSpace, why: string, revision: bigint) => {
    logger.error({ space: live.key, revision: String(revision), why }, 'news that this server could not tell')
    metrics.count?.('presence_live_news_lost', 1)
    postToAll(live, {
      event: 'space-error',
      payload: {
        ok: false,
        code: 'resync',
        error: 'Something happened here that this server could not tell: join again for a fresh state.',
        revision: String(revision),
      },
    })
  }

  const take = (entry: HeldSpace, kind: LiveStreamKind, arrived: ArrivedEvent): void => {
    if (entry.waiting !== null) {
      entry.waiting.push({ kind, arrived })
      return
    }
    const { live } = entry
    const seq = kind === 'space' ? live.spaceSeq : live.chatSeq
    touched.add(entry)
    for (const next of arrive(seq, arrived.revision, arrived)) {
      const told = E.tryCatch(() => tell(live, outlet, kind, next), reasonOf)
      const failed = E.isLeft(told) ? told : told.right
      if (E.isLeft(failed)) resync(live, failed.left, next.revision)
    }
    if (hasGap(seq)) onGap(entry)
  }

  const finishAll = (): void => {
    for (const entry of [...touched]) {
      const wait = waitLeft(entry.live)
      if (wait > 0) {
        later ??= setTimeout(() => {
          later = undefined
          finishAll()
        }, wait)
        continue
      }
      touched.delete(entry)
      try {
        finish(entry.live, outlet)
        const next = tellCrowds(entry.live, outlet)
        if (next === 0) continue
        touched.add(entry)
        ticking ??= setTimeout(() => {
          ticking = undefined
          finishAll()
        }, next)
      } catch (error) {
        resync(entry.live, reasonOf(error), entry.live.spaceSeq.last)
      }
    }
  }

  const stop = (): void => {
    clearTimeout(later)
    clearTimeout(ticking)
  }

  return { take, finishAll, resync, stop }
}
