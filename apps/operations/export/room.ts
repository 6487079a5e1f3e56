/** One room's record as a bundle, written from a log, its tree and a signed checkpoint that are at hand. */
import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { type RoomStreamKind, type SpaceRef, spaceKey, streamName } from '../../../domain/names.ts'
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
import {
  type Hash,
  inclusionChecker,
  inclusionProofs,
  type Nodes,
} from '../../../projections/proof/merkle.ts'
import type { Signer } from '../../../projections/proof/note.ts'
import { hashesAt, hashesFrom, leavesAt } from '../../../projections/proof/queries.ts'
import {
  applyEvent,
  type BundleState,
  emptyState,
  kindOf,
  STREAM_KINDS,
} from '../../../projections/proof/state.ts'
import { eventsOfStream, KEEP_EVERY, type KeptStates } from './kept-states.ts'

export class ExportError extends Error {
  override readonly name = 'ExportError'
}

/** There is nothing to write. */
export class NothingToExport extends ExportError {}

/** What every room's bundle of one checkpoint is made from. */
export type BundleSource = {
  /** The log as it is, with seals unopened. */
  readonly log: EventLog
  readonly session: DatabaseSession
  readonly signer: Signer
  readonly kept: KeptStates
  readonly checkpoint: {
    readonly note: string
    readonly size: number
    readonly root: Hash
    /** The position of its last leaf. */
    readonly upTo: bigint
  }
}

/** An event's line in the output: its leaf and that leaf's hash, where the line begins, and its length. */
export type Placed = {
  readonly recorded: RecordedEvent
  readonly leaf: number
  readonly hash: Buffer
  readonly offset: number
  readonly bytes: number
}

export type RoomOptions = {
  readonly space: SpaceRef
  /** ISO 8601; null for the room's beginning, and for all that the checkpoint covers. */
  readonly from: string | null
  readonly to: string | null
  readonly write: (text: string) => Promise<void>
  readonly onProgress?: (events: number) => void
  readonly onEvent?: (placed: Placed) => void
  /** How often the state is kept, in events before `from`, for the next export. Default 10,000. */
  readonly keepEvery?: number
}
export type WrittenRoom = { readonly events: number; readonly bytes: number; readonly end: BundleState }

const PAGE = 1_000

/** A room's streams as one, in the order of the log. */
async function* eventsOf(
  log: EventLog,
  space: SpaceRef,
  revisions: Readonly<Record<RoomStreamKind, number>>,
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

/** Reads the tree's nodes, those of one call with one query. */
const nodesIn =
  (session: DatabaseSession): Nodes =>
  async (places) => {
    if (places.length === 0) return []
    const hashes = hashesFrom(places, await session.run(hashesAt(places)))
    if (hashes === null)
      throw new ExportError('Hashes of the log’s tree are missing: run presence audit verify.')
    return hashes
  }

/** Each event's line, with its proof in the checkpoint's tree, checked before it is passed on. Events must come in the order of the log. */
export const provedLines = ({ session, checkpoint }: BundleSource) => {
  const proofsOf = inclusionProofs(checkpoint.size, nodesIn(session))
  const inTree = inclusionChecker(checkpoint.size, checkpoint.root)
  return async (
    events: ReadonlyArray<{ readonly recorded: RecordedEvent; readonly text: string }>,
  ): Promise<ReadonlyArray<{ readonly line: string; readonly leaf: number; readonly hash: Buffer }>> => {
    const rows = await session.run(leavesAt(events.map(({ recorded }) => recorded.position)))
    const leafOf = new Map(rows.map(({ position, leaf }) => [position as bigint, Number(leaf)]))
    const leaves = events.map(({ recorded }) => leafOf.get(recorded.position) ?? -1)
    const missing = leaves.indexOf(-1)
    if (missing >= 0)
      throw new ExportError(
        `The event at ${events[missing]!.recorded.position} is not in the log’s tree: run presence audit verify.`,
      )
    const proofs = await proofsOf(leaves)
    return events.map(({ recorded, text }, i) => {
      const { proof, shared } = proofs[i]!
      // U+0000 is the byte 0x00 in UTF-8.
      const leafHash = hash('sha256', `\0${text}`, 'buffer')
      if (!inTree(leafHash, leaves[i]!, proof, shared))
        throw new ExportError(
          `The event at ${recorded.position} is not what the log’s tree has: run presence audit verify.`,
        )
      return { line: eventLine(text, leaves[i]!, proof, shared), leaf: leaves[i]!, hash: leafHash }
    })
  }
}

/** The room's state before `from`. Streams change separate parts of the state, so each is folded separately. */
const startAt = async (source: BundleSource, options: RoomOptions, from: string): Promise<BundleState> => {
  const { log, kept, checkpoint } = source
  const { space, keepEvery = KEEP_EVERY } = options
  const foldedTo = async (kind: RoomStreamKind): Promise<BundleState> => {
    const stream = streamName(kind, space)
    const folded = (await kept.before(stream, kind, from, checkpoint.upTo)) ?? emptyState()
    for await (const recorded of eventsOfStream(log, stream, folded.revisions[kind], checkpoint.upTo)) {
      const event = asBundled(recorded)
      if (latestWith(folded, kind, event) >= from) break
      applyEvent(folded, event)
      if (folded.revisions[kind] % keepEvery === 0) await kept.keep(stream, kind, folded, recorded.id)
    }
    return folded
  }
  const state = emptyState()
  for (const kind of STREAM_KINDS) {
    const folded = await foldedTo(kind)
    state.revisions[kind] = folded.revisions[kind]
    state.latest[kind] = folded.latest[kind]
    if (kind === 'space') {
      state.opened = folded.opened
      state.settings = folded.settings
      for (const [name, rows] of Object.entries(folded.named))
        for (const [key, row] of rows) state.named[name as keyof BundleState['named']].set(key, row)
    } else if (kind === 'chat') for (const [id, message] of folded.messages) state.messages.set(id, message)
  }
  return state
}

/** Writes the events from `state` on, up to `to`, as lines; afterwards `state` is how they leave the room. */
const putEvents = async (
  source: BundleSource,
  options: RoomOptions,
  state: BundleState,
  put: (line: string, placed: Omit<Placed, 'offset' | 'bytes'>) => Promise<void>,
): Promise<number> => {
  const { log, checkpoint } = source
  const { space, to, onProgress = () => {} } = options
  const linesFor = provedLines(source)
  let events = 0
  let waiting: Array<{ readonly recorded: RecordedEvent; readonly text: string }> = []
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return
    const lines = await linesFor(waiting)
    for (const [i, { line, leaf, hash: leafHash }] of lines.entries())
      await put(line, { recorded: waiting[i]!.recorded, leaf, hash: leafHash })
    events += waiting.length
    waiting = []
    onProgress(events)
  }
  const over = new Set<string>()
  for await (const recorded of eventsOf(log, space, { ...state.revisions }, checkpoint.upTo)) {
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
  return events
}

/** Throws `ExportError` with a sentence. */
export const exportRoom = async (source: BundleSource, options: RoomOptions): Promise<WrittenRoom> => {
  const { log, signer, checkpoint } = source
  const { space, from, to, write, onEvent } = options
  // Checked before anything is written.
  if (await isEmpty(log, space)) throw new NothingToExport(`The log has nothing of ${spaceKey(space)}.`)

  const digests = new SealDigests()
  let bytes = 0
  const put = async (text: string): Promise<void> => {
    bytes += Buffer.byteLength(text)
    await write(text)
  }
  const putPart = async (part: 'header' | 'checkpoint' | 'start' | 'end', line: string): Promise<void> => {
    digests.part(part, line)
    await put(line)
  }
  const origin = signer.name
  await putPart(
    'header',
    headerLine({ format: FORMAT, ...versioned(), origin, space: spaceKey(space), from, to }),
  )
  await putPart('checkpoint', checkpointLine(checkpoint.note))
  const state = from === null ? emptyState() : await startAt(source, options, from)
  await putPart('start', stateLine('start', state))
  const events = await putEvents(source, options, state, async (line, placed) => {
    const offset = bytes
    digests.event(line)
    await put(line)
    onEvent?.({ ...placed, offset, bytes: bytes - offset })
  })
  await putPart('end', stateLine('end', state))
  await put(sealLine(digests, signer))
  return { events, bytes, end: state }
}
