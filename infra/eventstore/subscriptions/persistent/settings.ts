/** The settings of a persistent subscription, as they are kept. */
import type { CreateReq, UpdateReq } from '@eventstore/db-client/generated/persistent_pb.js'
import type { FilterSpec } from '../../streams/filters.ts'

export type Strategy = 'RoundRobin' | 'DispatchToSingle' | 'Pinned' | 'PinnedByCorrelation'

export type GroupSettings = {
  readonly resolveLinks: boolean
  readonly extraStatistics: boolean
  /** Where it starts, inclusive: a revision, or a position of `$all`. `end`: with what is appended from now on. */
  readonly startFrom: number | 'start' | 'end'
  /** The position of the end, for a subscription that starts there. */
  readonly pinnedAt?: number
  /** Milliseconds; 0 for never. */
  readonly messageTimeout: number
  readonly checkpointAfter: number
  readonly maxRetryCount: number
  readonly minCheckpointCount: number
  readonly maxCheckpointCount: number
  /** 0 for any number. */
  readonly maxSubscriberCount: number
  readonly liveBufferSize: number
  readonly readBatchSize: number
  readonly historyBufferSize: number
  readonly strategy: Strategy
  readonly filter: FilterSpec | null
}

const STRATEGIES: ReadonlyArray<Strategy> = [
  'DispatchToSingle',
  'RoundRobin',
  'Pinned',
  'PinnedByCorrelation',
]
const TICKS_PER_MS = 10_000

const startOf = (value: string): number | 'start' | 'end' => {
  const big = BigInt(value)
  if (big > 0x7fff_ffff_ffff_fffen) return 'end'
  return big === 0n ? 'start' : Number(big)
}

const filterOf = (options: CreateReq.AllOptions): FilterSpec | null => {
  const filter = options.getFilter()
  const expression = filter?.getStreamIdentifier() ?? filter?.getEventType()
  if (filter === undefined || expression === undefined) return null
  return {
    on: filter.hasStreamIdentifier() ? 'stream' : 'type',
    prefixes: expression.getPrefixList(),
    regex: expression.getRegex(),
  }
}

/** The settings of a create or update request. An update keeps `filter`, which it can't change. */
export const readSettings = (
  options: CreateReq.Options | UpdateReq.Options,
  keepFilter: FilterSpec | null,
): GroupSettings | undefined => {
  const settings = options.getSettings()
  if (settings === undefined) return undefined
  const stream = options.getStream()
  const all = options.getAll()
  let startFrom: GroupSettings['startFrom'] = startOf(settings.getRevision() || '0')
  if (stream !== undefined)
    startFrom = stream.hasEnd() ? 'end' : stream.hasStart() ? 'start' : startOf(stream.getRevision())
  else if (all !== undefined)
    startFrom = all.hasEnd()
      ? 'end'
      : all.hasStart()
        ? 'start'
        : startOf(all.getPosition()?.getCommitPosition() ?? '0')
  const named = 'getConsumerStrategy' in settings ? settings.getConsumerStrategy() : ''
  return {
    resolveLinks: settings.getResolveLinks(),
    extraStatistics: settings.getExtraStatistics(),
    startFrom,
    messageTimeout: settings.hasMessageTimeoutMs()
      ? settings.getMessageTimeoutMs()
      : Number(settings.getMessageTimeoutTicks()) / TICKS_PER_MS,
    checkpointAfter: settings.hasCheckpointAfterMs()
      ? settings.getCheckpointAfterMs()
      : Number(settings.getCheckpointAfterTicks()) / TICKS_PER_MS,
    maxRetryCount: settings.getMaxRetryCount(),
    minCheckpointCount: settings.getMinCheckpointCount(),
    maxCheckpointCount: settings.getMaxCheckpointCount(),
    maxSubscriberCount: settings.getMaxSubscriberCount(),
    liveBufferSize: settings.getLiveBufferSize(),
    readBatchSize: settings.getReadBatchSize(),
    historyBufferSize: settings.getHistoryBufferSize(),
    strategy:
      STRATEGIES.find((strategy) => strategy === named) ??
      STRATEGIES[Number(settings.getNamedConsumerStrategy())] ??
      'RoundRobin',
    filter: all !== undefined && 'hasFilter' in all && all.hasFilter() ? filterOf(all) : keepFilter,
  }
}

/** The name of an unknown strategy, if the request asks for one. */
export const unknownStrategyOf = (options: CreateReq.Options | UpdateReq.Options): string | undefined => {
  const settings = options.getSettings()
  const name =
    settings !== undefined && 'getConsumerStrategy' in settings ? settings.getConsumerStrategy() : ''
  return name === '' || STRATEGIES.some((strategy) => strategy === name) ? undefined : name
}

/** What is wrong with the starting position in `$all`, if anything: the real server refuses one beyond the end. In a
 *  stream it may lie beyond the end. */
export const startFaultOf = (
  options: CreateReq.Options | UpdateReq.Options,
  lastPosition: number,
): string | undefined => {
  const position = options.getAll()?.getPosition()
  if (position === undefined) return undefined
  const [commit, prepare] = [BigInt(position.getCommitPosition()), BigInt(position.getPreparePosition())]
  if (prepare > commit)
    return 'Invalid Start From position: prepare position must be less than or equal to the commit position.'
  if (commit > BigInt(Math.max(0, lastPosition)))
    return 'Invalid Start From position: commit position must be less than or equal to the last commit position in the transaction file.'
  return undefined
}

/** What is wrong with the settings, if anything. */
export const faultOf = (settings: GroupSettings): string | undefined => {
  if (settings.historyBufferSize <= 0) return 'Buffer Size must be positive'
  if (settings.liveBufferSize <= 0) return 'Live Buffer Size must be positive'
  if (settings.readBatchSize <= 0) return 'Read Batch Size must be positive'
  if (settings.readBatchSize >= settings.historyBufferSize)
    return 'Read batch size must be less than the buffer size'
  return undefined
}
