/** A chart of how long it takes to answer for a room's moments, by the room's age: as text, and as SVG. */
import { chartInSvg } from './charts.ts'

export type AgePoint = { readonly age: number; readonly p50: number; readonly p99: number }

const TITLE = 'the room at any moment, by its age in events'

export const chartInText = (points: ReadonlyArray<AgePoint>): string => {
  const most = Math.max(...points.map(({ p99 }) => p99))
  const bar = (ms: number, sign: string) => sign.repeat(Math.max(1, Math.round((50 * ms) / most)))
  const lines = points.flatMap(({ age, p50, p99 }) => [
    `${age.toLocaleString('en').padStart(9)}  ${bar(p50, '█')} ${p50.toFixed(1)} ms`,
    `${' '.repeat(9)}  ${bar(p99, '▒')} ${p99.toFixed(1)} ms`,
  ])
  return [`${TITLE} (█ p50, ▒ p99)`, ...lines].join('\n')
}

/** The age is on a logarithmic scale, the milliseconds are on a linear one from 0. */
export const agesInSvg = (points: ReadonlyArray<AgePoint>): string =>
  chartInSvg({
    title: TITLE,
    x: 'events',
    y: 'ms',
    isLogX: true,
    goals: [
      { name: 'goal for p50', y: 50 },
      { name: 'goal for p99', y: 150 },
    ],
    series: (['p99', 'p50'] as const).map((name) => ({
      name,
      points: points.map((point) => ({ x: point.age, y: point[name] })),
    })),
  }) ?? ''
