/**
 * `npm run bench [-- NAME…]`: measures this server beside a plain Socket.IO server that stores nothing, in one run on one
 * machine, prints a table and writes `bench-results/<time>.json`. Names: chat, crowd, memory, joins, wake, rebuild, start;
 * all of them where none is given. By name alone: audit (which is moment, proof and privacy), eventstore, limits, small, scene, archive.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { type FigureRow, printTable } from './figures.ts'

type Bench = () => Promise<{
  readonly rows: ReadonlyArray<FigureRow>
  readonly figures: unknown
  readonly notes?: ReadonlyArray<string>
  /** Files written beside the JSON, by name. */
  readonly files?: Readonly<Record<string, string>>
}>
const benches: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  chat: () => import('./chat.bench.ts'),
  crowd: () => import('./crowd.bench.ts'),
  memory: () => import('./memory.bench.ts'),
  joins: () => import('./joins.bench.ts'),
  wake: () => import('./wake.bench.ts'),
  rebuild: () => import('./rebuild.bench.ts'),
  audit: () => import('./audit.bench.ts'),
  proof: () => import('./proof.bench.ts'),
  moment: () => import('./moment.ts'),
  privacy: () => import('./privacy.ts'),
  start: () => import('./start.bench.ts'),
  eventstore: () => import('./eventstore.bench.ts'),
  limits: () => import('./limits.bench.ts'),
  small: () => import('./small.bench.ts'),
  scene: () => import('./scene.bench.ts'),
  archive: () => import('./archive.bench.ts'),
}
const DEFAULT = ['chat', 'crowd', 'memory', 'joins', 'wake', 'rebuild', 'start']

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`There is no benchmark ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`)
  process.exit(2)
}
const rows: Array<FigureRow> = []
const figures: Record<string, unknown> = {
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version },
  at: new Date().toISOString(),
}
const notes: Array<string> = []
const files: Record<string, string> = {}
for (const name of asked.length > 0 ? asked : DEFAULT) {
  console.log(`\n── ${name} ──`)
  const result = await (await benches[name]!()).bench()
  rows.push(...result.rows)
  figures[name] = result.figures
  notes.push(...(result.notes ?? []))
  Object.assign(files, result.files)
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
process.exit(0)
