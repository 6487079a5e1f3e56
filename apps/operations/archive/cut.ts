/** Cuts from the log what an archive has: sets `$tb` of each stream, after its state there was saved. Run again, it
 *  continues where it was. A scavenge frees the disk space. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { parseStreamName } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { readEvents } from '../../../projections/history/errors.ts'
import { EVERY, KeptMoment, momentsOf } from '../../../projections/history/kept-streams.ts'
import type { Cut } from '../../../projections/proof/archive.ts'
import { snapshotStream } from '../../commands/snapshots.ts'
import { createMomentWriter, type MomentWriter } from '../keep/moment-writer.ts'
import { keepStanding, StandingError } from './standings.ts'

type Log = Pick<EventLog, 'append' | 'readStream'>
export type CutLogs = {
  /** The log as it is, without its archives. */
  readonly plain: Log
  /** The log with its archives, opened. */
  readonly opened: Log
}
export type CutReport = {
  readonly streams: number
  /** What could not be cut, a sentence each. */
  readonly left: ReadonlyArray<string>
}

class CutError extends Error {
  override readonly name = 'CutError'
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const lastOf = async (log: Log, stream: string): Promise<RecordedEvent | undefined> => {
  const page = await log.readStream(stream, { direction: 'backwards', limit: 1 })()
  if (E.isRight(page)) return page.right[0]
  if (page.left._tag === 'StreamDeleted') return undefined
  throw new CutError(`The log can't be read: ${page.left.cause}`)
}

const TRIES = 5

type Metadata = Readonly<Record<string, unknown>>

/** `change` returns null if the metadata is as it should be. */
const setMetadata = async (
  log: Log,
  stream: string,
  change: (metadata: Metadata) => Metadata | null,
): Promise<void> => {
  for (let attempt = 1; ; attempt += 1) {
    const last = await lastOf(log, `$$${stream}`)
    const data = change(isObject(last?.data) ? last.data : {})
    if (data === null) return
    const event = { id: randomUUID(), type: '$metadata', data, metadata: {} }
    const written = await log.append(`$$${stream}`, last?.revision ?? 'none', [event])()
    if (E.isRight(written)) return
    if (attempt === TRIES) throw new CutError(`${stream} can't be cut: ${written.left._tag}.`)
  }
}

/** Makes everything in the stream before `to` unreadable; the rest of its metadata stays. */
const truncate = (log: Log, stream: string, to: number): Promise<void> =>
  setMetadata(log, stream, (metadata) =>
    typeof metadata.$tb === 'number' && metadata.$tb >= to ? null : { ...metadata, $tb: to },
  )

const DAY_SECONDS = 86_400
const ageSnapshots = async (log: Log, stream: string, days: number): Promise<void> => {
  const name = snapshotStream(stream)
  if ((await lastOf(log, name)) === undefined) return
  const $maxAge = days * DAY_SECONDS
  await setMetadata(log, name, (metadata) => (metadata.$maxAge === $maxAge ? null : { ...metadata, $maxAge }))
}

/** Cuts the kept moments of what is archived: the last whole one stays, since those after it continue from it. */
const cutMoments = async (log: Log, stream: string, revision: number): Promise<void> => {
  const k = Math.floor((revision + 1) / EVERY) - 1
  if (k < 1) return
  const [kept] = await readEvents(log, momentsOf(stream), { from: BigInt(k), limit: 1 })
  if (kept === undefined || Number(kept.revision) !== k || !KeptMoment.is(kept.data)) return
  const whole = kept.data.back ?? k
  if (whole > 0) await truncate(log, momentsOf(stream), whole)
}

const cutOne = async (logs: CutLogs, moments: MomentWriter, { stream, to }: Cut): Promise<void> => {
  const named = parseStreamName(stream)
  const kind = E.isRight(named) ? named.right.kind : null
  // Cases are never archived: they stay with the log.
  const hasMoments = kind === 'space' || kind === 'chat'
  if (E.isRight(named) && hasMoments) {
    await moments.keep(named.right.space, kind)
    await keepStanding(logs.opened, stream, to)
  }
  const last = await lastOf(logs.plain, stream)
  // If the stream was deleted, or belongs to another log, there is nothing to cut.
  if (last === undefined || Number(last.revision) < to) return
  await truncate(logs.plain, stream, to)
  if (hasMoments) await cutMoments(logs.plain, stream, to)
}

export const cutStreams = async (
  logs: CutLogs,
  cuts: ReadonlyArray<Cut>,
  {
    snapshotDays = null,
    onProgress = () => {},
  }: {
    readonly snapshotDays?: number | null
    readonly onProgress?: (done: number, of: number) => void
  } = {},
): Promise<CutReport> => {
  const moments = createMomentWriter(logs.plain)
  const left: string[] = []
  for (const [i, cut] of cuts.entries()) {
    try {
      await cutOne(logs, moments, cut)
      if (snapshotDays !== null) await ageSnapshots(logs.plain, cut.stream, snapshotDays)
    } catch (error) {
      if (!(error instanceof StandingError)) throw error
      left.push(error.message)
    }
    onProgress(i + 1, cuts.length)
  }
  return { streams: cuts.length - left.length, left }
}
