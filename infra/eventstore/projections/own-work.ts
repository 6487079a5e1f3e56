/** What a client's own projection does with a batch: which events its query sees, what comes of them, and what is written. */
import type { Storage } from '../log/storage.ts'
import {
  decodeBody,
  locateNames,
  type Names,
  type ProposedEvent,
  type StoredEvent,
} from '../protocol/record.ts'
import type { Appender } from '../streams/append.ts'
import { follow, isLink } from '../streams/links.ts'
import { isTombstoned } from '../streams/metadata.ts'
import type { OwnSettings, OwnStore } from './own-store.ts'
import { isSeenByAll } from './projections.ts'
import { type RunningQuery, startQuery } from './query.ts'
import type { QueryAnswer, QueryDefinition, QueryEvent, QueryOutcome } from './query-worker.ts'

export type Own = { readonly storage: Storage; readonly settings: OwnSettings; readonly store: OwnStore }
type Write = { readonly stream: string; readonly event: ProposedEvent }

/** Events, and about how many bytes, that are looked at or given to the query at a time. */
const BATCH = 200
const BATCH_BYTES = 4 * 1024 * 1024

/** The most events that a batch may emit, so that clients' appends don't wait long, and the most bytes of one event. */
const MOST_WRITES = 20_000
const MOST_BYTES = 1024 * 1024

const names: Names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }

/** Only the events up to the log's end when the projection was created. */
export const isOnce = ({ mode }: OwnSettings): boolean => mode !== 'Continuous'

/** The stream that a category's link names as the event's. */
const ownerIn = (linkMetadata: string): string | undefined => {
  if (!linkMetadata.includes('"$o"')) return undefined
  try {
    const { $o } = JSON.parse(linkMetadata) as { readonly $o?: unknown }
    return typeof $o === 'string' ? $o : undefined
  } catch {
    return undefined
  }
}

/** The event as the query sees it; undefined if the query did not ask for it. */
const seenBy = (
  storage: Storage,
  definition: QueryDefinition,
  stored: StoredEvent,
): QueryEvent | undefined => {
  const { all, streams, withLinks } = definition
  locateNames(stored.body, names)
  const link = isLink(stored.body)
  const name = stored.body.toString('utf8', names.nameStart, names.nameEnd)
  if (!streams.includes(name) && (!all || (link && !withLinks) || !isSeenByAll(name))) return undefined
  const target = link ? follow(storage, stored) : stored
  if (target === undefined) return undefined
  const { id, stream, type, contentType, created, data, metadata } = decodeBody(target.body)
  const linkMetadata = link ? decodeBody(stored.body).metadata.toString('utf8') : ''
  return {
    streamId: stream,
    ownStream: ownerIn(linkMetadata) ?? stream,
    eventType: type,
    eventId: id,
    sequenceNumber: target.revision,
    created: new Date(Number(created / 10_000n)).toISOString(),
    isJson: contentType === 'application/json',
    data: data.toString('utf8'),
    metadata: metadata.toString('utf8'),
    linkMetadata,
  }
}

const proposed = (type: string, data: string, metadata: object): ProposedEvent => ({
  id: crypto.randomUUID(),
  type,
  contentType: type === '$>' || type === '$@' ? 'application/octet-stream' : 'application/json',
  data: Buffer.from(data),
  metadata: Buffer.from(JSON.stringify(metadata)),
})

/** The stream of a projection's results, or of one partition's results. */
const resultsOf = (name: string, { resultStream }: QueryDefinition, partition: string): string =>
  (partition === ''
    ? (resultStream ?? `$projections-${name}-result`)
    : `$projections-${name}-${partition}-result`
  ).toWellFormed()

export const trackedIn = (name: string): string => `$projections-${name}-emittedstreams`

/** The next events after the position `from`, and the position that they reach. */
export const nextOf = ({ storage, settings }: Own, definition: QueryDefinition, from: number) => {
  const seen: QueryEvent[] = []
  /** Of those. */
  const positions: number[] = []
  let [bytes, last] = [0, from]
  for (const stored of storage.allForwards(from + 1, BATCH)) {
    if (isOnce(settings) && stored.position > settings.end) break
    last = stored.position
    const event = seenBy(storage, definition, stored)
    if (event === undefined) continue
    seen.push(event)
    positions.push(stored.position)
    bytes += stored.body.length
    if (bytes > BATCH_BYTES) break
  }
  return { seen, positions, last }
}

/** The outcomes of the events; if one fails, the outcomes of those before it, and the reason. */
export const outcomesOf = async (
  { settings, store }: Own,
  running: RunningQuery,
  seen: ReadonlyArray<QueryEvent>,
): Promise<QueryAnswer> => {
  const answer = await running.run(seen)
  if (answer.failed === undefined || answer.failed.at === 0) return answer
  // The failed event may have changed a state, so the events before it are run again without it.
  const again = await startQuery({ ...settings, kept: store.states() })
  try {
    const { done } = await again.run(seen.slice(0, answer.failed.at))
    return { done, failed: answer.failed }
  } finally {
    again.close()
  }
}

/** Why the event can't be written; undefined if it can. */
const faultOf = (
  storage: Storage,
  { stream, event: { type, data, metadata } }: Write,
): string | undefined => {
  if (type === '') return 'an event without a type'
  if (stream === '' || stream === '$all' || stream.startsWith('$$'))
    return `to "${stream.slice(0, 100)}", where nothing may be emitted`
  if (isTombstoned(storage, stream)) return `to "${stream.slice(0, 100)}", which was deleted for good`
  return stream.length + type.length + data.length + metadata.length > MOST_BYTES
    ? `an event of more than ${MOST_BYTES} bytes to "${stream.slice(0, 100)}"`
    : undefined
}

/** The events to write for a batch's outcomes, in order. */
export const writesOf = (
  { storage, settings, store }: Own,
  definition: QueryDefinition,
  done: ReadonlyArray<QueryOutcome>,
  {
    seen,
    positions,
  }: { readonly seen: ReadonlyArray<QueryEvent>; readonly positions: ReadonlyArray<number> },
) => {
  const { name } = settings
  const emitted = store.emitted()
  const writes: Write[] = []
  const tracked = new Set<string>()
  for (const [at, outcome] of done.entries()) {
    if (outcome === null || positions[at]! <= emitted) continue
    const $causedBy = seen[at]!.eventId
    if (outcome.emitted.length > 0 && !settings.isEmitting)
      throw new Error('it emits, and was made without that')
    for (const [to, type, data, metadata] of outcome.emitted) {
      // Normalised as on the disk: two names that differ only in invalid characters are one.
      const stream = to.toWellFormed()
      if (settings.isTracking && !tracked.has(stream) && !store.isTracked(stream)) {
        tracked.add(stream)
        writes.push({
          stream: trackedIn(name),
          event: proposed('$StreamTracked', JSON.stringify(stream), {}),
        })
      }
      writes.push({
        stream,
        event: proposed(type, data, { ...(JSON.parse(metadata) as object), $causedBy }),
      })
    }
    if (!definition.output || outcome.result === 'null') continue
    const results = resultsOf(name, definition, outcome.partition)
    writes.push({ stream: results, event: proposed('Result', outcome.result, { $causedBy }) })
  }
  if (writes.length > MOST_WRITES) throw new Error(`it emits more than ${MOST_WRITES} events of one batch`)
  for (const write of writes) {
    const fault = faultOf(storage, write)
    if (fault !== undefined) throw new Error(`it emits ${fault}`)
  }
  return { writes, tracked }
}

type Batch = ReturnType<typeof writesOf> & {
  readonly done: ReadonlyArray<QueryOutcome>
  readonly position: number
  /** False once the projection was stopped or changed; then nothing is written. */
  readonly isStill: () => boolean
}
/** Writes all of it or nothing. Resolves to false if that failed. */
export const commit = (
  appender: Appender,
  { store }: Own,
  { writes, tracked, done, position, isStill }: Batch,
): Promise<boolean> =>
  new Promise((resolve) =>
    appender.alongside({
      write: (insert) => {
        if (!isStill()) return
        for (const { stream, event } of writes) insert(stream, event)
        for (const outcome of done) if (outcome !== null) store.keepState(outcome)
        for (const stream of tracked) store.track(stream)
        store.keepCheckpoint(position)
        if (writes.length > 0) store.keepEmitted(position)
      },
      done: resolve,
    }),
  )
