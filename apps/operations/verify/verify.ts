/** Rebuilds everything from the log beside the live tables, and names the rows and checkpoints that differ. Changes
 *  nothing; memory is limited whatever the log's length. */
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { EventLog } from '../../../domain/ports.ts'
import {
  checkKept,
  followKept,
  type KeptCheck,
  type KeptFault,
} from '../../../projections/history/checking.ts'
import { issuedAt, numberOf } from '../../../projections/proof/issued.ts'
import { EMPTY_ROOT, edgePlaces, type Hash, type Nodes, rootAt } from '../../../projections/proof/merkle.ts'
import { checkpointIn, openCheckpoint, type Verifier } from '../../../projections/proof/note.ts'
import {
  type CheckpointPlace,
  checkpointsAfter,
  lastLeaf,
  positionAt,
} from '../../../projections/proof/queries.ts'
import { lostBy, type WentBack } from '../../../projections/proof/went-back.ts'
import { CutMeanwhile } from '../rebuild/live-audit.ts'
import { type RebuildProgress, rebuild } from '../rebuild/rebuild.ts'
import { nodesOf } from '../tables/tree.ts'
import type { CheckpointFailure } from './checkpoint-failure.ts'
import { type ComparedRows, differ } from './differing-rows.ts'
import { holdErased } from './erased.ts'
import { holdIssued, holdNumbers, issuedStreams, wentBackOf } from './issued.ts'
import { holdMotion, type MotionCheck } from './motion.ts'

export type Verified = {
  readonly events: number
  readonly position: bigint | null
  readonly seconds: number
  readonly size: number
  readonly root: Hash
  /** A sentence if the tables were made from another log, or the log went back: then they differ. */
  readonly otherLog: string | null
  /** Null if nothing was ever projected, so that there is nothing to compare. */
  readonly compared: ComparedRows | null
  /** A sentence for each way in which the tables are not what the migrations make. */
  readonly shape: ReadonlyArray<string>
  /** How many streams have waiting events, which are in no table. */
  readonly parkedStreams: number
  readonly checkpoints: number
  /** How many checkpoints are valid but name a position in the log from which the events were moved here. */
  readonly moved: number
  /** Issued checkpoints of more events than this are not valid. */
  readonly heldUpTo: number
  /** Statements, signed by its key, that the log went back; and the checkpoints of what it lost, those from elsewhere by their names. */
  readonly wentBack: ReadonlyArray<WentBack>
  readonly lost: { readonly count: number; readonly files: ReadonlyArray<string> }
  readonly failures: ReadonlyArray<CheckpointFailure>
  /** A sentence for each key of a person that is destroyed without a request on the log, or that is gone. */
  readonly keys: ReadonlyArray<string>
  /** Kept moments and marks (docs/moments.md), and those that are not what their room's events make. */
  readonly kept: KeptCheck
  /** Blocks of motion, and a sentence for each that does not have the hash on the log. */
  readonly motion: MotionCheck
}
export type VerifyProgress =
  | RebuildProgress
  | { readonly phase: 'rows'; readonly table: string; readonly rows: number }
  | { readonly phase: 'moments'; readonly stream: string; readonly events: number }
export type VerifyOptions = {
  readonly log: EventLog
  readonly databaseUrl: string
  /** Whose signatures count; if empty, signatures are not checked. */
  readonly verifiers: ReadonlyArray<Verifier>
  /** Checkpoints from elsewhere. */
  readonly checkpoints?: ReadonlyArray<{ readonly name: string; readonly note: string }>
  readonly onProgress?: (progress: VerifyProgress) => void
  readonly limit?: number
  readonly batchSize?: number
  /** False: compare every row of the audit log with one that was made. Default: first compare ranges by their digests. */
  readonly byDigests?: boolean
  /** A sentence if something that was read was sealed under keys that are not in the database. */
  readonly missingKeys?: () => string | null
}

const PAGE = 500
type SignedCheckpoint = {
  readonly from: string
  readonly note: string
  readonly row?: { number: number; size: number; root: string; vkey: string; at: number }
}

/** The hashes that the roots of these sizes need, fetched with one query. */
const nodesFor = async (session: DatabaseSession, sizes: ReadonlyArray<number>): Promise<Nodes> => {
  const places = new Map<string, { level: number; index: number }>()
  for (const size of sizes)
    for (const place of edgePlaces(size)) places.set(`${place.level}/${place.index}`, place)
  const wanted = [...places.values()]
  const found = await nodesOf(session)(wanted)
  const hashes = new Map(wanted.map(({ level, index }, i) => [`${level}/${index}`, found[i]!]))
  return async (asked) => asked.map(({ level, index }) => hashes.get(`${level}/${index}`)!)
}

/** The tree made from the log, and whose signatures count. */
type Made = {
  readonly session: DatabaseSession
  readonly size: number
  readonly verifiers: ReadonlyArray<Verifier>
  readonly wentBack: ReadonlyArray<WentBack>
}

/** The largest valid size; how many name a place of another log for their last leaf; and where the checkpoints of what
 *  the log lost, according to its key, came from. */
type Proved = { size: number; moved: number; readonly lost: string[] }

/** Compares checkpoints with the tree made from the log. */
const hold = async (
  { session, size, verifiers, wentBack }: Made,
  held: ReadonlyArray<SignedCheckpoint>,
  proved: Proved,
): Promise<ReadonlyArray<CheckpointFailure>> => {
  const failures: CheckpointFailure[] = []
  const read = held.map(({ note }) => checkpointIn(note))
  const sizes = read.flatMap((one) => (one !== null && one.size <= size ? [one.size] : []))
  const nodes = await nodesFor(session, sizes)
  const positionOf = async (leaves: number): Promise<string> => {
    if (leaves === 0) return 'the start'
    const rows = await session.run(positionAt(leaves - 1))
    return String(rows[0]?.position)
  }
  for (const [i, { from, note, row }] of held.entries()) {
    const checkpoint = read[i]!
    const fail = (what: CheckpointFailure['what'], detail: string): void =>
      void failures.push({ from, size: checkpoint?.size ?? row?.size ?? null, what, detail })
    if (checkpoint === null) {
      fail('malformed', 'It is no checkpoint.')
      continue
    }
    const signed = verifiers.filter((verifier) => openCheckpoint(note, verifier) !== null)
    if (verifiers.length > 0 && signed.length === 0)
      fail('signature', 'No signature of a key that was given holds.')
    const ofAnother = signed.length > 0 && !signed.some(({ vkey }) => vkey === row?.vkey)
    if (
      row !== undefined &&
      (row.size !== checkpoint.size || row.root !== checkpoint.root.toString('base64') || ofAnother)
    )
      fail('row', 'The columns size, root and vkey are not those of its note.')
    // Checkpoints from before they were numbered have neither.
    const [number, at] = [numberOf(checkpoint), issuedAt(checkpoint)]
    if (row !== undefined && ((number ?? row.number) !== row.number || (at ?? row.at) !== row.at))
      fail('row', 'The columns number and issued_at are not those of its note.')
    const isVouched = signed.length > 0 || verifiers.length === 0
    const isLost = isVouched && lostBy(wentBack, checkpoint) !== null
    if (checkpoint.size > size) {
      if (isLost) proved.lost.push(from)
      else fail('root', `It is of ${checkpoint.size} events, and the log has ${size}: some are gone.`)
      continue
    }
    const root = await rootAt(checkpoint.size, nodes)
    if (!root.equals(checkpoint.root) && isLost) {
      proved.lost.push(from)
      continue
    }
    if (!root.equals(checkpoint.root)) {
      const [after, upTo] = [await positionOf(proved.size), await positionOf(checkpoint.size)]
      fail('root', `An event was altered, put in or taken out after position ${after} and up to ${upTo}.`)
      continue
    }
    const said = checkpoint.extensions.find((line) => line.startsWith('position '))?.slice(9)
    if (said !== undefined && said !== (await positionOf(checkpoint.size))) {
      // The checkpoint is signed and has the same leaves, but other positions: the events were moved here from another log.
      if (isVouched) proved.moved += 1
      else fail('position', `Its last event is said to be at position ${said}.`)
    }
    proved.size = Math.max(proved.size, checkpoint.size)
  }
  return failures
}

/** Throws `RebuildError` with a sentence, or Postgres' error. */
export const verifyLog = async (options: VerifyOptions): Promise<Verified> => {
  try {
    return await verifyOnce(options)
  } catch (error) {
    if (!(error instanceof CutMeanwhile)) throw error
    return verifyOnce({ ...options, byDigests: false })
  }
}

const verifyOnce = async ({
  log,
  databaseUrl,
  verifiers,
  checkpoints = [],
  onProgress = () => {},
  limit = 100,
  batchSize = 2_000,
  byDigests = true,
  missingKeys = () => null,
}: VerifyOptions): Promise<Verified> => {
  const failures: CheckpointFailure[] = []
  const keys: string[] = []
  let motion: MotionCheck = { blocks: 0, faults: [] }
  let compared: ComparedRows | null = null
  let reshaped: ReadonlyArray<string> = []
  let count = 0
  const proved: Proved = { size: 0, moved: 0, lost: [] }
  let wentBack: ReadonlyArray<WentBack> = []
  let size = 0
  let root: Hash = EMPTY_ROOT
  const moments = followKept(log)
  let comparing = Promise.resolve()
  let followed: Awaited<ReturnType<typeof moments.end>> = { events: 0, again: [] }
  // Read before anything in the tables: what is on the log was in them by then.
  const streams = await issuedStreams(log, databaseUrl, verifiers)
  const done = await rebuild({
    log,
    databaseUrl,
    swap: false,
    byDigests,
    batchSize,
    onProgress,
    onEvents: async (events) => {
      for (const { recorded, decoded } of events) moments.add(recorded.stream, decoded)
      // The log is asked for what is kept while the next events are folded.
      await comparing
      comparing = moments.compare()
      comparing.catch(() => {})
    },
    inspect: async ({ session, schema, shape, onLive, unlike }) => {
      reshaped = shape.sentences
      // All events were given to it by now: it asks the log while Postgres compares.
      const ending = comparing.then(moments.end)
      ending.catch(() => {})
      // The schema of the tree that was made now, then that of the issued checkpoints.
      await session.exec(`SET LOCAL search_path TO "${schema}", public`)
      const [last] = await session.run(lastLeaf())
      size = last === undefined ? 0 : Number(last.leaf) + 1
      root = await rootAt(size, nodesOf(session))
      const outside = checkpoints
        .map(({ name, note }) => ({ from: name, note }))
        .sort((a, b) => sizeOf(a.note) - sizeOf(b.note))
      const issued = await holdIssued(session, log, streams, verifiers)
      failures.push(...issued.failures)
      wentBack = await wentBackOf(session, verifiers)
      failures.push(...(await holdNumbers(session, issued.covered, wentBack)))
      const made = { session, size, verifiers, wentBack }
      // The table's checkpoints come first: the more sizes are valid, the closer is the place of one that is not.
      let place: CheckpointPlace = { size: '-1', vkey: '', number: '0' }
      for (;;) {
        const page = await session.run(checkpointsAfter(place, PAGE))
        const held = page.map((row) => ({
          from: 'proof_checkpoints',
          note: String(row.note),
          row: {
            number: Number(row.number),
            size: Number(row.size),
            root: String(row.root),
            vkey: String(row.vkey),
            at: Number(row.at),
          },
        }))
        failures.push(...(await hold(made, held, proved)))
        count += page.length
        const end = page.at(-1)
        if (end === undefined || page.length < PAGE) break
        place = { size: String(end.size), vkey: String(end.vkey), number: String(end.number) }
      }
      for (const one of outside) {
        const reach = { size: proved.size < sizeOf(one.note) ? proved.size : 0, moved: 0, lost: [] }
        failures.push(...(await hold(made, [one], reach)))
        proved.moved += reach.moved
        proved.lost.push(...reach.lost)
      }
      count += outside.length
      keys.push(...(await holdErased(session, log)))
      motion = await holdMotion(session, Date.now())
      const onRows = (table: string, rows: number) => onProgress({ phase: 'rows', table, rows })
      if (onLive) compared = await differ({ session, schema, reshaped: shape.tables, unlike, limit, onRows })
      followed = await ending
    },
  })
  const kept = { events: followed.events, faults: [] as KeptFault[] }
  for (const stream of [...followed.again].sort()) {
    const checked = await checkKept(log, stream)
    kept.events += checked.events
    kept.faults.push(...checked.faults)
    onProgress({ phase: 'moments', stream, events: kept.events })
  }
  const shut = missingKeys()
  if (shut !== null) keys.push(shut)
  const { events, position, seconds, parkedStreams, otherLog } = done
  return {
    otherLog,
    parkedStreams,
    events,
    position,
    seconds,
    size,
    root,
    compared,
    shape: reshaped,
    checkpoints: count,
    moved: proved.moved,
    heldUpTo: proved.size,
    wentBack,
    lost: { count: proved.lost.length, files: proved.lost.filter((from) => from !== 'proof_checkpoints') },
    keys,
    failures,
    kept,
    motion,
  }
}

const sizeOf = (note: string): number => Number(note.split('\n')[1] ?? 0) || 0
