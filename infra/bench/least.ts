/** The least that a rebuild and a verification can take on this machine: what none of them can leave out, measured by itself
 *  in the same run. Folding, comparing and everything around them are not counted, so no program of this design is faster. */
import { hash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { sql } from 'slonik'
import { connectSession, type DatabaseSession } from '../../adapters/postgres/session.ts'
import { indexShadow, makeShadow } from '../../apps/operations/rebuild/shadow-tables.ts'
import { type Readable, readable } from '../../apps/operations/tables/apply.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog } from '../../domain/ports.ts'
import { auditMemory, copyAudit } from '../../projections/audit/fold.ts'
import { TABLES, writesFor } from '../../projections/batch.ts'
import { parentOf } from './processor.ts'

const PAGE = 2_000
/** The rows of so many events are copied into tables of their own. */
const COPIED = 60_000

/** Microseconds of processor time for each event. */
export type Least = {
  /** This process: reading, decoding, and three SHA-256 (leaf, node, chain). */
  readonly client: number
  /** The event store, meanwhile. */
  readonly store: number
  /** PostgreSQL: COPY of the rows into tables with the keys that are needed to fill them, and all other indexes. */
  readonly writing: number
  /** PostgreSQL: reading every live row once. */
  readonly rereading: number
}

/** Processor seconds of PostgreSQL, whose processes come and go: their parent knows what all of them have used. */
export const postmasterOf = async (databaseUrl: string): Promise<number> => {
  const session = await connectSession(databaseUrl, 'bench')
  try {
    const [backend] = await session.run(sql.unsafe`SELECT pg_backend_pid() AS pid`)
    return parentOf(Number(backend?.pid))
  } finally {
    await session.close()
  }
}

const ownSeconds = (): number => (process.cpuUsage().user + process.cpuUsage().system) / 1e6

/** Reads the log page by page, the next while this one is looked at. Resolves with how many events it has. */
const readAll = async (log: EventLog, look: (events: ReadonlyArray<Readable>) => void): Promise<number> => {
  let count = 0
  const page = async (after: bigint | null) => {
    const read = await log.readAll({
      ...(after === null ? {} : { after }),
      limit: PAGE,
      prefixes: STREAM_PREFIXES,
    })()
    if (read._tag === 'Left') throw new Error(`the log could not be read: ${read.left._tag}`)
    return read.right
  }
  let next = page(null)
  for (;;) {
    const events = await next
    const last = events.at(-1)
    if (last === undefined) return count
    next = page(last.position)
    next.catch(() => {})
    await new Promise((resolve) => setImmediate(resolve))
    look(events.map(readable))
    count += events.length
  }
}

/** Copies the rows of the log's first events, and builds the indexes. Seconds of PostgreSQL for each event. */
const write = async (log: EventLog, databaseUrl: string, postgres: () => number): Promise<number> => {
  const session = await connectSession(databaseUrl, 'bench')
  const other = await connectSession(databaseUrl, 'bench')
  const schema = 'rebuild_least'
  try {
    await session.exec('SET synchronous_commit = off')
    const made = await makeShadow(session, schema)
    const memory = auditMemory(null)
    const batches: Array<ReturnType<typeof writesFor>['copies']> = []
    let count = 0
    await readAll(log, (events) => {
      if (count >= COPIED) return
      count += events.length
      const { copy } = copyAudit(
        events.map(({ recorded }) => recorded),
        memory,
        true,
      )
      const { copies } = writesFor(
        events.flatMap(({ decoded }) => decoded ?? []),
        true,
      )
      batches.push([copy, ...copies])
    })
    const before = postgres()
    for (const copies of batches) await session.copy(...copies)
    await indexShadow([session, other], schema, { made })
    return (postgres() - before) / count
  } finally {
    await session.exec(`SET search_path TO public; DROP SCHEMA IF EXISTS ${schema} CASCADE`)
    await session.close()
    await other.close()
  }
}

/** Hashes what is stored of each row, which is less than comparing it. */
const reread = async (session: DatabaseSession): Promise<void> => {
  for (const { name } of TABLES) {
    const stored = await session.run(sql.unsafe`SELECT attname::text AS name FROM pg_attribute
      WHERE attrelid = ${`public.${name}`}::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated <> 'v'`)
    const columns = sql.join(
      stored.map((column) => sql.identifier(['t', String(column.name)])),
      sql.fragment`, `,
    )
    await session.run(
      sql.unsafe`SELECT bit_xor(hash_record_extended(ROW(${columns}), 0)) FROM ${sql.identifier(['public', name])} AS t`,
    )
  }
}

/** `store` and `postgres`: the processor seconds that these have used so far. The live tables must have the log's rows. */
export const leastOf = async ({
  log,
  databaseUrl,
  store,
  postgres,
}: {
  readonly log: EventLog
  readonly databaseUrl: string
  readonly store: () => number
  readonly postgres: () => number
}): Promise<Least> => {
  const before = { own: ownSeconds(), store: store() }
  let last = '0'.repeat(64)
  const count = await readAll(log, (events) => {
    // As long as what a leaf, a node and a row of the chain are made of.
    for (const { recorded } of events) {
      const leaf = hash('sha256', JSON.stringify((recorded.stored ?? recorded).data))
      last = hash('sha256', `["${last}","${recorded.position}","${leaf}"]`)
      hash('sha256', leaf)
    }
  })
  const [client, stored] = [ownSeconds() - before.own, store() - before.store]
  const session = await connectSession(databaseUrl, 'bench')
  const beforeRows = postgres()
  await reread(session)
  const rereading = postgres() - beforeRows
  await session.close()
  const micros = (seconds: number): number => (1e6 * seconds) / count
  return {
    client: micros(client),
    store: micros(stored),
    writing: 1e6 * (await write(log, databaseUrl, postgres)),
    rereading: micros(rereading),
  }
}

export const rebuildLeast = ({ client, store, writing }: Least): number => client + store + writing
export const verifyLeast = ({ client, store, rereading }: Least): number => client + store + rereading

/** Events a second, if all processors are busy with nothing else, and one thread reads. */
export const limitOf = (least: Least, sum: number): number =>
  Math.min((availableParallelism() * 1e6) / sum, 1e6 / least.client)

export const leastInWords = (least: Least): string => {
  const us = (one: number): string => one.toFixed(1)
  return `What neither can leave out, by itself, in microseconds of processor for each event: reading, decoding and three SHA-256 ${us(least.client)} in this process and ${us(least.store)} in the event store; COPY and indexes ${us(least.writing)} in PostgreSQL; reading every row once ${us(least.rereading)} there. So on ${availableParallelism()} processors a rebuild is at most ${limitOf(least, rebuildLeast(least)).toFixed(0)} events a second, and a verification ${limitOf(least, verifyLeast(least)).toFixed(0)}, if nothing were folded or compared and no processor ever waited.`
}
