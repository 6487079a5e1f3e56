/** Measures how long a consumer took with its last messages, for groups that ask for it, in the figures that the real
 *  server gives. */

const WINDOW = 1_000

export type Timings = ReturnType<typeof createTimings>
export type Measurement = readonly [key: string, milliseconds: number]

const PERCENTILES: ReadonlyArray<readonly [string, number]> = [
  ...[0, 20, 40, 60, 80].map((percent, at) => [`Quintile ${at + 1}`, percent] as const),
  ...[90, 95, 99, 99.5, 99.9].map((percent) => [`${percent}%`, percent] as const),
]

export const createTimings = () => {
  const taken: number[] = []
  let next = 0
  return {
    add: (milliseconds: number): void => {
      // Clients take these for whole numbers, and 0 for a consumer that has answered nothing.
      taken[next] = Math.max(1, Math.trunc(milliseconds))
      next = (next + 1) % WINDOW
    },
    /** Empty until a message was answered. */
    measurements: (): ReadonlyArray<Measurement> => {
      if (taken.length === 0) return []
      const sorted = taken.toSorted((a, b) => a - b)
      const at = (percent: number): number =>
        sorted[Math.min(sorted.length - 1, Math.trunc((percent / 100) * sorted.length))]!
      const sum = sorted.reduce((total, one) => total + one, 0)
      return [
        ['Mean', Math.trunc(sum / sorted.length)],
        ['Median', at(50)],
        ['Fastest', sorted[0]!],
        ...PERCENTILES.map(([key, percent]) => [key, at(percent)] as const),
        ['Highest', sorted.at(-1)!],
      ]
    },
  }
}
