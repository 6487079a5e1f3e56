/** One append, brought to an end that is known wherever that can be had. */
import type { Appended, EventLog, ExpectedRevision, NewEvent } from '../../domain/ports.ts'

export type Settled =
  | { readonly _tag: 'Appended'; readonly appended: Appended }
  /** Another writer was first, or an earlier try of ours got through: reading what is new tells which. `actual`: where the
   *  stream is, of which a read right after may still show less; null where it is none. */
  | { readonly _tag: 'Overtaken'; readonly actual: bigint | null }
  /** Nothing was written. */
  | { readonly _tag: 'NotWritten'; readonly cause: string }
  | { readonly _tag: 'Deleted' }
  /** It may have been written, or may still be: whoever answers must not say either. */
  | { readonly _tag: 'Unsettled'; readonly cause: string }
  | { readonly _tag: 'TooLarge'; readonly maxBytes: number }

export type SettleOptions = {
  /** Milliseconds of a clock that only goes forwards. */
  readonly now: () => number
  /** How long an append that wrote nothing is tried again. */
  readonly unavailableMs: number
  /** How long an append whose outcome is unknown is tried again. */
  readonly unknownMs: number
  readonly wait: (ms: number) => Promise<void>
}

export type Append = {
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly events: ReadonlyArray<NewEvent>
}

/**
 * Tries again with the same ids and the same expected revision, which writes at most once whatever became of the tries
 * before: the log answers a repeat at the same place as it did the first, and refuses one that others overtook.
 *
 * Beside the log adapter's `appendSettled`, which reads the stream to say which of both it was: a mailbox reads what is new
 * after `Overtaken` anyhow, so here that would be read twice; and here a log that is away is waited for.
 */
export const appendSettled = async (
  log: EventLog,
  append: Append,
  options: SettleOptions,
): Promise<Settled> => {
  const { stream, expected, events } = append
  const started = options.now()
  let maybeWritten = false
  for (let attempt = 0; ; attempt++) {
    const result = await log.append(stream, expected, events)()
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
