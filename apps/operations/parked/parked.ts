/** Parked streams: lists what waits, shows it, and tries it again. */

import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { appendSettled } from '../../../adapters/eventstore/settle.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { ParkedLetGo } from '../../../domain/audited.ts'
import { accessStream } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { ADVANCED, holdCheckpoint } from '../../../projections/checkpoint.ts'
import { parkedEvents, parkedList, stillParked, unpark } from '../../../projections/parked.ts'
import { operatorEvent } from '../acting/operator-event.ts'
import { applyLastCut, applyToTables, readable } from '../tables/apply.ts'

export type ParkedStream = {
  readonly stream: string
  /** Why the event that holds back the rest could not be applied, and its position. */
  readonly reason: string
  readonly position: bigint
  readonly parkedAt: Date
  readonly events: number
}
export type Retried = {
  readonly applied: number
  /** Why the stream still waits; null if nothing waits any more. */
  readonly stoppedBy: { readonly event: RecordedEvent; readonly reason: string } | null
}

const withSession = async <T>(
  databaseUrl: string,
  work: (session: DatabaseSession) => Promise<T>,
): Promise<T> => {
  const session = await connectSession(databaseUrl, 'presence parked')
  try {
    return await work(session)
  } finally {
    await session.close()
  }
}

/** Every parked stream, the longest parked first. */
export const listParked = (databaseUrl: string): Promise<ReadonlyArray<ParkedStream>> =>
  withSession(databaseUrl, async (session) =>
    (await session.run(parkedList())).map((row) => ({
      stream: String(row.stream),
      reason: String(row.reason),
      position: row.position as bigint,
      parkedAt: row.parked_at as Date,
      events: Number(row.events),
    })),
  )

const eventsOf = async (
  session: DatabaseSession,
  stream: string,
  limit: number,
): Promise<ReadonlyArray<RecordedEvent>> =>
  (await session.run(parkedEvents(stream, limit))).map((row) => ({
    id: String(row.event_id),
    type: String(row.type),
    stream: String(row.stream),
    revision: row.revision as bigint,
    position: row.position as bigint,
    created: row.created as Date,
    data: JSON.parse(String(row.data)),
    metadata: JSON.parse(String(row.metadata)),
  }))

/** A parked stream's events as recorded, oldest first. */
export const showParked = (
  databaseUrl: string,
  stream: string,
  limit = 100,
): Promise<ReadonlyArray<RecordedEvent>> =>
  withSession(databaseUrl, (session) => eventsOf(session, stream, limit))

const CHUNK = 1_000

/** Applies a parked stream's events in order, as far as possible now: after an upcaster was added, or a table repaired.
 *  The projector waits meanwhile, and takes the stream's next events as usual once none of them waits. */
export const retryParked = (databaseUrl: string, stream: string): Promise<Retried> =>
  withSession(databaseUrl, async (session) => {
    let applied = 0
    for (;;) {
      const step = await session.transaction(async () => {
        const [checkpoint] = await session.run(holdCheckpoint())
        const events = await eventsOf(session, stream, CHUNK)
        const first = events[0]
        if (first === undefined) return { applied: 0, stoppedBy: null, more: false }
        const [stoppedBy = null] = await applyToTables(session, events.map(readable), new Set(), {
          careful: true,
        })
        const done = stoppedBy === null ? events : events.filter((e) => e.position < stoppedBy.event.position)
        const last = done.at(-1)
        await applyLastCut(session)
        if (last !== undefined)
          for (const statement of unpark(stream, last.position)) await session.run(statement)
        if (stoppedBy !== null)
          await session.run(stillParked(stream, stoppedBy.reason, stoppedBy.event.position))
        await session.run(sql.unsafe`SELECT pg_notify(${ADVANCED}, ${String(checkpoint?.position ?? 0n)})`)
        return { applied: done.length, stoppedBy, more: stoppedBy === null && events.length === CHUNK }
      })
      applied += step.applied
      if (!step.more) return { applied, stoppedBy: step.stoppedBy }
    }
  })

/** Records on the log that the stream's waiting events are given up; the projector carries it out when it reaches it,
 *  and so does every rebuild. Throws if it is not certain that it is on the log. */
export const letGoOfParked = async (
  log: Pick<EventLog, 'append' | 'readStream'>,
  { stream, reason }: { readonly stream: string; readonly reason: string },
  { by, id, at }: { readonly by: string; readonly id: string; readonly at: string },
): Promise<void> => {
  const data: Omit<ParkedLetGo['data'], 'at'> = { stream, reason }
  const event = operatorEvent({ id, type: 'ParkedLetGo', data, command: 'LetGoOfParked', by, at })
  const written = await appendSettled(log)(accessStream(null), 'any', [event])()
  if (E.isLeft(written)) throw new Error(`It can't be written to the log: ${written.left._tag}.`)
}
