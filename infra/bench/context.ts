/** What every section of the bench is given, and what it gives back. */
import type { FigureRow } from './figures.ts'
import type { Revision } from './revision.ts'

export type BenchContext = {
  /** Another revision to be measured in turns with this one. */
  readonly other: Revision | null
  /** How often each thing is measured. */
  readonly turns: number
  /** Whether to draw where the servers' processor time goes. */
  readonly flame: boolean
}

export type BenchResult = {
  readonly rows: ReadonlyArray<FigureRow>
  readonly figures: unknown
  readonly notes?: ReadonlyArray<string>
  /** By name: what is written beside the JSON. */
  readonly files?: Readonly<Record<string, string>>
  /** SVG, by name. */
  readonly charts?: Readonly<Record<string, string>>
}

export type Bench = (context: BenchContext) => Promise<BenchResult>
