/** An answer of any size: rows as they come, as lines of JSON or of CSV, no faster than the caller reads them. */
import type { Described } from '../refusals.ts'

export const FORMATS = ['json', 'ndjson', 'csv'] as const
export type Format = (typeof FORMATS)[number]
export type ExportFormat = Exclude<Format, 'json'>

/** What a handler returns instead of an object. */
export class Download {
  readonly contentType: string
  readonly fileName: string
  readonly rows: AsyncIterable<string>
  /** Throws the error to report once the caller may no longer see the rows. */
  readonly check: () => Promise<unknown>
  /** The last line, if it ends early. */
  readonly word: (why: Described) => string
  constructor(of: Pick<Download, 'contentType' | 'fileName' | 'rows' | 'check' | 'word'>) {
    this.contentType = of.contentType
    this.fileName = of.fileName
    this.rows = of.rows
    this.check = of.check
    this.word = of.word
  }
}

/** The format by the `Accept` header, unless the address names one: the first of the two that it lists. */
export const formatOf = (asked: Format | null, accept: string | undefined): Format => {
  if (asked !== null) return asked
  for (const part of (accept ?? '').split(',')) {
    const type = part.split(';')[0]!.trim().toLowerCase()
    if (type === 'application/json' || type === '*/*') return 'json'
    if (type === 'application/x-ndjson') return 'ndjson'
    if (type === 'text/csv') return 'csv'
  }
  return 'json'
}

/** Text that a spreadsheet would take for a formula, also after blanks or in the wide forms of East Asian keyboards. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks past
const FORMULA = /^[\s\u0000-\u001f]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/

/** RFC 4180 with every cell in quotes; a cell that would be a formula gets an apostrophe in front, so that it is text. */
export const csvCell = (value: unknown): string => {
  if (value === null || value === undefined) return '""'
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`
}

type Rows = AsyncIterable<ReadonlyArray<Readonly<Record<string, unknown>>>>

async function* lines(rows: Rows, format: ExportFormat, columns: ReadonlyArray<string>) {
  // With a byte order mark in front, so that a spreadsheet reads it as UTF-8.
  if (format === 'csv') yield `\uFEFF${columns.map(csvCell).join(',')}\r\n`
  for await (const page of rows) {
    let text = ''
    for (const row of page)
      text +=
        format === 'csv'
          ? `${columns.map((name) => csvCell(row[name])).join(',')}\r\n`
          : `${JSON.stringify(row)}\n`
    if (text !== '') yield text
  }
}

/** Why an answer ends early, as its last line. */
const lastLine = (format: ExportFormat, { code, error }: Described): string =>
  format === 'csv'
    ? `${csvCell(`ended: ${code}`)},${csvCell(error)}\r\n`
    : `${JSON.stringify({ error, code })}\n`

/** `name` has no extension. One page is held at a time. `check` throws the error to report once the caller may see no more. */
export const download = (
  format: ExportFormat,
  of: {
    readonly name: string
    readonly columns: ReadonlyArray<string>
    readonly rows: Rows
    readonly check: () => Promise<unknown>
  },
): Download =>
  new Download({
    contentType:
      format === 'csv' ? 'text/csv; charset=utf-8; header=present' : 'application/x-ndjson; charset=utf-8',
    fileName: `${of.name}.${format}`,
    rows: lines(of.rows, format, of.columns),
    check: of.check,
    word: (why) => lastLine(format, why),
  })
