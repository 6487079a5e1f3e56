/** One connection of its own, for what a pool can't do: session locks, LISTEN, COPY, and transactions that end when the
 *  lock that guards them does. */
import { createHash } from 'node:crypto'
import pg from 'pg'
import type { QuerySqlToken } from 'slonik'
import { cut } from './client.ts'
import { backendOf, proveOwnSession } from './own-session.ts'

export type DatabaseRow = Readonly<Record<string, unknown>>
export type CopyFrom = { readonly statement: string; readonly data: string | Buffer }
export interface DatabaseSession {
  /** The process id of its backend in Postgres, if the backend was proved to be its own. */
  readonly backend: number | null
  /** Runs a statement of slonik's `sql` tag. int8 is returned as bigint, timestamptz as Date, json parsed. */
  readonly run: (statement: QuerySqlToken) => Promise<ReadonlyArray<DatabaseRow>>
  /** Plain SQL without values: BEGIN, SET LOCAL, DDL. */
  readonly exec: (text: string) => Promise<void>
  /** COPY … FROM STDIN with all its data, several of them one after the other, in one go. Throws Postgres' error about
   *  the first that it refuses; then nothing of any of them is stored. */
  readonly copy: (...copies: ReadonlyArray<CopyFrom>) => Promise<void>
  /** Rolls back on an error and rethrows it. On a broken connection the outcome of COMMIT is unknown. */
  readonly transaction: <T>(work: () => Promise<T>) => Promise<T>
  readonly listen: (channel: string, heard: (payload: string) => void) => Promise<void>
  /** Resolves once the connection is gone, whoever ended it. */
  readonly closed: Promise<void>
  readonly close: () => Promise<void>
}

const types = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === 20 ? (value: string) => BigInt(value) : pg.types.getTypeParser(oid, format as 'text'),
}

/** Statements are prepared once per connection, under a name made from their text, if the connection surely has a
 *  session of its own: a pooler in transaction mode passes the next one to a backend that does not know the name. */
const statementNames = new Map<string, { readonly name: string; readonly text: string }>()
const prepared = (sql: string): { readonly name: string; readonly text: string } => {
  let known = statementNames.get(sql)
  if (known === undefined) {
    const text = sql.replaceAll('$slonik_', '$')
    known = { name: createHash('sha1').update(text).digest('hex'), text }
    if (statementNames.size > 500) statementNames.clear()
    statementNames.set(sql, known)
  }
  return known
}

type Wire = {
  readonly stream: { cork(): void; uncork(): void }
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
  query(text: string): void
}
/** The part of pg's query object that COPY needs. */
class CopyIn {
  readonly copies: ReadonlyArray<CopyFrom>
  private readonly settle: (error: Error | null) => void
  constructor(copies: ReadonlyArray<CopyFrom>, settle: (error: Error | null) => void) {
    this.copies = copies
    this.settle = settle
  }
  /** The rows are sent with the statements: if Postgres refuses one, it skips its rows and all that follow. Without a
   *  transaction around them, statements that are sent together are one transaction. Source:
   *  https://www.postgresql.org/docs/current/protocol-flow.html, "COPY Operations", "Multiple Statements in a Simple
   *  Query". */
  submit(connection: Wire): void {
    connection.stream.cork()
    connection.query(this.copies.map(({ statement }) => statement).join(';'))
    for (const { data } of this.copies) {
      connection.sendCopyFromChunk(typeof data === 'string' ? Buffer.from(data) : data)
      connection.endCopyFrom()
    }
    connection.stream.uncork()
  }
  handleCopyInResponse(): void {}
  handleCommandComplete(): void {}
  /** After an error the client forgets the query, so nothing more is reported here. The next query waits all the same. */
  handleError(error: Error): void {
    this.settle(error)
  }
  handleReadyForQuery(): void {
    this.settle(null)
  }
}

/** Throws if Postgres can't be reached, and `NoOwnSession` if `isOwn` is asked for and the connection has none. */
export const connectSession = async (
  url: string,
  applicationName: string,
  { isOwn = false }: { readonly isOwn?: boolean } = {},
): Promise<DatabaseSession> => {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    connectionTimeoutMillis: 10_000,
    types,
  })
  const heard = new Map<string, (payload: string) => void>()
  client.on('notification', ({ channel, payload }) => heard.get(channel)?.(payload ?? ''))
  const closed = new Promise<void>((resolve) => {
    client.on('error', () => resolve())
    client.on('end', () => resolve())
  })
  let backend: number | null = null
  try {
    await client.connect()
    if (isOwn) backend = await proveOwnSession(url, backendOf(client))
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  const exec = async (text: string): Promise<void> => {
    await client.query(text)
  }
  return {
    backend,
    run: async (statement) => {
      const { name, text } = prepared(statement.sql)
      const values = [...statement.values]
      const { rows } = await client.query(backend === null ? { text, values } : { name, text, values })
      return rows
    },
    exec,
    copy: (...copies) =>
      new Promise((resolve, reject) => {
        const copy = new CopyIn(copies, (error) => (error === null ? resolve() : reject(error)))
        client.query(copy as never)
      }),
    transaction: async (work) => {
      await exec('BEGIN')
      try {
        const result = await work()
        await exec('COMMIT')
        return result
      } catch (error) {
        await exec('ROLLBACK').catch(() => {})
        throw error
      }
    },
    listen: async (channel, hear) => {
      heard.set(channel, hear)
      await exec(`LISTEN ${client.escapeIdentifier(channel)}`)
    },
    closed,
    close: async () => {
      // A connection that is busy (waiting for a lock) is cut off, not waited for.
      const late = setTimeout(() => cut(client), 200)
      await client.end().catch(() => {})
      clearTimeout(late)
    },
  }
}
