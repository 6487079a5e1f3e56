/** What is in Postgres but not on the log: the keys of people's data, ended sessions, content, how far subscriptions
 *  were delivered. Everything else is rebuilt from the log. */

import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import pg from 'pg'

/** In the order in which they are filled. */
const KEPT = [
  'privacy_master',
  'privacy_keys',
  'privacy_requests',
  'motion_sections',
  'auth_ended_sessions',
  'proof_checkpoints',
  'proof_went_back',
  'posts',
  'collaboration_documents',
  'collaboration_permissions',
  'subscription_positions',
] as const
/** These tables hold positions of exactly this log: a log that is imported event by event has others. */
const OF_THIS_LOG: ReadonlyArray<string> = ['proof_checkpoints', 'subscription_positions']
const PAGE = 1_000

const connected = async <A>(url: string, work: (client: pg.Client) => Promise<A>): Promise<A> => {
  const client = new pg.Client({ connectionString: url, application_name: 'presence backup' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => {})
  }
}

/** What refers to places of the log, as of the start of the copy: later, it may refer to places that the copy does not have. */
export type BeforeCopy = {
  /** Each key's last checkpoint. */
  readonly numbers: ReadonlyMap<string, number>
  /** How far subscriptions were delivered: what is delivered again has the same ids. */
  readonly told: ReadonlyMap<string, string>
}
export const beforeCopy = (url: string): Promise<BeforeCopy> =>
  connected(url, async (client) => {
    const { rows } = await client.query<{ vkey: string; number: string }>(
      'SELECT vkey, max(number)::text AS number FROM proof_checkpoints GROUP BY vkey',
    )
    const { rows: told } = await client.query<{ subscription: string; row: string }>(
      'SELECT subscription, to_jsonb(t)::text AS row FROM subscription_positions t',
    )
    return {
      numbers: new Map(rows.map(({ vkey, number }) => [vkey, Number(number)])),
      told: new Map(told.map(({ subscription, row }) => [subscription, row])),
    }
  })
/** The row as of then; null for one that came since. */
const asBefore = (table: string, row: string, { numbers, told }: BeforeCopy): string | null => {
  if (table === 'subscription_positions')
    return told.get((JSON.parse(row) as { readonly subscription: string }).subscription) ?? null
  if (table !== 'proof_checkpoints') return row
  const { vkey, number } = JSON.parse(row) as { readonly vkey: string; readonly number: number }
  return number <= (numbers.get(vkey) ?? 0) ? row : null
}

export type Dumped = { readonly rows: Record<string, number>; readonly checkpoint: string | null }

/** Writes all rows as of one moment, one per line: the table's name, a tab, the row as JSON. */
export const dumpTables = (url: string, file: string, before: BeforeCopy): Promise<Dumped> =>
  connected(url, async (client) => {
    const out = createWriteStream(file, { mode: 0o600 })
    const rows: Record<string, number> = {}
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    for (const table of KEPT) {
      rows[table] = 0
      await client.query(`DECLARE kept NO SCROLL CURSOR FOR SELECT to_jsonb(t)::text AS row FROM ${table} t`)
      for (;;) {
        const page = await client.query<{ row: string }>(`FETCH ${PAGE} FROM kept`)
        if (page.rows.length === 0) break
        const kept = page.rows.flatMap(({ row }) => asBefore(table, row, before) ?? [])
        rows[table] += kept.length
        if (!out.write(kept.map((row) => `${table}\t${row}\n`).join(''))) await once(out, 'drain')
      }
      await client.query('CLOSE kept')
    }
    const { rows: found } = await client.query(
      'SELECT max(position)::text AS position FROM projection_checkpoints',
    )
    await client.query('COMMIT')
    out.end()
    await once(out, 'close')
    return { rows, checkpoint: found[0]?.position ?? null }
  })

/** Whether these tables have nothing about a log or people yet. */
export const areFresh = (url: string): Promise<boolean> =>
  connected(url, async (client) => {
    const { rows } = await client.query(
      'SELECT EXISTS (SELECT FROM privacy_keys) OR EXISTS (SELECT FROM presence_audit_log) AS used',
    )
    return rows[0].used === false
  })

/** `signedUpTo`: how many events the largest checkpoint covers that was issued before. */
export type Loaded = { readonly signedUpTo: number }

/** Loads the rows into fresh tables, in one transaction. Throws if the file is malformed. */
export const loadTables = (url: string, file: string, isSameLog: boolean): Promise<Loaded> =>
  connected(url, async (client) => {
    let signedUpTo = 0
    let table = ''
    let waiting: string[] = []
    const flush = async (): Promise<void> => {
      if (waiting.length === 0) return
      await client.query(
        `INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb) ON CONFLICT DO NOTHING`,
        [`[${waiting.join(',')}]`],
      )
      waiting = []
    }
    await client.query('BEGIN')
    try {
      await client.query('DELETE FROM privacy_master')
      for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
        const tab = line.indexOf('\t')
        const name = line.slice(0, tab)
        if (!(KEPT as ReadonlyArray<string>).includes(name))
          throw new Error(`${file} names no table that is kept.`)
        if (name === 'proof_checkpoints')
          signedUpTo = Math.max(
            signedUpTo,
            Number((JSON.parse(line.slice(tab + 1)) as { size: number }).size),
          )
        if (!isSameLog && OF_THIS_LOG.includes(name)) continue
        if (name !== table || waiting.length >= PAGE) await flush()
        table = name
        waiting.push(line.slice(tab + 1))
      }
      await flush()
      await client.query('COMMIT')
      return { signedUpTo }
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
  })
