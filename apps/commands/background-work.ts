/** Work that may wait and must not delay work that may not: one piece at a time, each followed by a rest in proportion
 *  to it. Equally busy rooms become due at the same moment, and their snapshots must not delay their messages. */
export type BackgroundWork = {
  /** Resolves when the work is done; `work` itself never rejects. */
  readonly run: (work: () => Promise<void>) => Promise<void>
}

export const createBackgroundWork = (options: {
  /** Milliseconds of a clock that only goes forwards. */
  readonly now: () => number
  readonly wait: (ms: number) => Promise<void>
  /** The length of the rest, as a multiple of the work's. */
  readonly rest: number
  readonly longestRestMs: number
}): BackgroundWork => {
  let last: Promise<void> = Promise.resolve()
  return {
    run: (work) => {
      let started = 0
      const done = last.then(() => {
        started = options.now()
        return work()
      })
      // The rest is not part of the work: nobody needs to wait for it.
      last = done.then(() =>
        options.wait(Math.min(options.longestRestMs, options.rest * (options.now() - started))),
      )
      return done
    },
  }
}
