/** Writes a room's record as a bundle (docs/proof.md): from the log as it stands, with nothing opened. */
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createProofs } from '../../adapters/postgres/proofs.ts'
import { connectSession, type Session } from '../../adapters/postgres/session.ts'
import { type SpaceRef, spaceKey, streamName } from '../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../domain/ports.ts'
import { eventBytes } from '../../projections/audit/canonical.ts'
import {
  checkpointLine,
  eventLine,
  FORMAT,
  headerLine,
  SealDigests,
  sealLine,
  stateLine,
  VERSION,
} from '../../projections/proof/bundle.ts'
import {
  inclusionPlaces,
  inclusionProof,
  leafHash,
  type Nodes,
  verifyInclusion,
} from '../../projections/proof/merkle.ts'
import { openCheckpoint, type Signer, verifierOf } from '../../projections/proof/note.ts'
import { hashesAt } from '../../projections/proof/queries.ts'
import {
  applyEvent,
  type BundledEvent,
  type BundleState,
  emptyState,
  type Kind,
  kindOf,
  STREAM_KINDS,
} from '../../projections/proof/state.ts'

export class ExportError extends Error {
  override readonly name = 'ExportError'
}
export type ExportOptions = {
  /** As it stands: sealed where it is sealed. */
  readonly log: EventLog
  readonly databaseUrl: string
  readonly signer: Signer
  readonly space: SpaceRef
  readonly from: Date | null
  readonly to: Date | null
  readonly write: (text: string) => Promise<void>
  readonly onProgress?: (events: number) => void
}
export type Exported = { readonly events: number; readonly size: number; readonly bytes: number }

const PAGE = 500

/** A stream from a revision on, up to a position of the log. */
async function* eventsOfStream(
  log: EventLog,
  stream: string,
  revision: number,
  upTo: bigint,
): AsyncGenerator<RecordedEvent, void> {
  for (let from = BigInt(revision); ; ) {
    const page = await log.readStream(stream, { from, limit: PAGE })()
    if (E.isLeft(page)) {
      if (page.left._tag === 'StreamDeleted') return
      throw new ExportError(`The log can't be read: ${page.left.cause}`)
    }
    for (const event of page.right) {
      if (event.position > upTo) return
      if (event.revision >= from) yield event
    }
    const last = page.right.at(-1)
    if (last === undefined || page.right.length < PAGE) return
    from = last.revision + 1n
  }
}

/** A room's streams as one, in the order of the log. */
async function* eventsOf(
  log: EventLog,
  space: SpaceRef,
  revisions: Readonly<Record<Kind, number>>,
  upTo: bigint,
): AsyncGenerator<RecordedEvent, void> {
  const streams = STREAM_KINDS.map((kind) =>
    eventsOfStream(log, streamName(kind, space), revisions[kind], upTo),
  )
  const heads = await Promise.all(streams.map((stream) => stream.next()))
  for (;;) {
    let first = -1
    for (const [i, head] of heads.entries())
      if (!head.done && (first < 0 || head.value.position < (heads[first]!.value as RecordedEvent).position))
        first = i
    if (first < 0) return
    yield heads[first]!.value as RecordedEvent
    heads[first] = await streams[first]!.next()
  }
}

const asBundled = (event: RecordedEvent): { readonly text: string; readonly event: BundledEvent } => {
  const text = eventBytes(event).toString('utf8')
  return { text, event: JSON.parse(text) }
}

/** A stream's time never goes back, whatever its events say: the latest so far counts. */
const latestWith = (state: BundleState, kind: Kind, event: BundledEvent): string => {
  const at = (event.metadata as { readonly at?: unknown } | null)?.at
  const latest = state.latest[kind] ?? ''
  return typeof at === 'string' && at > latest ? at : latest
}

/** The proofs of some leaves, asked for at once. */
const proofsOf = async (
  session: Session,
  leaves: ReadonlyArray<number>,
  size: number,
): Promise<ReadonlyArray<ReadonlyArray<Buffer>>> => {
  const places = new Map<string, { level: number; index: number }>()
  for (const leaf of leaves)
    for (const place of inclusionPlaces(leaf, size)) places.set(`${place.level}/${place.index}`, place)
  const wanted = [...places.values()]
  const rows = wanted.length === 0 ? [] : await session.run(hashesAt(wanted))
  const hashes = new Map(wanted.map(({ level, index }, i) => [`${level}/${index}`, rows[i]?.hash]))
  const nodes: Nodes = async (asked) =>
    asked.map(({ level, index }) => Buffer.from(String(hashes.get(`${level}/${index}`)), 'hex'))
  return Promise.all(leaves.map((leaf) => inclusionProof(leaf, size, nodes)))
}

/** Throws `ExportError` with a sentence. */
export const exportBundleTo = async (options: ExportOptions): Promise<Exported> => {
  const { log, databaseUrl, signer, space, write, onProgress = () => {} } = options
  const [from, to] = [options.from?.toISOString() ?? null, options.to?.toISOString() ?? null]
  const pool = await createPostgresPool(databaseUrl, { maxConnections: 2 })
  const session = await connectSession(databaseUrl, 'presence audit export')
  try {
    const clock = { now: () => Date.now() }
    const issue = await createProofs({ pool, signer, clock, everyMs: 0 }).checkpoint()()
    if (E.isLeft(issue)) throw new ExportError(`Postgres can't be asked: ${issue.left.cause}`)
    if (issue.right.kind === 'altered')
      throw new ExportError('The log’s tree is not the one that was signed: run presence audit verify.')
    const { note } = issue.right.checkpoint
    const checkpoint = openCheckpoint(note, verifierOf(signer))!
    const upTo = BigInt(checkpoint.extensions.find((one) => one.startsWith('position '))?.slice(9) ?? -1)

    const digests = new SealDigests()
    let bytes = 0
    const put = async (text: string): Promise<void> => {
      bytes += Buffer.byteLength(text)
      await write(text)
    }
    const header = headerLine({
      format: FORMAT,
      version: VERSION,
      origin: signer.name,
      space: spaceKey(space),
      from,
      to,
    })
    digests.part('header', header)
    await put(header)
    const signed = checkpointLine(note)
    digests.part('checkpoint', signed)
    await put(signed)

    const state = emptyState()
    // What one stream says changes nothing of another's part of the state, so each may be folded by itself.
    if (from !== null)
      for (const kind of STREAM_KINDS)
        for await (const recorded of eventsOfStream(log, streamName(kind, space), 0, upTo)) {
          const { event } = asBundled(recorded)
          if (latestWith(state, kind, event) >= from) break
          applyEvent(state, event)
        }
    const start = stateLine('start', state)
    digests.part('start', start)
    await put(start)

    let events = 0
    let previous: ReadonlyArray<Buffer> = []
    let waiting: Array<{ readonly recorded: RecordedEvent; readonly text: string }> = []
    const flush = async (): Promise<void> => {
      if (waiting.length === 0) return
      const rows = await session.run(sql.unsafe`SELECT position, leaf FROM proof_leaves
        WHERE position = ANY(${sql.array(
          waiting.map(({ recorded }) => String(recorded.position)),
          'int8',
        )})`)
      const leafOf = new Map(rows.map(({ position, leaf }) => [position as bigint, Number(leaf)]))
      const leaves = waiting.map(({ recorded }) => leafOf.get(recorded.position) ?? -1)
      const missing = leaves.indexOf(-1)
      if (missing >= 0)
        throw new ExportError(
          `The event at ${waiting[missing]!.recorded.position} is not in the log’s tree: run presence audit verify.`,
        )
      const proofs = await proofsOf(session, leaves, checkpoint.size)
      for (const [i, { recorded, text }] of waiting.entries()) {
        const proof = proofs[i]!
        const leaf = leafHash(Buffer.from(text, 'utf8'))
        if (!verifyInclusion(leaf, leaves[i]!, checkpoint.size, proof, checkpoint.root))
          throw new ExportError(
            `The event at ${recorded.position} is not what the log’s tree has: run presence audit verify.`,
          )
        const line = eventLine(text, leaves[i]!, proof, previous)
        previous = proof
        digests.event(line)
        await put(line)
      }
      events += waiting.length
      waiting = []
      onProgress(events)
    }

    const over = new Set<string>()
    for await (const recorded of eventsOf(log, space, { ...state.revisions }, upTo)) {
      const { text, event } = asBundled(recorded)
      const kind = kindOf(recorded.stream)!
      if (over.has(kind)) continue
      if (to !== null && latestWith(state, kind, event) > to) {
        over.add(kind)
        if (over.size === STREAM_KINDS.length) break
        continue
      }
      applyEvent(state, event)
      waiting.push({ recorded, text })
      if (waiting.length === PAGE) await flush()
    }
    await flush()
    const end = stateLine('end', state)
    digests.part('end', end)
    await put(end)
    await put(sealLine(digests, signer))
    return { events, size: checkpoint.size, bytes }
  } finally {
    await session.close()
    await pool.end()
  }
}
