/** The least that a rebuild and a verification can take on this machine: what none of them can leave out, each part measured
 *  by itself in the same run. Comparing, checking kept moments, sending rows and whatever is between the parts are not
 *  counted, so no program of this design is faster. */
import { availableParallelism } from 'node:os'
import { sql } from 'slonik'
import { connectSession, type DatabaseSession } from '../../adapters/postgres/session.ts'
import { indexShadow, makeShadow } from '../../apps/operations/rebuild/shadow-tables.ts'
import { readable } from '../../apps/operations/tables/apply.ts'
import { STREAM_PREFIXES } from '../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import { auditMemory, copyAudit } from '../../projections/audit/fold.ts'
import { TABLES, writesFor } from '../../projections/batch.ts'
import { copyTiles, grow } from '../../projections/proof/tree.ts'
import { median, parentOf } from './processor.ts'

const PAGE = 2_000
/** So many events are folded, and their rows copied into tables of their own. */
const COPIED = 60_000

/** Microseconds of processor time for each event. */
export type Least = {
  /** This process: reading and decoding, and opening personal data if the log is sealed. */
  readonly reading: number
  /** The event store, meanwhile. */
  readonly store: number
  /** This process: the rows of the audit log and of the tree, with three SHA-256 for each event (leaf, chain, node). */
  readonly rows: number
  /** This process: one fold of all projections, and the rows of messages. */
  readonly folding: number
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
const readAll = async (
  log: EventLog,
  look: (events: ReadonlyArray<RecordedEvent>) => void,
): Promise<number> => {
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
    look(events)
    count += events.length
  }
}

/** Folds the log's first events, copies their rows, and builds the indexes. Seconds for each event. */
const write = async (
  log: EventLog,
  databaseUrl: string,
  postgres: () => number,
): Promise<Pick<Least, 'rows' | 'folding' | 'writing'>> => {
  const session = await connectSession(databaseUrl, 'bench')
  const other = await connectSession(databaseUrl, 'bench')
  const schema = 'rebuild_least'
  try {
    await session.exec('SET synchronous_commit = off')
    const made = await makeShadow(session, schema)
    const memory = auditMemory(null)
    const batches: Array<ReturnType<typeof writesFor>['copies']> = []
    const spent = { rows: [] as number[], folding: [] as number[] }
    let count = 0
    await readAll(log, (events) => {
      if (count >= COPIED) return
      count += events.length
      const begun = ownSeconds()
      const { copy, leaves } = copyAudit(events, memory, true)
      const grown = grow(
        memory.tree,
        leaves.map((leaf, i) => ({ position: events[i]!.position, hash: leaf })),
      )
      memory.tree = grown.tree
      const tiles = copyTiles(grown.tiles)
      const made = ownSeconds()
      const { copies } = writesFor(
        events.flatMap((event) => readable(event).decoded ?? []),
        true,
      )
      spent.rows.push((made - begun) / events.length)
      spent.folding.push((ownSeconds() - made) / events.length)
      batches.push([copy, ...tiles, ...copies])
    })
    const before = postgres()
    for (const copies of batches) await session.copy(...copies)
    await indexShadow([session, other], schema, { made })
    // The first pages are folded before the code is compiled: the median is what the others take.
    return {
      rows: median(spent.rows),
      folding: median(spent.folding),
      writing: (postgres() - before) / count,
    }
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
  const count = await readAll(log, () => {})
  const [reading, stored] = [ownSeconds() - before.own, store() - before.store]
  const session = await connectSession(databaseUrl, 'bench')
  const beforeRows = postgres()
  await reread(session)
  const rereading = postgres() - beforeRows
  await session.close()
  const written = await write(log, databaseUrl, postgres)
  const micros = (seconds: number): number => 1e6 * seconds
  return {
    reading: micros(reading / count),
    store: micros(stored / count),
    rows: micros(written.rows),
    folding: micros(written.folding),
    writing: micros(written.writing),
    rereading: micros(rereading / count),
  }
}

const common = ({ reading, store, rows, folding }: Least): number => reading + store + rows + folding
/** Microseconds of both processors for each event. */
export const rebuildLeast = (least: Least): number => common(least) + least.writing
export const verifyLeast = (least: Least): number => common(least) + least.rereading

/** Events a second, if all processors are busy with nothing else, and one thread reads. */
export const limitOf = (least: Least, sum: number): number =>
  Math.min((availableParallelism() * 1e6) / sum, 1e6 / least.reading)

export const leastInWords = (least: Least): string => {
  const us = (one: number): string => one.toFixed(1)
  const limit = (sum: number): string => limitOf(least, sum).toFixed(0)
  return `What neither can leave out, each by itself, in microseconds of processor for each event: reading and decoding ${us(least.reading)} in this process and ${us(least.store)} in the event store; the rows of the audit log and the tree, with three SHA-256, ${us(least.rows)}; one fold of everything else ${us(least.folding)}. To these a rebuild adds ${us(least.writing)} in PostgreSQL for COPY and indexes, and a verification ${us(least.rereading)} there for reading every row once: ${us(rebuildLeast(least))} and ${us(verifyLeast(least))}. So on ${availableParallelism()} processors a rebuild is at most ${limit(rebuildLeast(least))} events a second, and a verification ${limit(verifyLeast(least))}, if nothing were sent or compared, no kept moment were checked, and no processor ever waited.`
}
