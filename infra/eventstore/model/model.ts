/** The rules of a stream, as plainly as possible; the node is compared with them. */

export type Expected = number | 'any' | 'none' | 'exists'
export type Op =
  | {
      readonly op: 'append'
      readonly stream: number
      readonly expected: Expected
      readonly ids: ReadonlyArray<number>
    }
  | { readonly op: 'delete' | 'tombstone'; readonly stream: number; readonly expected: Expected }
  | {
      readonly op: 'metadata'
      readonly stream: number
      readonly maxCount: number | null
      readonly truncateBefore: number | null
    }
  | {
      readonly op: 'read'
      readonly stream: number
      readonly backwards: boolean
      readonly from: number | 'start' | 'end'
      readonly count: number
    }
  /** As an archive cuts: `$tb` beside what else the stream's metadata says, never back. */
  | { readonly op: 'cut'; readonly stream: number; readonly to: number }
  /** Every stream is cut down to its last so many events, and the log is scavenged. */
  | { readonly op: 'archive'; readonly keep: number }
  | { readonly op: 'reopen' }
  | { readonly op: 'scavenge' }

/** What an operation gives: a verdict, or what was read as `revision:id`. */
export type ModelOutcome = string | ReadonlyArray<string>

type Stream = {
  events: Array<{ readonly revision: number; readonly id: number }>
  maxCount: number | null
  /** Metadata makes a stream exist, without an event. */
  hasMetadata: boolean
  /** Infinite if the stream is deleted. */
  truncateBefore: number
  tombstoned: boolean
  /** A scavenge removed all events below this revision. */
  gone: number
}

export type LogModel = {
  readonly streams: Map<number, Stream>
  /** Where each id was appended first. */
  readonly known: Map<number, { readonly stream: number; readonly revision: number }>
  /** All appended events that are still there, in order. */
  all: string[]
}

export const emptyModel = (): LogModel => ({ streams: new Map(), known: new Map(), all: [] })

const streamOf = (model: LogModel, name: number): Stream => {
  const found = model.streams.get(name)
  if (found !== undefined) return found
  const fresh: Stream = {
    events: [],
    maxCount: null,
    hasMetadata: false,
    truncateBefore: 0,
    tombstoned: false,
    gone: 0,
  }
  model.streams.set(name, fresh)
  return fresh
}

const isDeleted = (stream: Stream): boolean => stream.truncateBefore === Number.POSITIVE_INFINITY

/** `write`, or the answer if nothing is to be written. */
const decide = (
  model: LogModel,
  name: number,
  expected: Expected,
  ids: ReadonlyArray<number>,
): 'write' | string => {
  const stream = streamOf(model, name)
  const last = stream.events.length - 1
  if (stream.tombstoned) return 'stream-deleted'
  if (expected === 'exists') {
    if (isDeleted(stream)) return 'stream-deleted'
    if (last < 0 && !stream.hasMetadata) return `wrong ${last}`
  }
  if (expected === 'any' || expected === 'exists') {
    const places = ids.map((id) => {
      const place = model.known.get(id)
      return place?.stream === name ? place.revision : undefined
    })
    if (places[0] === undefined) return 'write'
    return places.includes(undefined) ? `wrong ${last}` : `ok ${places.at(-1)}`
  }
  const at = expected === 'none' ? -1 : expected
  if (at > last) return `wrong ${last}`
  if (at === last) return 'write'
  const there = stream.events
    .slice(at + 1, at + 1 + ids.length)
    .map(({ id, revision }) => (revision < stream.gone ? undefined : id))
  if (ids.length > 0 && ids.every((id, i) => there[i] === id)) return `ok ${at + ids.length}`
  const begunAnew = expected === 'none' && isDeleted(stream) && (ids.length === 0 || there[0] !== ids[0])
  return begunAnew ? 'write' : `wrong ${last}`
}

/** The first revision that may be read. */
const firstOf = (stream: Stream): number =>
  Math.max(
    stream.gone,
    stream.truncateBefore,
    stream.maxCount === null ? 0 : stream.events.length - stream.maxCount,
  )

/** The revision of an entry of `all`. */
const placeOf = (one: string) => {
  const [, stream, revision, id] = /^(\d+)\/(\d+):(\d+)$/.exec(one)!
  return { stream: Number(stream), revision: Number(revision), id: Number(id) }
}

/** Removes what can't be read any more, except each stream's last event. */
const scavenge = (model: LogModel): void => {
  for (const stream of model.streams.values()) {
    const last = stream.events.length - 1
    stream.gone = stream.tombstoned ? last + 1 : Math.max(stream.gone, Math.min(firstOf(stream), last))
  }
  model.all = model.all.filter((one) => {
    const { stream, revision } = placeOf(one)
    return revision >= streamOf(model, stream).gone
  })
}
/** An id that is not in the log is forgotten at a restart. */
const forget = (model: LogModel): void => {
  model.known.clear()
  for (const { stream, revision, id } of model.all.map(placeOf))
    if (!model.known.has(id)) model.known.set(id, { stream, revision })
}

const read = (stream: Stream, op: Extract<Op, { op: 'read' }>): ModelOutcome => {
  if (stream.tombstoned) return 'stream-deleted'
  if (stream.events.length === 0 || isDeleted(stream)) return 'not-found'
  const first = firstOf(stream)
  const last = stream.events.length - 1
  const from = op.from === 'start' ? 0 : op.from === 'end' ? (op.backwards ? last : last + 1) : op.from
  const visible = stream.events.filter(
    ({ revision }) => revision >= first && (op.backwards ? revision <= from : revision >= from),
  )
  if (op.backwards) visible.reverse()
  return visible.slice(0, op.count).map(({ revision, id }) => `${revision}:${id}`)
}

/** A stream that is missing, or is cut that far already, is left as it is. */
const cut = (stream: Stream, to: number): ModelOutcome => {
  if (stream.tombstoned || isDeleted(stream) || to < 1 || stream.events.length - 1 < to)
    return 'nothing to cut'
  if (stream.truncateBefore >= to) return 'nothing to cut'
  stream.truncateBefore = to
  stream.hasMetadata = true
  return 'set'
}

const archive = (model: LogModel, keep: number): ModelOutcome => {
  for (const stream of model.streams.values()) cut(stream, stream.events.length - keep)
  scavenge(model)
  return 'done'
}

/** Applies the operation to the model and returns the answer. */
export const step = (model: LogModel, op: Op): ModelOutcome => {
  if (op.op === 'archive') return archive(model, op.keep)
  if (op.op === 'reopen' || op.op === 'scavenge') {
    if (op.op === 'scavenge') scavenge(model)
    else forget(model)
    return 'done'
  }
  const stream = streamOf(model, op.stream)
  switch (op.op) {
    case 'append': {
      const verdict = decide(model, op.stream, op.expected, op.ids)
      if (verdict !== 'write') return verdict
      const first = stream.events.length
      for (const id of op.ids) {
        const revision = stream.events.length
        stream.events.push({ revision, id })
        if (!model.known.has(id)) model.known.set(id, { stream: op.stream, revision })
        model.all.push(`${op.stream}/${revision}:${id}`)
      }
      if (isDeleted(stream)) stream.truncateBefore = first
      return `ok ${stream.events.length - 1}`
    }
    case 'delete': {
      const verdict = decide(model, op.stream, op.expected, [])
      if (verdict !== 'write') return verdict
      if (stream.events.length === 0 && !stream.hasMetadata) return 'wrong -1'
      stream.truncateBefore = Number.POSITIVE_INFINITY
      stream.maxCount = null
      stream.hasMetadata = true
      return 'deleted'
    }
    case 'tombstone': {
      const verdict = decide(model, op.stream, op.expected, [])
      if (verdict !== 'write') return verdict
      stream.tombstoned = true
      return 'deleted'
    }
    case 'metadata': {
      // Metadata of a tombstoned stream is accepted too, and can't be read.
      const wasDeleted = isDeleted(stream)
      stream.maxCount = op.maxCount
      stream.hasMetadata = true
      stream.truncateBefore = wasDeleted ? stream.events.length : (op.truncateBefore ?? 0)
      return 'set'
    }
    case 'cut':
      return cut(stream, op.to)
    case 'read':
      return read(stream, op)
    default:
      return op satisfies never
  }
}
