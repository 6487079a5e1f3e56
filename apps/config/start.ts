/** Prints what keeps a process from starting as one sentence on stderr; a bug with its stack. */

const isDefect = (error: unknown): boolean =>
  !(error instanceof Error) ||
  [TypeError, ReferenceError, SyntaxError, RangeError].some((kind) => error instanceof kind)

/** For a `main.ts`: the result of `make`, or the sentence on stderr and exit code 1. */
export const startedOrExit = async <A>(what: string, make: () => A | Promise<A>): Promise<A> => {
  try {
    return await make()
  } catch (error) {
    // An AggregateError (a name with several addresses) has its reasons inside.
    const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error
    const why = isDefect(first) ? ((first as Error | null)?.stack ?? String(first)) : (first as Error).message
    process.stderr.write(`${what} can't start: ${why}\n`)
    process.exit(1)
  }
}
