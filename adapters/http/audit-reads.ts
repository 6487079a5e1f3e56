/** Records who looked at what in the audit log, before they see it. A reader's first looks are recorded one by one,
 *  later ones as sums: how many, and until when. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { AuditRead } from '../../domain/audited.ts'
import { accessStream, type SpaceRef } from '../../domain/names.ts'
import type { Clock, CommandError, EventLog, Ids, Sender } from '../../domain/ports.ts'
import { isLoopback, networkOf } from '../addresses.ts'
import { appendSettled } from '../eventstore/settle.ts'
import { type Bucket, fullBucket, type TokenRate, take } from '../token-bucket.ts'

export type Look = Pick<AuditRead['data'], 'call' | 'filters' | 'rows'> & {
  readonly sender: Sender
  /** Null for all spaces. */
  readonly space: SpaceRef | null
}
export interface Looks {
  /** Left: the look may not be on the log, so nothing may be shown. */
  readonly record: (look: Look) => TaskEither<CommandError<never>, void>
  /** Writes the sums that have not been written yet. */
  readonly flush: () => Promise<void>
}

/** How long a reader waits if the append's answer was lost. */
const SETTLE_MS = 5_000
/** How many looks of one reader are written one by one; the rest are summed up over `SUM_MS`. */
export const LOOKS: TokenRate = { perSecond: 0.5, burst: 60 }
const SUM_MS = 10_000
/** How many sums one reader has at once, each for a space; beyond that, one sum covers all spaces. */
const SUMS_OF_ONE = 10
const READERS = 20_000

type Reader = { readonly bucket: Bucket; readonly sums: Map<string, Sum> }
/** The look that was recorded first, and what came after it. */
type Sum = {
  readonly look: Look
  readonly opened: Promise<E.Either<CommandError<never>, void>>
  times: number
  readonly from: number
  to: number
}

/** Accounts are identified by name; guests by their address, since they may be somebody new each time. */
const readerOf = ({ by, client }: Sender): string =>
  by.kind === 'guest' && client?.ip !== undefined && !isLoopback(client.ip)
    ? `ip ${networkOf(client.ip)}`
    : by.id

type Deps = {
  readonly log: Pick<EventLog, 'append' | 'readStream'>
  readonly clock: Clock
  readonly ids: Ids
  readonly nodeId: string
}

/** Puts a look on the log. If the answer was lost, the log is read before a second try, so that it is not recorded twice. */
const writeLook = async (
  { log, clock, ids, nodeId }: Deps,
  { sender, space, call, filters, rows }: Look,
  sum: { readonly times: number; readonly from: string } | null,
): Promise<E.Either<CommandError<never>, void>> => {
  const id = ids.uuid()
  const at = new Date(clock.now()).toISOString()
  const data: AuditRead['data'] = { call, filters, rows, at, ...sum }
  const event = {
    id,
    type: 'AuditRead',
    data,
    metadata: {
      $correlationId: sender.correlationId ?? id,
      $causationId: id,
      command: { id, type: 'ReadAudit' },
      actor: { kind: sender.by.kind, id: sender.by.id },
      node: nodeId,
      at,
      schema: 1,
      ...(sender.client === undefined ? {} : { client: sender.client }),
    },
  }
  const append = appendSettled(log, { deadlineMs: SETTLE_MS })
  const written = await append(accessStream(space), 'any', [event])()
  if (E.isRight(written)) return E.right(undefined)
  if (written.left._tag === 'StreamDeleted')
    return E.left({ _tag: 'Broken', why: 'deleted', cause: `${accessStream(space)} was deleted` })
  return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: `a look: ${written.left._tag}` })
}

export const createLooks = (deps: Deps): Looks => {
  const { clock } = deps
  const readers = new Map<string, Reader>()
  let timer: NodeJS.Timeout | undefined

  const readerFor = (sender: Sender): Reader => {
    const key = readerOf(sender)
    const known = readers.get(key)
    const reader = known ?? { bucket: fullBucket(LOOKS, clock.now()), sums: new Map() }
    readers.delete(key)
    readers.set(key, reader)
    if (readers.size > READERS)
      for (const [oldest, { sums }] of readers) {
        // A reader with unwritten sums is not forgotten before they are written.
        if (sums.size === 0) readers.delete(oldest)
        break
      }
    return reader
  }

  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    const waiting = [...readers.values()].flatMap(({ sums }) => {
      const all = [...sums.values()]
      sums.clear()
      return all
    })
    for (const { look, times, from, to } of waiting)
      if (times > 0)
        await writeLook(
          { ...deps, clock: { now: () => to } },
          { ...look, filters: {}, rows: null },
          { times, from: new Date(from).toISOString() },
        )
  }

  /** The first of many looks is recorded before its reader sees anything; the others wait only for that one. */
  const sumUp = (reader: Reader, look: Look): Promise<E.Either<CommandError<never>, void>> => {
    const at = clock.now()
    const place = accessStream(look.space)
    const isOne = reader.sums.has(place) || reader.sums.size < SUMS_OF_ONE
    const key = isOne ? place : accessStream(null)
    const known = reader.sums.get(key)
    if (known !== undefined) {
      known.times += 1
      known.to = at
      return known.opened
    }
    const first = isOne ? look : { ...look, space: null }
    const opened = writeLook(deps, first, null)
    reader.sums.set(key, { look: first, opened, times: 0, from: at, to: at })
    // Nothing can be added to a look that was not recorded.
    void opened.then((written) => {
      if (E.isLeft(written)) reader.sums.delete(key)
    })
    if (timer === undefined) {
      timer = setTimeout(() => void flush(), SUM_MS)
      timer.unref()
    }
    return opened
  }

  return {
    record: (look) => async () => {
      const reader = readerFor(look.sender)
      return take(reader.bucket, LOOKS, clock.now()) ? writeLook(deps, look, null) : sumUp(reader, look)
    },
    flush,
  }
}
