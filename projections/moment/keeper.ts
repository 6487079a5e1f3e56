/** Keeps moments as rooms go on, beside whatever follows the log: told of each event once, it writes when one is due. What
 *  it misses is caught up with the next one, or when somebody asks. */
import * as E from 'fp-ts/lib/Either.js'
import { parseStreamName, type SpaceRef } from '../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import type { MomentError } from './errors.ts'
import { createMoments } from './moments.ts'
import { EVERY } from './timeline.ts'

export type Keeper = {
  /** Returns at once. */
  readonly notice: (events: ReadonlyArray<Pick<RecordedEvent, 'stream' | 'revision'>>) => void
  /** Resolves when nothing is due. */
  readonly idle: () => Promise<void>
  /** After the one in hand. */
  readonly stop: () => Promise<void>
}

/** Rooms that are equally busy come due at the same moment: between two of them, this many times as long as one took,
 *  goes to what must not wait. */
const REST = 2
const LONGEST_REST_MS = 500

type Due = { readonly space: SpaceRef; readonly kind: 'space' | 'chat' }

/** `log` may be the log as it stands: nothing that is personal is needed. */
export const keepMoments = (options: {
  readonly log: EventLog
  readonly every?: number
  readonly onError?: (error: MomentError | Error, stream: string) => void
}): Keeper => {
  const { log, every = EVERY, onError } = options
  const moments = createMoments(log, { every })
  const due = new Map<string, Due>()
  let running: Promise<void> | null = null
  let stopped = false
  let wake = (): void => {}

  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(ms, LONGEST_REST_MS))
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const run = async (): Promise<void> => {
    for (const [stream, { space, kind }] of due) {
      if (stopped) return
      due.delete(stream)
      const started = performance.now()
      try {
        const kept = await moments.keep(space, kind)()
        if (E.isLeft(kept)) onError?.(kept.left, stream)
      } catch (error) {
        onError?.(error as Error, stream)
      }
      if (due.size > 0) await rest(REST * (performance.now() - started))
    }
  }

  return {
    notice: (events) => {
      for (const { stream, revision } of events) {
        if ((Number(revision) + 1) % every !== 0) continue
        const named = parseStreamName(stream)
        if (E.isLeft(named) || named.right.kind === 'refusal') continue
        due.set(stream, { space: named.right.space, kind: named.right.kind })
      }
      if (due.size === 0 || running !== null || stopped) return
      running = run().finally(() => {
        running = null
      })
    },
    idle: async () => {
      while (running !== null) await running
    },
    stop: async () => {
      stopped = true
      wake()
      await running
    },
  }
}
