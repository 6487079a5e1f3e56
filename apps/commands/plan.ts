/** Plans queued commands: each is decided in order, on the state after those before it. Nothing is appended or answered
 *  here; `carry-out.ts` does that. */
import type { Clock, NewEvent } from '../../domain/ports.ts'
import { createDraft, createSize, type Draft, type Size } from './group.ts'
import type { Aside, DecidedOn, Job, Ready, Rules } from './jobs.ts'
import type { Model } from './model.ts'
import type { Repeats, Stand } from './repeats.ts'
import type { StreamState } from './stream-state.ts'

export type AppendPlan<State, Command, Event, Refusal, Beside> = {
  /** The revision of the stream's last event before the group, -1 for none. */
  readonly base: number
  readonly on: DecidedOn<State, Beside>
  readonly draft: Draft<State, Event>
  /** The events of all accepted commands, in order; `end` is where those of one end. */
  readonly newEvents: NewEvent[]
  readonly accepted: Array<{
    readonly ready: Ready<Command, Event, Refusal>
    readonly events: ReadonlyArray<Event>
    readonly end: number
  }>
  /** Commands that were accepted and change nothing. */
  readonly unchanged: Array<Ready<Command, Event, Refusal>>
  readonly refused: Array<{
    readonly ready: Ready<Command, Event, Refusal>
    readonly refusal: Refusal
    readonly tell: () => Promise<void> | null
  }>
  /** Commands that came before: with the revision of their first event, or with what they were answered, or with an id
   *  that another request used. */
  readonly repeats: Array<{ readonly job: Job<Command, Event, Refusal>; readonly revision: number }>
  readonly again: Array<{ readonly job: Job<Command, Event, Refusal>; readonly at: Stand }>
  readonly reused: Array<Job<Command, Event, Refusal>>
  readonly aside: Array<{
    readonly ready: Ready<Command, Event, Refusal>
    readonly until: Aside['until']
  }>
  /** Commands that wait for the next group. */
  rest: ReadonlyArray<Ready<Command, Event, Refusal>>
}

export type PlanParts<State, Command, Event, Refusal, Beside> = {
  readonly model: Model<State, Event>
  readonly state: StreamState<State, Event>
  readonly rules: Rules<State, Command, Event, Refusal, Beside>
  readonly repeats: Repeats<Command, Event, Refusal>
  readonly clock: Clock
  /** How many events one append may have. */
  readonly batchEvents: number
}

/** Whether the command came before, and so need not be decided. */
const placeRepeat = <State, Command, Event, Refusal, Beside>(
  parts: PlanParts<State, Command, Event, Refusal, Beside>,
  plan: AppendPlan<State, Command, Event, Refusal, Beside>,
  { job }: Ready<Command, Event, Refusal>,
): boolean => {
  const revision = parts.state.held()!.recent.revisionOf(job.key)
  if (revision !== undefined) {
    plan.repeats.push({ job, revision })
    return true
  }
  const before = parts.repeats.unchanged(job)
  if (before === undefined) return false
  if (before === 'reused') plan.reused.push(job)
  else plan.again.push({ job, at: before })
  return true
}

/** False if its events no longer fit into the group: then it belongs to the next group. */
const decideOne = <State, Command, Event, Refusal, Beside>(
  { rules, batchEvents }: PlanParts<State, Command, Event, Refusal, Beside>,
  plan: AppendPlan<State, Command, Event, Refusal, Beside>,
  ready: Ready<Command, Event, Refusal>,
  size: Size,
): boolean => {
  const { on, newEvents } = plan
  const decision = rules.decide(ready, on)
  if (decision._tag === 'Aside') {
    plan.aside.push({ ready, until: decision.until })
    return true
  }
  if (decision._tag === 'Left') {
    const refusal = decision.left
    plan.refused.push({ ready, refusal, tell: rules.refused(ready, refusal, on) })
    return true
  }
  const events = decision.right
  if (events.length === 0) {
    plan.unchanged.push(ready)
    return true
  }
  const encoded = rules.encode(ready, events, on)
  if (newEvents.length > 0)
    if (newEvents.length + encoded.length > batchEvents || !size.fits(newEvents, encoded)) return false
  for (const event of encoded) newEvents.push(event)
  plan.draft.add(events)
  plan.accepted.push({ ready, events, end: newEvents.length })
  return true
}

/** `beside`: what the rules prepared, at this revision. The stream's state must be loaded. */
export const planGroup = <State, Command, Event, Refusal, Beside>(
  parts: PlanParts<State, Command, Event, Refusal, Beside>,
  jobs: ReadonlyArray<Ready<Command, Event, Refusal>>,
  beside: { readonly beside: Beside; readonly revision: number },
  batchBytes: number,
): AppendPlan<State, Command, Event, Refusal, Beside> => {
  const draft = createDraft(parts.state, parts.model)
  const on = {
    at: new Date(parts.clock.now()).toISOString(),
    beside: beside.beside,
    besideRevision: beside.revision,
    state: parts.state.held()!.state,
    revision: parts.state.held()!.revision,
  }
  const base = on.revision
  const plan: AppendPlan<State, Command, Event, Refusal, Beside> = {
    base,
    on,
    draft,
    newEvents: [],
    accepted: [],
    unchanged: [],
    refused: [],
    repeats: [],
    again: [],
    reused: [],
    aside: [],
    rest: [],
  }
  const size = createSize(batchBytes)
  const inGroup = new Set<string>()
  const later: Array<Ready<Command, Event, Refusal>> = []
  let next = 0
  for (; next < jobs.length; next++) {
    const ready = jobs[next]!
    if (placeRepeat(parts, plan, ready)) continue
    // The same command is twice in one group: the second waits, and then finds the first.
    if (inGroup.has(ready.job.key)) {
      later.push(ready)
      continue
    }
    inGroup.add(ready.job.key)
    on.state = draft.state()
    on.revision = base + plan.newEvents.length
    if (!decideOne(parts, plan, ready, size)) break
  }
  plan.rest = later.length === 0 && next === jobs.length ? [] : [...later, ...jobs.slice(next)]
  return plan
}
