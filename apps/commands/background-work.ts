/**
 * Work that may wait and must not crowd out what may not: one piece at a time, and after each a rest in proportion to
 * it. Rooms that are equally busy come due at the same moment; their snapshots must not stand before their messages.
 */
export type BackgroundWork = {
  /** Resolves when the work is done; `work` itself never rejects. */
  readonly run: (work: () => Promise<void>) => Promise<void>
}

export const createBackgroundWork = (options: {
  /** Milliseconds of a clock that only goes forwards. */
  readonly now: () => number
  readonly wait: (ms: number) => Promise<void>
  /** Times as long as the work took. */
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
      // The rest is not part of the work: whoever waits for that need not wait for this.
      last = done.then(() =>
        options.wait(Math.min(options.longestRestMs, options.rest * (options.now() - started))),
      )
      return done
    },
  }
}
