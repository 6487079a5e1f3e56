/** Fills the content tables from a file. Loading the same file again changes nothing. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { type ContentFile, parseContent, type Wrong } from './codec.ts'

/** How many rows of each were in the file, and how many of them were new or different. */
export type Loaded = Readonly<
  Record<'posts' | 'documents' | 'permissions', { readonly rows: number; readonly changed: number }>
>

const BATCH = 500
export const SAMPLE = fileURLToPath(new URL('./sample.json', import.meta.url))

type Table = {
  readonly name: string
  readonly key: ReadonlyArray<string>
  readonly columns: Readonly<Record<string, string>>
}
const POSTS: Table = {
  name: 'posts',
  key: ['author', 'permlink'],
  columns: {
    author: 'text',
    permlink: 'text',
    type: 'text',
    title: 'text',
    content: 'text',
    votes: 'integer',
    rating: 'numeric',
    nsfw: 'boolean',
    hidden: 'boolean',
    flagged: 'boolean',
    created_at: 'timestamptz',
    updated_at: 'timestamptz',
  },
}
const DOCUMENTS: Table = {
  name: 'collaboration_documents',
  key: ['id'],
  columns: {
    id: 'text',
    title: 'text',
    creator: 'text',
    is_public: 'boolean',
    is_deleted: 'boolean',
    created_at: 'timestamptz',
    updated_at: 'timestamptz',
  },
}
const PERMISSIONS: Table = {
  name: 'collaboration_permissions',
  key: ['document_id', 'user_account'],
  columns: { document_id: 'text', user_account: 'text', permission: 'text' },
}

/** Rows that are the same already are not written, so that nobody is told of a change that is none. */
const upsert = (table: Table): string => {
  const names = Object.keys(table.columns)
  const rest = names.filter((name) => !table.key.includes(name))
  const typed = Object.entries(table.columns).map(([name, type]) => `${name} ${type}`)
  return `INSERT INTO ${table.name} AS old (${names.join(', ')})
    SELECT ${names.join(', ')} FROM jsonb_to_recordset($1::jsonb) AS row (${typed.join(', ')})
    ON CONFLICT (${table.key.join(', ')}) DO UPDATE SET ${rest.map((name) => `${name} = excluded.${name}`).join(', ')}
    WHERE (${rest.map((name) => `old.${name}`).join(', ')}) IS DISTINCT FROM (${rest.map((name) => `excluded.${name}`).join(', ')})`
}

/** The last of those with the same key: one statement may not touch a row twice. */
const lastOfEach = <A>(rows: ReadonlyArray<A>, key: (row: A) => string): ReadonlyArray<A> => [
  ...new Map(rows.map((row) => [key(row), row])).values(),
]

const write = async (client: pg.Client, table: Table, rows: ReadonlyArray<unknown>): Promise<number> => {
  let changed = 0
  for (let i = 0; i < rows.length; i += BATCH) {
    const answer = await client.query(upsert(table), [JSON.stringify(rows.slice(i, i + BATCH))])
    changed += answer.rowCount ?? 0
  }
  return changed
}

/** All or nothing. Throws what Postgres says. */
export const storeContent = async (url: string, file: ContentFile): Promise<Loaded> => {
  const posts = lastOfEach(file.posts, (row) => `${row.author}/${row.permlink}`)
  const documents = lastOfEach(file.documents, (row) => row.id)
  const permissions = lastOfEach(file.permissions, (row) => `${row.document_id} ${row.user_account}`)
  const client = new pg.Client({ connectionString: url, application_name: 'presence content load' })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('BEGIN')
    const loaded: Loaded = {
      posts: { rows: posts.length, changed: await write(client, POSTS, posts) },
      documents: { rows: documents.length, changed: await write(client, DOCUMENTS, documents) },
      permissions: { rows: permissions.length, changed: await write(client, PERMISSIONS, permissions) },
    }
    await client.query('COMMIT')
    return loaded
  } finally {
    await client.end()
  }
}

/** Of a file on disk; left says what is wrong with it, a sentence each, and then nothing was written. */
export const loadContent = async (url: string, path: string): Promise<E.Either<Wrong, Loaded>> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error)
    return E.left([`${path} can’t be read: ${why}.`])
  }
  const file = parseContent(text)
  return E.isLeft(file) ? file : E.right(await storeContent(url, file.right))
}

/** The dozen made-up posts and documents that `npm start` brings. */
export const loadSampleContent = (url: string): Promise<E.Either<Wrong, Loaded>> => loadContent(url, SAMPLE)
