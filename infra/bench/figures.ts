/** Numbers as a person reads them. */
import { readFileSync } from 'node:fs'

const quantile = (sorted: ArrayLike<number>, q: number): number =>
  sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!

export const summary = (values: Array<number>) => {
  const sorted = Float64Array.from(values).sort()
  return {
    n: sorted.length,
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    max: quantile(sorted, 1),
  }
}

/** The share of one core that this process has used since the last call. */
export const ownShare = (): (() => number) => {
  let cpu = process.cpuUsage()
  let at = performance.now()
  return () => {
    const used = process.cpuUsage(cpu)
    const elapsed = performance.now() - at
    cpu = process.cpuUsage()
    at = performance.now()
    return (used.user + used.system) / 1000 / elapsed
  }
}

/** Processor seconds that a process has used so far. */
export const processorSeconds = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

export type FigureRow = {
  readonly what: string
  readonly ours: string
  readonly beside: string
  readonly goal: string
  readonly met: boolean | null
  /** What it is limited by, as measured in the same run; shown where the goal is missed. */
  readonly limit?: string
}

/** Whether the goal is met, in words. */
export const verdictOf = ({ met, limit }: FigureRow): string => {
  if (met === null) return ''
  if (met) return 'met'
  return limit === undefined ? 'missed' : `missed: ${limit}`
}

export const printTable = (rows: ReadonlyArray<FigureRow>): void => {
  const cells = [
    ['what', 'this server', 'for comparison', 'goal', ''],
    ...rows.map((row) => [row.what, row.ours, row.beside, row.goal, verdictOf(row)]),
  ]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((line) => line[column]!.length)))
  for (const [index, line] of cells.entries()) {
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    if (index === 0) console.log(widths.map((width) => '─'.repeat(width)).join('  '))
  }
}
