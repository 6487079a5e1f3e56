/**
 * `npm run bench [-- NAME… --compare REV --turns N --page --flame]`: measures this server beside a plain Socket.IO server that stores
 * nothing, in one run on one machine, prints a table and writes `bench-results/<time>.json`. Names: chat, crowd, memory, joins,
 * wake, rebuild, start; all of them where none is given. By name alone: audit (which is moment, proof and privacy), eventstore,
 * limits, lists, small, scale, two-servers, scene, archive, what-if.
 *
 * `--compare REV` measures that revision of the project in turns with this one. `--turns N`: how often (3). `--page` puts what
 * was measured into docs/performance.md, with its charts. `--flame` (chat) draws where the servers' processor time goes.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import type { Bench, BenchResult } from './context.ts'
import { type FigureRow, printTable } from './figures.ts'
import { inTurns } from './in-turns.ts'
import { kernelShare, kernelShareInWords, noiseInWords, quietNoise } from './noise.ts'
import { writePart } from './page.ts'
import { checkedOut, type Revision } from './revision.ts'

/** One whose own parameter says how large it is: here as large as it usually is. */
const asIs = ({ bench }: { readonly bench: () => Promise<BenchResult> }) => ({ bench: () => bench() })

const benches: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  chat: () => import('./chat.bench.ts'),
  crowd: () => import('./crowd.bench.ts'),
  memory: () => import('./memory.bench.ts'),
  joins: () => import('./joins.bench.ts'),
  wake: () => import('./wake.bench.ts'),
  rebuild: () => import('./rebuild.bench.ts'),
  audit: () => import('./audit.bench.ts'),
  proof: () => import('./proof.bench.ts').then(asIs),
  moment: () => import('./moment.ts').then(asIs),
  privacy: () => import('./privacy.ts').then(asIs),
  start: () => import('./start.bench.ts'),
  eventstore: () => import('./eventstore.bench.ts'),
  limits: () => import('./limits.bench.ts'),
  small: () => import('./small.bench.ts'),
  lists: () => import('./lists.bench.ts'),
  scale: () => import('./scale.bench.ts'),
  'two-servers': () => import('./two-servers.bench.ts'),
  scene: () => import('./scene.bench.ts'),
  archive: () => import('./archive.bench.ts').then(asIs),
  'what-if': () => import('./what-if.bench.ts'),
}
const DEFAULT = ['chat', 'crowd', 'memory', 'joins', 'wake', 'rebuild', 'start']
/** These have the other revision's server among their own. */
const COMPARES = new Set(['chat', 'scene'])

const misused = (sentence: string): never => {
  console.error(sentence)
  process.exit(2)
}

const asked = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        compare: { type: 'string' },
        turns: { type: 'string', default: '3' },
        page: { type: 'boolean', default: false },
        flame: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    return misused((error as Error).message)
  }
}
const { positionals, values } = asked()
const unknown = positionals.filter((name) => !(name in benches))
if (unknown.length > 0)
  misused(`There is no benchmark ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`)
const turns = Number(values.turns)
if (!Number.isInteger(turns) || turns < 1) misused('--turns is a whole number from 1 on.')

const revisionAsked = (name: string): Revision => {
  try {
    return checkedOut(name)
  } catch {
    return misused(`git knows no revision ${name}.`)
  }
}
const other = values.compare === undefined ? null : revisionAsked(values.compare)

const measure = async (section: string): Promise<BenchResult> => {
  if (other !== null && !COMPARES.has(section)) return inTurns(section, other, turns)
  const { bench } = await benches[section]!()
  return bench({ other, turns, flame: values.flame })
}

const rows: Array<FigureRow> = []
const figures: Record<string, unknown> = {
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version },
  at: new Date().toISOString(),
}
const notes: Array<string> = []
const files: Record<string, string> = {}
for (const section of positionals.length > 0 ? positionals : DEFAULT) {
  console.log(`\n── ${section} ──`)
  const noise = await quietNoise()
  console.log(noiseInWords(noise))
  const share = kernelShare()
  const result = await measure(section)
  const kernel = share()
  console.log(kernelShareInWords(kernel))
  rows.push(...result.rows)
  figures[section] = { noise, kernel, measured: result.figures }
  notes.push(...(result.notes ?? []))
  Object.assign(files, result.files)
  for (const [name, svg] of Object.entries(result.charts ?? {})) files[`${section}-${name}.svg`] = svg
  if (values.page)
    writePart({
      section,
      rows: result.rows,
      notes: result.notes ?? [],
      charts: result.charts ?? {},
      noise,
      kernel,
      at: new Date().toISOString(),
    })
}
console.log('')
printTable(rows)
for (const note of notes) console.log(`\n${note}`)
mkdirSync('bench-results', { recursive: true })
const stem = `bench-results/${new Date().toISOString().replaceAll(':', '-')}`
writeFileSync(`${stem}.json`, `${JSON.stringify({ ...figures, rows }, null, 2)}\n`)
for (const [name, text] of Object.entries(files)) writeFileSync(`${stem}-${name}`, text)
console.log(
  `\nWritten to ${[`${stem}.json`, ...Object.keys(files).map((name) => `${stem}-${name}`)].join(', ')}.`,
)
other?.remove()
process.exit(0)
