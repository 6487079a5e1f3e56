/** Carries out erasures that people asked for, once their wait is over and nothing holds them up. The server whose
 *  event on the log begins an erasure carries it out; the others leave it alone. */
import * as E from 'fp-ts/lib/Either.js'
import type { Logger } from '../../adapters/logger.ts'
import { reasonOf } from '../../adapters/observing.ts'
import type { Outside } from '../../adapters/outside/registry.ts'
import type { PersonCommand } from '../../domain/outside/people.ts'
import { holdsOn, type WaitingErasure } from '../../domain/outside/state.ts'
import type { Clock, EventLog, Ids } from '../../domain/ports.ts'
import type { ReadModels } from '../../projections/read-models.ts'
import { erase, HeldUp, tidyTables } from '../operations/privacy/erase.ts'

export type ErasuresDeps = {
  readonly outside: Pick<Outside, 'state' | 'act'>
  readonly log: EventLog
  readonly readModels: Pick<ReadModels, 'held'>
  readonly databaseUrl: string
  /** PRIVACY_MASTER_KEY */
  readonly masterKey: string
  readonly clock: Clock
  readonly ids: Ids
  readonly nodeId: string
  readonly logger: Logger
}
export type Erasures = {
  /** Carries out the erasures that are due now, one after another. Never rejects. */
  readonly look: () => Promise<void>
  readonly start: () => void
  /** Resolves once the erasure under way is done. */
  readonly stop: () => Promise<void>
}

const LOOK_MS = 30_000

export const keepErasures = (deps: ErasuresDeps): Erasures => {
  const { outside, log, readModels, databaseUrl, masterKey, clock, ids, nodeId, logger } = deps
  const act = async (command: PersonCommand): Promise<boolean> => {
    const sender = { by: { kind: 'system', id: nodeId } } as const
    const done = await outside.act({ sender, id: ids.uuid(), command })
    return E.isRight(done) && done.right.events.length > 0
  }
  /** An appeal is decided by reading the room's words as they were then, so they must still be there. */
  const awaitsAppeal = async (subject: string): Promise<boolean> => {
    const held = await readModels.held(subject)()
    return E.isLeft(held) || held.right.appeals > 0
  }
  const isHeld = (subject: string): boolean => {
    const state = outside.state()
    return state === null || holdsOn(state, subject).length > 0
  }
  /** Resolves to whether somebody was erased. */
  const carryOut = async ({ id: erasure, subject }: WaitingErasure): Promise<boolean> => {
    if (await awaitsAppeal(subject)) return false
    // The log decides: an erasure does not begin if it was withdrawn or held up meanwhile, or if another server began it.
    if (!(await act({ type: 'BeginErasure', erasure, subject }))) return false
    const done = await erase({
      log,
      databaseUrl,
      subject,
      by: subject,
      node: nodeId,
      now: clock.now,
      masterKey,
      // It may wait long for a rebuild, and a hold may be placed meanwhile.
      mayErase: () => !isHeld(subject),
      tidies: false,
    })
    await act({ type: 'FinishErasure', erasure, subject, request: done.requestId })
    logger.info({ request: done.requestId }, 'a person was erased, as they had asked for')
    return true
  }
  const isDue = ({ due, subject }: WaitingErasure): boolean =>
    Date.parse(due) <= clock.now() && !isHeld(subject)
  let underWay: Promise<void> = Promise.resolve()
  let stopped = false
  const lookAll = async (): Promise<void> => {
    let erased = 0
    for (const waiting of outside.state()?.erasures.values() ?? []) {
      if (stopped || !isDue(waiting)) continue
      // An erasure that began and failed is begun again after ten minutes, by any server.
      try {
        if (await carryOut(waiting)) erased += 1
      } catch (error) {
        if (error instanceof HeldUp) continue
        logger.error({ erasure: waiting.id, cause: reasonOf(error) }, 'an erasure could not be carried out')
      }
    }
    // Once for all of them, since it costs more than they do.
    if (erased > 0)
      await tidyTables(databaseUrl).catch((error) =>
        logger.warn({ cause: reasonOf(error) }, 'the tables could not be vacuumed after an erasure'),
      )
  }
  const look = (): Promise<void> => {
    underWay = underWay.then(lookAll)
    return underWay
  }
  let timer: NodeJS.Timeout | undefined
  return {
    look,
    start: () => {
      timer = setInterval(() => void look(), LOOK_MS)
      timer.unref()
    },
    stop: () => {
      stopped = true
      clearInterval(timer)
      return underWay
    },
  }
}
