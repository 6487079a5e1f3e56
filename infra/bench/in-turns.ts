/** A section of the bench run in turns in this checkout and in another revision's, each as its own program: for sections
 *  that measure code and not a server. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BenchContext, BenchResult } from './context.ts'
import type { FigureRow } from './figures.ts'
import type { Revision } from './revision.ts'
import { spreadOf } from './spread.ts'

const HERE = fileURLToPath(new URL('../../', import.meta.url))

const runIn = (root: string, section: string): ReadonlyArray<FigureRow> => {
  const ended = spawnSync(process.execPath, ['infra/bench/main.ts', section], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (ended.status !== 0) throw new Error(`${section} failed in ${root}`)
  const folder = join(root, 'bench-results')
  const newest = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .at(-1)!
  return (JSON.parse(readFileSync(join(folder, newest), 'utf8')) as { rows: ReadonlyArray<FigureRow> }).rows
}

/** The first number of a figure, and what stands behind it. */
const FIRST = /^[^\d-]*(-?[\d,]*\.?\d+)\s*(.*)$/s
const numberIn = (figure: string): number =>
  Number(FIRST.exec(figure)?.[1]?.replaceAll(',', '') ?? Number.NaN)

const inWords = (figures: ReadonlyArray<string>): string => {
  const spread = spreadOf(figures.map(numberIn))
  if (spread === null) return figures.at(-1) ?? 'not measured'
  const unit = FIRST.exec(figures[0]!)?.[2] ?? ''
  const [least, median, most] = [spread.least, spread.median, spread.most].map((value) =>
    Number(value.toPrecision(4)),
  )
  return `${median} (${least}–${most}) ${unit}`.trim()
}

/** What a row measures, whatever size the log had come to: that is part of its name. */
const measuredIn = ({ what }: FigureRow): string => what.replaceAll(/\d+(,\d{3})+ events/g, 'the events')

export const inTurns = async (
  section: string,
  other: Revision,
  turns: BenchContext['turns'],
): Promise<BenchResult> => {
  const [ours, theirs] = [new Map<string, FigureRow[]>(), new Map<string, FigureRow[]>()]
  const take = (into: Map<string, FigureRow[]>, rows: ReadonlyArray<FigureRow>) => {
    for (const row of rows) into.set(measuredIn(row), [...(into.get(measuredIn(row)) ?? []), row])
  }
  for (let turn = 0; turn < turns; turn += 1) {
    const runs = [() => take(ours, runIn(HERE, section)), () => take(theirs, runIn(other.root, section))]
    // Nobody is always first.
    for (const run of turn % 2 === 0 ? runs : runs.reverse()) run()
  }
  const rows = [...ours].map(([measured, here]): FigureRow => {
    const there = theirs.get(measured) ?? []
    return {
      ...here.at(-1)!,
      ours: inWords(here.map((row) => row.ours)),
      beside:
        there.length === 0
          ? `not at ${other.name}`
          : `${inWords(there.map((row) => row.ours))}, at ${other.name}`,
    }
  })
  return { rows, figures: { ours: Object.fromEntries(ours), theirs: Object.fromEntries(theirs) } }
}
