/** Fills the content tables from a file. Loading the same file again changes nothing. */
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { readTextFile, UnreadableFile } from '../text-file.ts'
import { type ContentFile, parseContent, type Wrong } from './codec.ts'
import { type ContentTable, TABLES } from './primary/tables.ts'

/** For each table, how many rows were in the file, and how many of them were new or different. */
type Counts = Readonly<
  Record<'posts' | 'documents' | 'permissions', { readonly rows: number; readonly changed: number }>
>
/** `skipped`: a sentence for each row that was left out. */
export type LoadedContent = Counts & { readonly skipped: Wrong }

/** The largest file: it is held in memory as a whole. */
const MAX_BYTES = 256 * 1024 * 1024

const BATCH = 500
export const SAMPLE = fileURLToPath(new URL('./sample.json', import.meta.url))

/** Unchanged rows are not written, so that no change is announced for them. */
const upsert = (table: ContentTable): string => {
  const names = Object.keys(table.columns)
  const rest = names.filter((name) => !table.key.includes(name))
  const typed = Object.entries(table.columns).map(([name, type]) => `${name} ${type}`)
  return `INSERT INTO ${table.name} AS old (${names.join(', ')})
    SELECT ${names.join(', ')} FROM jsonb_to_recordset($1::jsonb) AS row (${typed.join(', ')})
    ON CONFLICT (${table.key.join(', ')}) DO UPDATE SET ${rest.map((name) => `${name} = excluded.${name}`).join(', ')}
    WHERE (${rest.map((name) => `old.${name}`).join(', ')}) IS DISTINCT FROM (${rest.map((name) => `excluded.${name}`).join(', ')})`
}

/** The last row of each key: one statement may not change a row twice. */
const lastOfEach = <A>(rows: ReadonlyArray<A>, key: (row: A) => string): ReadonlyArray<A> => [
  ...new Map(rows.map((row) => [key(row), row])).values(),
]

type Rows = ReadonlyArray<Readonly<Record<string, unknown>>>

/** Whether the SQLSTATE is of a class that says that a column can't hold the data. */
const isOfData = (error: unknown): boolean => /^2[23]/.test(String((error as { code?: unknown }).code))

/** Writes the rows at once; if the database can't hold one of them, one by one without it. */
const writeBatch = async (
  client: pg.Client,
  table: ContentTable,
  rows: Rows,
  skipped: string[],
): Promise<number> => {
  await client.query('SAVEPOINT batch')
  try {
    const answer = await client.query(upsert(table), [JSON.stringify(rows)])
    await client.query('RELEASE SAVEPOINT batch')
    return answer.rowCount ?? 0
  } catch (error) {
    if (!isOfData(error)) throw error
    await client.query('ROLLBACK TO SAVEPOINT batch')
    const [row] = rows
    if (rows.length === 1 && row !== undefined) {
      const name = table.key.map((key) => row[key]).join('/')
      skipped.push(`${table.name} ${name}: ${(error as Error).message}.`)
      return 0
    }
    let changed = 0
    for (const one of rows) changed += await writeBatch(client, table, [one], skipped)
    return changed
  }
}

const write = async (
  client: pg.Client,
  table: ContentTable,
  rows: Rows,
  skipped: string[],
): Promise<number> => {
  let changed = 0
  for (let i = 0; i < rows.length; i += BATCH)
    changed += await writeBatch(client, table, rows.slice(i, i + BATCH), skipped)
  return changed
}

/** Stores all in one transaction. Throws Postgres' errors, except about a row that it can't hold: that is skipped. */
export const storeContent = async (url: string, file: ContentFile): Promise<LoadedContent> => {
  const posts = lastOfEach(file.posts, (row) => `${row.author}/${row.permlink}`)
  const documents = lastOfEach(file.documents, (row) => row.id)
  const permissions = lastOfEach(file.permissions, (row) => `${row.document_id} ${row.user_account}`)
  const client = new pg.Client({ connectionString: url, application_name: 'presence content load' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN')
    const skipped: string[] = []
    const put = async (table: ContentTable, rows: Rows) => ({
      rows: rows.length,
      changed: await write(client, table, rows, skipped),
    })
    const loaded: LoadedContent = {
      posts: await put(TABLES.posts, posts),
      documents: await put(TABLES.collaboration_documents, documents),
      permissions: await put(TABLES.collaboration_permissions, permissions),
      skipped,
    }
    await client.query('COMMIT')
    return loaded
  } finally {
    await client.end()
  }
}

/** Loads a file, without the rows that can't be used. Left if no row can be used: a sentence for each reason. */
export const loadContent = async (url: string, path: string): Promise<E.Either<Wrong, LoadedContent>> => {
  let text: string
  try {
    text = await readTextFile(path, MAX_BYTES)
  } catch (error) {
    if (error instanceof UnreadableFile) return E.left([error.message])
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error)
    return E.left([`${path} can’t be read: ${why}.`])
  }
  const parsed = parseContent(text)
  if (E.isLeft(parsed)) return parsed
  const { file, skipped } = parsed.right
  const loaded = await storeContent(url, file)
  return E.right({ ...loaded, skipped: [...skipped, ...loaded.skipped] })
}

/** The dozen made-up posts and documents that come with `npm start`. */
export const loadSampleContent = (url: string): Promise<E.Either<Wrong, LoadedContent>> =>
  loadContent(url, SAMPLE)
