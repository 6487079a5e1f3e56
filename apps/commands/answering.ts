/** The answer to each command of a carried-out plan. */
import * as E from 'fp-ts/lib/Either.js'
import type { Accepted, ContentError, Sender } from '../../domain/ports.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import { type Ready, troubled } from './jobs.ts'
import type { Trouble } from './model.ts'
import type { AppendPlan, PlanParts } from './plan.ts'

/** Judged by the content alone, since the space's own grants were in what can't be read. */
const mayKnowOf = (by: Sender['by'], content: ContentFacts): boolean =>
  by.kind === 'system' || (content.exists && (content.visibility === 'public' || content.role !== null))

export type Answering<State, Command, Event, Refusal, Beside> = {
  readonly refused: (plan: AppendPlan<State, Command, Event, Refusal, Beside>) => void
  /** If the space can't be read, callers who may not know of it get the same answer as for a space that never existed.
   *  Returns the jobs that are still to be carried out. */
  readonly trouble: (
    jobs: ReadonlyArray<Ready<Command, Event, Refusal>>,
    trouble: Trouble | ContentError,
    rest?: ReadonlyArray<Ready<Command, Event, Refusal>>,
  ) => ReadonlyArray<Ready<Command, Event, Refusal>>
  readonly unchanged: (
    plan: AppendPlan<State, Command, Event, Refusal, Beside>,
    revision: bigint,
    position: bigint,
  ) => void
  readonly repeats: (plan: AppendPlan<State, Command, Event, Refusal, Beside>) => void
  /** `position` is that of the append. */
  readonly accepted: (plan: AppendPlan<State, Command, Event, Refusal, Beside>, position: bigint) => void
  /** Answers jobs for which others were always faster; an earlier attempt of theirs may have succeeded. */
  readonly unsettled: (jobs: ReadonlyArray<Ready<Command, Event, Refusal>>) => void
}

export const createAnswering = <State, Command, Event, Refusal, Beside>({
  state,
  rules,
  repeats,
}: Pick<PlanParts<State, Command, Event, Refusal, Beside>, 'state' | 'rules' | 'repeats'>): Answering<
  State,
  Command,
  Event,
  Refusal,
  Beside
> => {
  type APlan = AppendPlan<State, Command, Event, Refusal, Beside>
  const answerRefused = ({ refused }: APlan): void => {
    for (const { ready, refusal, tell } of refused) {
      const recorded = tell()
      const answer = E.left({ _tag: 'Refused' as const, refusal })
      if (recorded === null) ready.job.answer(answer)
      else void recorded.then(() => ready.job.answer(answer))
    }
  }
  const answerUnchanged = ({ unchanged }: APlan, revision: bigint, position: bigint): void => {
    for (const { job } of unchanged) {
      repeats.rememberUnchanged(job, { revision, position })
      job.answer(E.right({ revision, position, events: [] }))
    }
  }
  const answerRepeats = ({ repeats: repeated, again, reused }: APlan): void => {
    for (const { job, at } of again) job.answer(E.right({ ...at, events: [] }))
    for (const job of reused) repeats.answerReused(job)
    for (const { job, revision } of repeated) void repeats.answer(job, revision)
  }

  const answerAccepted = (plan: APlan, position: bigint): void => {
    const all = plan.newEvents.length
    for (const { ready, events, end } of plan.accepted) {
      const later = end < all ? ({ isPositionLater: true } as const) : {}
      const accepted: Accepted<Event> = { revision: BigInt(plan.base + end), position, events, ...later }
      ready.job.answer(E.right(accepted))
      rules.accepted(ready, accepted)
    }
  }

  const answerUnsettled = (jobs: ReadonlyArray<Ready<Command, Event, Refusal>>): void => {
    for (const { job } of jobs) {
      const revision = state.held()?.recent.revisionOf(job.key)
      if (revision === undefined) job.answer(E.left({ _tag: 'Conflict' }))
      else void repeats.answer(job, revision)
    }
  }

  const answerTrouble = (
    jobs: ReadonlyArray<Ready<Command, Event, Refusal>>,
    trouble: Trouble | ContentError,
    rest: ReadonlyArray<Ready<Command, Event, Refusal>> = [],
  ): ReadonlyArray<Ready<Command, Event, Refusal>> => {
    const isBroken = trouble._tag === 'Trouble' && trouble.broken !== undefined
    for (const { job, content } of jobs)
      if (isBroken && !mayKnowOf(job.request.by, content))
        job.answer(E.left({ _tag: 'Refused', refusal: rules.unknown() }))
      else job.answer(troubled(trouble))
    return rest
  }

  return {
    trouble: answerTrouble,
    refused: answerRefused,
    unchanged: answerUnchanged,
    repeats: answerRepeats,
    accepted: answerAccepted,
    unsettled: answerUnsettled,
  }
}
