/** `docs/performance.md`: what was measured last, a part for each section of the bench, with its charts. What stands around
 *  the parts is written by hand and stays. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type FigureRow, verdictOf } from './figures.ts'
import { type KernelShare, kernelShareInWords, type Noise, noiseInWords } from './noise.ts'

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url))

export type PagePart = {
  readonly section: string
  readonly rows: ReadonlyArray<FigureRow>
  readonly notes: ReadonlyArray<string>
  /** SVG, by name. */
  readonly charts: Readonly<Record<string, string>>
  readonly noise: Noise
  readonly kernel: KernelShare
  readonly at: string
}

/** When others keep so many cores busy, times are theirs as much as ours. */
const BUSY = 0.3

const cell = (text: string): string => text.replaceAll('|', '\\|')
const tableOf = (rows: ReadonlyArray<FigureRow>): string =>
  [
    '| what | this server | for comparison | goal | |',
    '|---|---|---|---|---|',
    ...rows.map((row) => {
      const { what, ours, beside, goal } = row
      return `| ${[what, ours, beside, goal, verdictOf(row)].map(cell).join(' | ')} |`
    }),
  ].join('\n')

export const partInWords = ({ section, rows, notes, charts, noise, kernel, at }: PagePart): string =>
  [
    `\`npm run bench -- ${section}\` on ${cpus().length} cores (${cpus()[0]?.model.trim()}), Node ${process.version}, ${at.slice(0, 16).replace('T', ' ')} UTC.`,
    `${noiseInWords(noise)} ${kernelShareInWords(kernel)}`,
    ...(noise.others > BUSY
      ? [
          '**The machine was busy with other things, so these times say little; the processor counted says more.**',
        ]
      : []),
    '',
    tableOf(rows),
    ...Object.keys(charts).map((name) => `\n![${name}](performance/${section}-${name}.svg)`),
    ...notes.map((note) => `\n${note}`),
  ].join('\n')

/** The page with this part in the place of the section's before it, or at its end. */
export const withPart = (page: string, section: string, words: string): string => {
  const [begin, end] = [`<!-- bench ${section} -->`, `<!-- end ${section} -->`]
  const part = `${begin}\n${words}\n${end}`
  const [from, to] = [page.indexOf(begin), page.indexOf(end)]
  return from < 0 || to < from
    ? `${page.trimEnd()}\n\n## ${section}\n\n${part}\n`
    : `${page.slice(0, from)}${part}${page.slice(to + end.length)}`
}

export const writePart = (part: PagePart): void => {
  const file = `${DOCS}performance.md`
  mkdirSync(`${DOCS}performance`, { recursive: true })
  for (const [name, svg] of Object.entries(part.charts))
    writeFileSync(`${DOCS}performance/${part.section}-${name}.svg`, svg)
  const page = existsSync(file) ? readFileSync(file, 'utf8') : '# Performance\n'
  writeFileSync(file, withPart(page, part.section, partInWords(part)))
}
