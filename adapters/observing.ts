/** The logger and the counters that parts report to. */
export type Logger = {
  readonly info: (fields: Record<string, unknown>, message: string) => void
  readonly warn: (fields: Record<string, unknown>, message: string) => void
  readonly error: (fields: Record<string, unknown>, message: string) => void
}

/** Counters and timings, under the names that are exposed; both are optional. */
export type Metrics = {
  readonly count?: (name: string, value: number, labels?: Readonly<Record<string, string>>) => void
  /** Milliseconds, or a plain number for sizes. */
  readonly observe?: (name: string, value: number, labels?: Readonly<Record<string, string>>) => void
}

/** An `AggregateError` (a host with several addresses) has its reasons inside. */
export const reasonOf = (error: unknown): string => {
  const [first] = error instanceof AggregateError ? error.errors : [error]
  return first instanceof Error ? first.message : String(first)
}
