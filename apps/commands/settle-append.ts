/** One append, repeated until its outcome is known, if that is possible. */
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import type { AppendError, Appended, EventLog, ExpectedRevision, NewEvent } from '../../domain/ports.ts'

export type Settled =
  | { readonly _tag: 'Appended'; readonly appended: Appended }
  /** Another writer was faster, or an earlier attempt of ours succeeded: reading what is new shows which. `actual`: the
   *  stream's revision, of which a read directly afterwards may still show less; null if there is no stream. */
  | { readonly _tag: 'Overtaken'; readonly actual: bigint | null }
  /** Nothing was written. */
  | { readonly _tag: 'NotWritten'; readonly cause: string }
  | { readonly _tag: 'Deleted' }
  /** It may have been written, or may still be: the answer must claim neither. */
  | { readonly _tag: 'Unsettled'; readonly cause: string }
  | { readonly _tag: 'TooLarge'; readonly maxBytes: number }

export type SettleAppendOptions = {
  /** Milliseconds of a clock that only goes forwards. */
  readonly now: () => number
  /** For how long an append that wrote nothing is tried again. */
  readonly unavailableMs: number
  /** For how long an append whose outcome is unknown is tried again. */
  readonly unknownMs: number
  readonly wait: (ms: number) => Promise<void>
}

export type Append = {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: ReadonlyArray<NewEvent>
}

/** How many events that others wrote meanwhile are searched. */
const OTHERS = 1_000

/** An append that may be there already: looks for it, and otherwise sends it with the end that it saw as the expected revision. */
const lookAndAppend = async (
  log: EventLog,
  { stream, events }: Append,
): Promise<Either<AppendError, Appended>> => {
  const unknown = (cause: string) => left<AppendError>({ _tag: 'OutcomeUnknown', cause })
  const read = await log.readStream(stream, { direction: 'backwards', limit: events.length + OTHERS })()
  if (isLeft(read)) return read.left._tag === 'StreamDeleted' ? left(read.left) : unknown(read.left.cause)
  const last = read.right.find(({ id }) => id === events.at(-1)?.id)
  if (last !== undefined) return right({ revision: last.revision, position: last.position })
  const again = await log.append(stream, read.right[0]?.revision ?? 'none', events)()
  return isLeft(again) && again.left._tag === 'WrongExpectedRevision'
    ? unknown('others write there at the same time')
    : again
}

/**
 * Tries again with the same ids and the same expected revision, which writes at most once whatever became of the tries
 * before: the log answers a repeat at the same place as it did the first, and refuses one that others overtook.
 *
 * With `any` a log may have forgotten the first try (a real server has after its restart): there the stream's end is looked
 * at before each repeat, which is then sent for that end alone.
 *
 * Beside the log adapter's `appendSettled`, which reads the stream to say which of both it was: a mailbox reads what is new
 * after `Overtaken` anyhow, so here that would be read twice; and here a log that is away is waited for.
 */
export const appendSettled = async (
  log: EventLog,
  append: Append,
  options: SettleAppendOptions,
): Promise<Settled> => {
  const { stream, expected } = append
  const started = options.now()
  let maybeWritten = false
  for (let attempt = 0; ; attempt++) {
    const isDoubtful = expected === 'any' && maybeWritten
    const result = await (isDoubtful
      ? lookAndAppend(log, append)
      : log.append(stream, expected, append.events)())
    if (result._tag === 'Right') return { _tag: 'Appended', appended: result.right }
    const error = result.left
    let cause: string
    switch (error._tag) {
      case 'WrongExpectedRevision':
        return { _tag: 'Overtaken', actual: error.actual }
      case 'StreamDeleted':
        return { _tag: 'Deleted' }
      case 'AppendTooLarge':
        return { _tag: 'TooLarge', maxBytes: error.maxBytes }
      case 'OutcomeUnknown':
        maybeWritten = true
        cause = error.cause
        break
      case 'LogUnavailable':
        cause = error.cause
        break
      default: {
        const never: never = error
        throw new Error(`unknown append error ${JSON.stringify(never)}`)
      }
    }
    const spent = options.now() - started
    const pause = Math.min(20 * 2 ** attempt, 500)
    if (spent + pause > (maybeWritten ? options.unknownMs : options.unavailableMs))
      return { _tag: maybeWritten ? 'Unsettled' : 'NotWritten', cause }
    await options.wait(pause)
  }
}
