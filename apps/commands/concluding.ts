/** What is done once a plan is decided, or its events are on the log: the state is updated, and its commands are answered. */

import * as E from 'fp-ts/lib/Either.js'
import type { Metrics } from '../../adapters/observing.ts'
import type { Answering } from './answering.ts'
import type { Ready } from './jobs.ts'
import type { KeyedEvent } from './model.ts'
import type { AppendPlan, PlanParts } from './plan.ts'
import { settledBy, type Work as WorkOf } from './work.ts'

export const createConcluding = <State, Command, Event, Refusal, Beside>(
  { model, state, rules }: PlanParts<State, Command, Event, Refusal, Beside>,
  answering: Answering<State, Command, Event, Refusal, Beside>,
  metrics: Metrics,
) => {
  type Jobs = ReadonlyArray<Ready<Command, Event, Refusal>>
  type APlan = AppendPlan<State, Command, Event, Refusal, Beside>
  type Work = WorkOf<Jobs>
  /** Null: everything that is left must be planned again. */
  type Left = Jobs | null
  const labels = { kind: model.kind }

  /** Concludes a plan without events: an append would prove that the state was the log's end, so now a read has to. */
  const withoutAppend = async (work: Work, plan: APlan): Promise<Left> => {
    const { base, rest, on } = plan
    plan.draft.keep(base)
    if (!work.isFresh && plan.unchanged.length + plan.refused.length > 0) {
      const asked = work.jobs.reduce((latest, { job }) => Math.max(latest, job.queuedAt), 0)
      const refreshed = state.freshAt() > asked ? E.right(false) : await state.refresh()
      if (E.isLeft(refreshed)) return answering.trouble(settledBy(plan, work.jobs), refreshed.left, rest)
      const beside = await rules.refreshBeside(on.beside, on.besideRevision, asked)
      if (E.isLeft(beside)) return answering.trouble(settledBy(plan, work.jobs), beside.left, rest)
      work.isFresh = true
      if (state.held()?.revision !== base || beside.right) {
        state.loseDraft()
        return null
      }
    }
    const end = state.held()
    answering.refused(plan)
    answering.unchanged(plan, BigInt(end?.revision ?? base), end?.position ?? 0n)
    answering.repeats(plan)
    return rest
  }

  /** `sentAt`: when the append that ended at `position` was sent. */
  const appended = async (
    work: Work,
    plan: APlan,
    { position, sentAt }: { readonly position: bigint; readonly sentAt: number },
  ): Promise<Left> => {
    const { base, newEvents, rest, on } = plan
    metrics.observe?.('commands_append_events', newEvents.length, labels)
    const happened: KeyedEvent<Event>[] = []
    for (const { ready, events } of plan.accepted)
      for (const event of events) happened.push({ event, key: ready.job.key })
    const revision = base + happened.length
    state.committed(happened, newEvents, { revision: BigInt(revision), position }, sentAt)
    plan.draft.keep(revision)
    answering.accepted(plan, position)
    answering.unchanged(plan, BigInt(revision), position)
    answering.repeats(plan)
    if (plan.refused.length === 0) return rest
    // A chat also depends on the space's state, about which this append says nothing.
    const beside = work.isFresh
      ? E.right(false)
      : await rules.refreshBeside(on.beside, on.besideRevision, sentAt)
    if (E.isRight(beside) && beside.right) return [...plan.refused.map(({ ready }) => ready), ...rest]
    answering.refused(plan)
    return rest
  }

  return { withoutAppend, appended }
}
