/** Repeated commands: answers to those that changed nothing are remembered here, the others are read from the log. */
import * as E from 'fp-ts/lib/Either.js'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import { type Job, type Rules, troubled, unavailable } from './jobs.ts'
import { deleted, type Model } from './model.ts'

/** A stream's revision, and the log's position at that point. */
export type Stand = { readonly revision: bigint; readonly position: bigint }

/** How many answers to commands that changed nothing a mailbox remembers. */
const REMEMBERED = 1_000
/** How many events of a repeated command are read at first. */
const FEW = 8

export type Repeats<Command, Event, Refusal> = {
  /** What a command that changed nothing was answered; `reused` if its id came with another request; undefined if it is not known. */
  readonly unchanged: (job: Job<Command, Event, Refusal>) => Stand | 'reused' | undefined
  readonly rememberUnchanged: (job: Job<Command, Event, Refusal>, at: Stand) => void
  /** Answers with what the command did when it first came; its first event has this revision. */
  readonly answer: (job: Job<Command, Event, Refusal>, revision: number) => Promise<void>
  /** The chosen id belongs to another request. */
  readonly answerReused: (job: Job<Command, Event, Refusal>) => void
}

export const createRepeats = <State, Command, Event, Refusal, Beside>(parts: {
  readonly stream: string
  readonly model: Model<State, Event>
  readonly rules: Rules<State, Command, Event, Refusal, Beside>
  readonly log: EventLog
  /** How many events are read at once, except for the first few. */
  readonly pageSize: number
}): Repeats<Command, Event, Refusal> => {
  const { stream, model, rules, log, pageSize } = parts
  type AJob = Job<Command, Event, Refusal>
  const unchanged = new Map<string, Stand & { readonly digest: string | null }>()

  /** Null for an id that the server made, which is never used for anything else. */
  const digestOf = ({ request }: AJob): string | null =>
    request.isIdChosen === true ? rules.digest(request) : null

  const answerReused = (job: AJob): void => job.answer(E.left({ _tag: 'Refused', refusal: rules.idReused() }))

  /** Most commands have an event or two, and somebody who repeats one over and over must not cause thousands of reads. */
  const answer = async (job: AJob, revision: number): Promise<void> => {
    const events: Event[] = []
    const happened: RecordedEvent[] = []
    let isWhole = false
    for (let from = revision, limit = FEW; !isWhole; from += limit, limit = pageSize) {
      const page = await log.readStream(stream, { from: BigInt(from), limit })()
      if (E.isLeft(page))
        return job.answer(
          page.left._tag === 'StreamDeleted' ? troubled(deleted(stream)) : unavailable(page.left.cause),
        )
      isWhole = page.right.length < limit
      for (const recorded of page.right) {
        const read = model.decode(recorded)
        if (E.isLeft(read))
          return job.answer(troubled({ _tag: 'Trouble', cause: read.left.detail, broken: 'unreadable' }))
        isWhole ||= read.right.key !== job.key
        if (read.right.key !== job.key) break
        events.push(read.right.event)
        happened.push(recorded)
      }
    }
    const last = happened.at(-1)
    if (last === undefined)
      return job.answer(unavailable('the command’s events are no longer where they were'))
    if (job.request.isIdChosen === true && !rules.isSame(job.request, happened)) return answerReused(job)
    job.answer(E.right({ revision: last.revision, position: last.position, events }))
  }

  return {
    unchanged: (job) => {
      const before = unchanged.get(job.key)
      if (before === undefined) return undefined
      const { digest, ...at } = before
      return digest === digestOf(job) ? at : 'reused'
    },
    rememberUnchanged: (job, at) => {
      unchanged.set(job.key, { ...at, digest: digestOf(job) })
      if (unchanged.size > REMEMBERED)
        for (const oldest of unchanged.keys()) {
          unchanged.delete(oldest)
          break
        }
    },
    answer,
    answerReused,
  }
}
