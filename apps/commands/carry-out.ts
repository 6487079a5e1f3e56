/** Carries out a group of commands: plans them on the stream's state, appends at its end, and answers once the outcome
 *  is certain. If another writer was faster, the new events are read and everything is planned again. */

import * as E from 'fp-ts/lib/Either.js'
import type { Metrics } from '../../adapters/observing.ts'
import type { EventLog } from '../../domain/ports.ts'
import { createAnswering } from './answering.ts'
import { createConcluding } from './concluding.ts'
import { type Aside, type Ready, unavailable } from './jobs.ts'
import { deleted, type Trouble } from './model.ts'
import { type AppendPlan, type PlanParts, planGroup } from './plan.ts'
import { appendSettled, type SettleAppendOptions } from './settle-append.ts'
import { answerAll, settledBy, type Work as WorkOf } from './work.ts'

export type CarryOutParts<State, Command, Event, Refusal, Beside> = PlanParts<
  State,
  Command,
  Event,
  Refusal,
  Beside
> & {
  readonly stream: string
  readonly log: EventLog
  readonly metrics: Metrics
  readonly options: SettleAppendOptions & { readonly batchBytes: number; readonly rounds: number }
  /** Puts the command back into the queue once `until` has resolved. */
  readonly setAside: (ready: Ready<Command, Event, Refusal>, until: Aside['until']) => void
}

/** Carries the jobs out; resolves to those that did not fit in. */
export type CarryOut<Command, Event, Refusal> = (
  jobs: ReadonlyArray<Ready<Command, Event, Refusal>>,
) => Promise<ReadonlyArray<Ready<Command, Event, Refusal>>>

/** How often `prepare` is called before giving up. */
const PREPARATIONS = 3

export const createCarryOut = <State, Command, Event, Refusal, Beside>(
  parts: CarryOutParts<State, Command, Event, Refusal, Beside>,
): CarryOut<Command, Event, Refusal> => {
  const { stream, model, state, rules, log, metrics, options } = parts
  const answering = createAnswering(parts)
  const concluding = createConcluding(parts, answering, metrics)
  type Jobs = ReadonlyArray<Ready<Command, Event, Refusal>>
  type APlan = AppendPlan<State, Command, Event, Refusal, Beside>
  type Work = WorkOf<Jobs>
  /** Null: everything that is left must be planned again. */
  type Left = Jobs | null
  const labels = { kind: model.kind }
  /** Halved if the log accepts less than expected. */
  let batchBytes = options.batchBytes

  const { trouble: answerTrouble } = answering

  /** The log may refuse because of events that it does not show yet: waits for those. */
  const refreshTo = async (revision: number): Promise<E.Either<Trouble, unknown>> => {
    const end = options.now() + options.unavailableMs
    for (let pause = 1; ; pause = Math.min(2 * pause, 100)) {
      const refreshed = await state.refresh()
      const held = state.held()
      if (E.isLeft(refreshed) || held === null || held.revision >= revision) return refreshed
      if (options.now() > end) {
        const cause = `the log named event ${revision} of ${stream} and shows ${held.revision} as its last`
        return E.left({ _tag: 'Trouble', cause })
      }
      await options.wait(pause)
    }
  }

  const afterOvertaken = async (work: Work, plan: APlan, actual: bigint | null): Promise<Left> => {
    state.loseDraft()
    metrics.count?.('commands_conflicts', 1, labels)
    const end = actual === null ? -1 : Number(actual)
    // Nothing overtook it, so the state in memory is not this log's.
    if (end <= plan.base) state.drop()
    else {
      const refreshed = await refreshTo(end)
      if (E.isLeft(refreshed)) {
        // What overtook us may be an earlier attempt of ours.
        state.drop()
        return answerTrouble(settledBy(plan, work.jobs), refreshed.left, plan.rest)
      }
    }
    if (work.round > 2) await options.wait(Math.random() * 5 * work.round)
    return null
  }

  /** A smaller group may fit; one command that is too large alone never does. */
  const afterTooLarge = (work: Work, plan: APlan, maxBytes: number): Left => {
    state.loseDraft()
    if (plan.accepted.length > 1) {
      batchBytes = Math.max(1, Math.min(maxBytes * 0.8, batchBytes / 2))
      work.round--
      return null
    }
    const { ready } = plan.accepted[0]!
    ready.job.answer(E.left({ _tag: 'Refused', refusal: rules.tooLarge(maxBytes) }))
    work.jobs = work.jobs.filter((other) => other !== ready)
    return work.jobs.length === 0 ? [] : null
  }

  const append = async (work: Work, plan: APlan): Promise<Left> => {
    const sentAt = options.now()
    const expected = plan.base < 0 ? 'none' : BigInt(plan.base)
    const result = await appendSettled(log, { stream, expected, events: plan.newEvents }, options)
    metrics.observe?.('commands_append_ms', options.now() - sentAt, labels)
    switch (result._tag) {
      case 'Appended':
        return concluding.appended(work, plan, { position: result.appended.position, sentAt })
      case 'Overtaken':
        return afterOvertaken(work, plan, result.actual)
      case 'Deleted':
        state.drop()
        return answerTrouble(settledBy(plan, work.jobs), deleted(stream), plan.rest)
      case 'NotWritten':
        state.loseDraft()
        return answerAll(settledBy(plan, work.jobs), unavailable(result.cause), plan.rest)
      case 'Unsettled':
        metrics.count?.('commands_unsettled', 1, labels)
        state.drop()
        return answerAll(settledBy(plan, work.jobs), unavailable(result.cause), plan.rest)
      case 'TooLarge':
        return afterTooLarge(work, plan, result.maxBytes)
      default: {
        const never: never = result
        throw new Error(`unknown outcome ${JSON.stringify(never)}`)
      }
    }
  }

  const setAside = (work: Work, { aside }: APlan): void => {
    for (const { ready, until } of aside) parts.setAside(ready, until)
    const gone = new Set(aside.map(({ ready }) => ready))
    work.jobs = work.jobs.filter((ready) => !gone.has(ready))
  }

  const tryOnce = async (work: Work): Promise<Left> => {
    const loaded = await state.load()
    if (E.isLeft(loaded)) return answerTrouble(work.jobs, loaded.left)
    const prepared = await rules.prepare()
    if (E.isLeft(prepared)) return answerTrouble(work.jobs, prepared.left)
    // The state may have been dropped while the rules prepared.
    if (state.held() === null) return null
    const revision = rules.besideRevision(prepared.right)
    if (revision === null) {
      work.round--
      if (++work.preparations < PREPARATIONS) return null
      const [first, ...others] = work.jobs
      return answerAll([first!], unavailable('what the decision needs can’t be had'), others)
    }
    const plan = planGroup(parts, work.jobs, { beside: prepared.right, revision }, batchBytes)
    if (plan.aside.length > 0) setAside(work, plan)
    return plan.newEvents.length === 0 ? concluding.withoutAppend(work, plan) : append(work, plan)
  }

  return async (jobs) => {
    const work: Work = { jobs, round: 0, preparations: 0, isFresh: false }
    for (; work.round < options.rounds; work.round++) {
      const left = await tryOnce(work)
      if (left !== null) return left
    }
    answering.unsettled(work.jobs)
    return []
  }
}
