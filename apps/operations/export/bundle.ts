/** Writes a room's record as a bundle (docs/proof.md): from the log as it stands, with nothing opened. */
import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../adapters/postgres/proofs.ts'
import { connectSession, type Session } from '../../../adapters/postgres/session.ts'
import { type SpaceRef, spaceKey, streamName } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { eventText } from '../../../projections/audit/canonical.ts'
import {
  checkpointLine,
  eventLine,
  FORMAT,
  headerLine,
  SealDigests,
  sealLine,
  stateLine,
  versioned,
} from '../../../projections/proof/bundle.ts'
import { asBundled, latestWith } from '../../../projections/proof/bundled.ts'
import { inclusionChecker, inclusionProofs, type Nodes } from '../../../projections/proof/merkle.ts'
import { openCheckpoint, type Signer, verifierOf } from '../../../projections/proof/note.ts'
import { joinedHashesAt } from '../../../projections/proof/queries.ts'
import {
  applyEvent,
  type BundleState,
  emptyState,
  type Kind,
  kindOf,
  STREAM_KINDS,
} from '../../../projections/proof/state.ts'
import { eventsOfStream, KEEP_EVERY, keptStates } from './kept-states.ts'

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
  /** Of the events before `from`, the state is kept after each so many, for the next export. Default 10,000. */
  readonly keepEvery?: number
}
export type Exported = { readonly events: number; readonly size: number; readonly bytes: number }

const PAGE = 1_000

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

const isEmpty = async (log: EventLog, space: SpaceRef): Promise<boolean> => {
  for (const kind of STREAM_KINDS) {
    const first = await log.readStream(streamName(kind, space), { limit: 1 })()
    if (E.isLeft(first) || first.right.length > 0) return false
  }
  return true
}

/** The tree's nodes, a call's in one answer. */
const nodesIn =
  (session: Session): Nodes =>
  async (places) => {
    if (places.length === 0) return []
    const [row] = await session.run(joinedHashesAt(places))
    const bytes = row?.hashes as Buffer | null | undefined
    if (bytes?.length !== 32 * places.length)
      throw new ExportError('Hashes of the log’s tree are missing: run presence audit verify.')
    return places.map((_, i) => bytes.subarray(32 * i, 32 * i + 32))
  }

/** Throws `ExportError` with a sentence. */
export const exportBundleTo = async (options: ExportOptions): Promise<Exported> => {
  const { log, databaseUrl, signer, space, write, onProgress = () => {}, keepEvery = KEEP_EVERY } = options
  const [from, to] = [options.from?.toISOString() ?? null, options.to?.toISOString() ?? null]
  const pool = await createPostgresPool(databaseUrl, { maxConnections: 2 })
  const session = await connectSession(databaseUrl, 'presence audit export')
  try {
    const clock = { now: () => Date.now() }
    const issue = await createProofs({ pool, signer, clock, everyMs: 0, log }).checkpoint()()
    if (E.isLeft(issue)) throw new ExportError(`Postgres can't be asked: ${issue.left.cause}`)
    if (issue.right.kind === 'altered')
      throw new ExportError('The log’s tree is not the one that was signed: run presence audit verify.')
    const { note } = issue.right.checkpoint
    const checkpoint = openCheckpoint(note, verifierOf(signer))!
    const upTo = BigInt(checkpoint.extensions.find((one) => one.startsWith('position '))?.slice(9) ?? -1)

    // Before anything is written.
    if (await isEmpty(log, space)) throw new ExportError(`The log has nothing of ${spaceKey(space)}.`)

    const digests = new SealDigests()
    let bytes = 0
    const put = async (text: string): Promise<void> => {
      bytes += Buffer.byteLength(text)
      await write(text)
    }
    const header = headerLine({
      format: FORMAT,
      ...versioned(),
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

    // What one stream says changes nothing of another's part of the state, so each is folded by itself.
    const kept = keptStates(session, log, signer)
    const foldedTo = async (kind: Kind, end: string): Promise<BundleState> => {
      const stream = streamName(kind, space)
      const folded = (await kept.before(stream, kind, end, upTo)) ?? emptyState()
      for await (const recorded of eventsOfStream(log, stream, folded.revisions[kind], upTo)) {
        const event = asBundled(recorded)
        if (latestWith(folded, kind, event) >= end) break
        applyEvent(folded, event)
        if (folded.revisions[kind] % keepEvery === 0) await kept.keep(stream, kind, folded, recorded.id)
      }
      return folded
    }
    const state = emptyState()
    if (from !== null)
      for (const kind of STREAM_KINDS) {
        const folded = await foldedTo(kind, from)
        state.revisions[kind] = folded.revisions[kind]
        state.latest[kind] = folded.latest[kind]
        if (kind === 'space') {
          state.opened = folded.opened
          state.settings = folded.settings
          for (const [name, rows] of Object.entries(folded.named))
            for (const [key, row] of rows) state.named[name as keyof BundleState['named']].set(key, row)
        } else if (kind === 'chat')
          for (const [id, message] of folded.messages) state.messages.set(id, message)
      }
    const start = stateLine('start', state)
    digests.part('start', start)
    await put(start)

    let events = 0
    const proofsOf = inclusionProofs(checkpoint.size, nodesIn(session))
    const inTree = inclusionChecker(checkpoint.size, checkpoint.root)
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
      const proofs = await proofsOf(leaves)
      for (const [i, { recorded, text }] of waiting.entries()) {
        const { proof, shared } = proofs[i]!
        // U+0000 is the byte 0x00 in UTF-8.
        if (!inTree(hash('sha256', `\0${text}`, 'buffer'), leaves[i]!, proof, shared))
          throw new ExportError(
            `The event at ${recorded.position} is not what the log’s tree has: run presence audit verify.`,
          )
        const line = eventLine(text, leaves[i]!, proof, shared)
        digests.event(line)
        await put(line)
      }
      events += waiting.length
      waiting = []
      onProgress(events)
    }

    const over = new Set<string>()
    for await (const recorded of eventsOf(log, space, { ...state.revisions }, upTo)) {
      const text = eventText(recorded)
      const event = asBundled(recorded, text)
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
