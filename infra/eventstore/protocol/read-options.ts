/** A `ReadReq`, as the node sees it. */
import type { ReadReq } from '@eventstore/db-client/generated/streams_pb.js'
import { compileFilter, type Filter } from '../streams/filters.ts'
import * as errors from './errors.ts'
import type { IdForm } from './frames.ts'

export type From = number | 'start' | 'end'

export type ReadOptions = {
  /** Null for `$all`. */
  readonly stream: string | null
  readonly from: From
  readonly backwards: boolean
  readonly resolveLinks: boolean
  /** Infinity where there is none. */
  readonly count: number
  readonly subscribe: boolean
  readonly filter: Filter | null
  /** A checkpoint comes at least once per this many events looked at. */
  readonly checkpointEvery: number
  readonly ids: IdForm
  /** Whether the client knows the messages that say where a stream begins and ends. */
  readonly tellEnds: boolean
}

/** A real node's defaults for what the filter leaves out. */
const DEFAULT_WINDOW = 32

const clamp = (value: string): number => {
  const big = BigInt(value)
  return big > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(big)
}

/** Throws a GrpcError. */
export const parseReadOptions = (request: ReadReq): ReadOptions => {
  const options = request.getOptions()
  if (options === undefined) throw errors.invalidArgument('A read needs options')
  const streamOptions = options.getStream()
  const all = options.getAll()
  let stream: string | null = null
  let from: From = 'start'
  if (streamOptions !== undefined) {
    stream = Buffer.from(streamOptions.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString('utf8')
    if (stream === '') throw errors.invalidArgument('The stream has no name')
    from = streamOptions.hasRevision()
      ? clamp(streamOptions.getRevision())
      : streamOptions.hasEnd()
        ? 'end'
        : 'start'
  } else if (all !== undefined) {
    const position = all.getPosition()
    from = position !== undefined ? clamp(position.getCommitPosition()) : all.hasEnd() ? 'end' : 'start'
  } else throw errors.invalidArgument('A read is of a stream or of $all')
  const subscribe = options.hasSubscription()
  const spec = options.getFilter()
  let filter: Filter | null = null
  let checkpointEvery = DEFAULT_WINDOW
  if (spec !== undefined) {
    if (stream !== null) throw errors.invalidArgument('Only a read of $all has a filter')
    const expression = spec.getStreamIdentifier() ?? spec.getEventType()
    if (expression === undefined) throw errors.invalidArgument('The filter is of nothing')
    try {
      filter = compileFilter({
        on: spec.hasStreamIdentifier() ? 'stream' : 'type',
        prefixes: expression.getPrefixList(),
        regex: expression.getRegex(),
      })
    } catch (error) {
      throw errors.invalidArgument(error instanceof Error ? error.message : 'Bad filter')
    }
    const window = spec.hasMax() ? spec.getMax() : DEFAULT_WINDOW
    if (subscribe && spec.getCheckpointintervalmultiplier() === 0)
      throw errors.invalidArgument('The interval of checkpoints is at least 1')
    checkpointEvery = Math.max(1, window) * Math.max(1, spec.getCheckpointintervalmultiplier())
  }
  const count = options.hasCount() ? clamp(options.getCount()) : Number.POSITIVE_INFINITY
  return {
    stream,
    from,
    backwards: Number(options.getReadDirection()) === 1,
    resolveLinks: options.getResolveLinks(),
    count,
    subscribe,
    filter,
    checkpointEvery,
    ids: options.getUuidOption()?.hasStructured() ? 'structured' : 'string',
    tellEnds: (options.getControlOption()?.getCompatibility() ?? 0) >= 1,
  }
}
