/** The mailboxes of this process: created when first needed and, if there are too many or their states are too large,
 *  dropped, the least recently used first. */
import type { Metrics } from '../../adapters/observing.ts'
import type { Mailbox } from './mailbox.ts'
import { createRecency } from './recency.ts'

/** The part of a mailbox that is needed to keep it. */
export type HeldMailbox = Pick<
  Mailbox<never, never, never, never>,
  'stream' | 'queued' | 'isBusy' | 'pin' | 'unpin' | 'idle' | 'snapshotIfWorth' | 'rest'
> & {
  readonly state: { readonly weight: () => number }
}

export type Streams<M extends HeldMailbox> = {
  readonly get: (stream: string) => M | undefined
  /** The stream's mailbox, from now on the most recently used. */
  readonly use: <One extends M>(stream: string, create: () => One) => One
  /** To be called when its weight may have changed. */
  readonly weigh: (mailbox: M) => void
  /** Drops mailboxes while there is too much. */
  readonly evict: () => void
  /** Least recently used first. */
  readonly all: () => ReadonlyArray<M>
  readonly bytes: () => number
}

export const createStreams = <M extends HeldMailbox>(options: {
  readonly maxStreams: number
  readonly maxBytes: number
  readonly metrics: Metrics
}): Streams<M> => {
  const { maxStreams, maxBytes, metrics } = options
  const mailboxes = createRecency<M>()
  const weights = new Map<string, number>()
  let bytes = 0

  const isTooMuch = (): boolean => mailboxes.size() > maxStreams || bytes > maxBytes

  const evict = (): void => {
    if (!isTooMuch()) return
    for (const [stream, mailbox] of mailboxes.entries()) {
      if (!isTooMuch()) return
      if (mailbox.isBusy()) continue
      mailbox.rest()
      void mailbox.snapshotIfWorth()
      mailboxes.delete(stream)
      bytes -= weights.get(stream) ?? 0
      weights.delete(stream)
      metrics.count?.('commands_evicted', 1)
    }
  }

  return {
    get: (stream) => mailboxes.peek(stream),
    use: <One extends M>(stream: string, create: () => One): One => {
      const known = mailboxes.use(stream) as One | undefined
      if (known !== undefined) return known
      const made = create()
      mailboxes.set(stream, made)
      evict()
      return made
    },
    weigh: (mailbox) => {
      if (mailboxes.peek(mailbox.stream) === undefined) return
      const weight = mailbox.state.weight()
      bytes += weight - (weights.get(mailbox.stream) ?? 0)
      weights.set(mailbox.stream, weight)
    },
    evict,
    all: () => Array.from(mailboxes.entries(), ([, mailbox]) => mailbox),
    bytes: () => bytes,
  }
}

/** Waits until all are idle. */
export const allIdle = async <M extends HeldMailbox>(streams: Streams<M>): Promise<void> => {
  let busy = streams.all().filter((mailbox) => mailbox.isBusy())
  while (busy.length > 0) {
    await Promise.all(busy.map((mailbox) => mailbox.idle()))
    busy = streams.all().filter((mailbox) => mailbox.queued() > 0)
  }
}

/** Writes snapshots of those used last, so that the next process need not read their tails. A few at a time. */
export const snapshotLatest = async <M extends HeldMailbox>(streams: Streams<M>): Promise<void> => {
  const worth = [...streams.all()].reverse().slice(0, 500)
  const workers = Array.from({ length: 8 }, async () => {
    for (let mailbox = worth.shift(); mailbox !== undefined; mailbox = worth.shift()) {
      mailbox.rest()
      await mailbox.snapshotIfWorth()
    }
  })
  await Promise.all(workers)
  for (const mailbox of streams.all()) mailbox.rest()
}
