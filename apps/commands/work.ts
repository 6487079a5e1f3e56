/** A group of commands that is being carried out, and which of them are still to be answered. */
import type { CommandResult, Ready } from './jobs.ts'

/** What is under way: the jobs that are still to be answered, and how often it was tried. */
export type Work<Jobs> = {
  jobs: Jobs
  round: number
  preparations: number
  /** Whether the log was read since the jobs came, so that a refusal by the current state is final. */
  isFresh: boolean
}

/** Gives these the same answer, and returns the jobs that are still to be carried out. */
export const answerAll = <Command, Event, Refusal>(
  jobs: ReadonlyArray<Ready<Command, Event, Refusal>>,
  answer: CommandResult<Event, Refusal>,
  rest: ReadonlyArray<Ready<Command, Event, Refusal>> = [],
): ReadonlyArray<Ready<Command, Event, Refusal>> => {
  for (const { job } of jobs) job.answer(answer)
  return rest
}

/** The jobs that the plan settles: all except its rest. */
export const settledBy = <Job>({ rest }: { readonly rest: ReadonlyArray<Job> }, jobs: ReadonlyArray<Job>) => {
  if (rest.length === 0) return jobs
  const left = new Set(rest)
  return jobs.filter((ready) => !left.has(ready))
}
