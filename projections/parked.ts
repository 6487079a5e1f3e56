/** Streams that wait because one of their events can't be applied, and their later events, in order. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { RecordedEvent } from '../domain/ports.ts'
import { recordset, type Statement, type Table } from './projection.ts'
import { bigint, type Query, query } from './query.ts'

/** The log says the same, except for the time. */
export const PARKED_TABLES: ReadonlyArray<Table> = [
  { name: 'parked_streams', key: ['stream'] },
  { name: 'parked_events', key: ['position'] },
]

export type ParkedEvent = { readonly event: RecordedEvent; readonly reason: string }

const json = (value: unknown): string => JSON.stringify(value) ?? 'null'

/** Parks each event with its stream; the first event of a stream says why. Data and metadata are kept as JSON text, in
 *  which whatever Postgres refuses is escaped. */
export const park = (parked: ReadonlyArray<ParkedEvent>): ReadonlyArray<Statement> => [
  sql.unsafe`INSERT INTO parked_streams (stream, reason, position)
    SELECT DISTINCT ON (stream) stream, reason, position
    FROM ${recordset(
      parked.map(({ event, reason }) => ({ stream: event.stream, reason, position: String(event.position) })),
      { stream: 'text', reason: 'text', position: 'int8' },
    )} ORDER BY stream, position
    ON CONFLICT (stream) DO NOTHING`,
  sql.unsafe`INSERT INTO parked_events (position, stream, revision, event_id, type, data, metadata, created)
    SELECT position, stream, revision, event_id, type, data, metadata, created
    FROM ${recordset(
      parked.map(({ event }) => ({
        position: String(event.position),
        stream: event.stream,
        revision: String(event.revision),
        event_id: event.id,
        type: event.type,
        data: json(event.data),
        metadata: json(event.metadata),
        created: event.created.toISOString(),
      })),
      {
        position: 'int8',
        stream: 'text',
        revision: 'int8',
        event_id: 'text',
        type: 'text',
        data: 'text',
        metadata: 'text',
        created: 'timestamptz',
      },
    )}
    ON CONFLICT (position) DO NOTHING`,
]

export const parkedStreams = (): Statement => sql.unsafe`SELECT stream FROM parked_streams`

/** How many streams and events wait; none if all is well. */
export type ParkedCounts = { readonly streams: bigint; readonly events: bigint }
export const countParked = (): Query<ParkedCounts> =>
  query(
    sql.unsafe`SELECT (SELECT count(*) FROM parked_streams) AS streams, (SELECT count(*) FROM parked_events) AS events`,
    t.type({ streams: bigint, events: bigint }) as t.Type<ParkedCounts, ParkedCounts, unknown>,
  )

/** Every parked stream, with how many events wait and since when. */
export const parkedList = (): Statement =>
  sql.unsafe`SELECT s.stream, s.reason, s.position, s.parked_at, count(e.position) AS events
    FROM parked_streams s LEFT JOIN parked_events e USING (stream)
    GROUP BY s.stream ORDER BY s.position`

/** A parked stream's events, oldest first. */
export const parkedEvents = (stream: string, limit: number): Statement =>
  sql.unsafe`SELECT position, stream, revision, event_id, type, data, metadata, created
    FROM parked_events WHERE stream = ${stream} ORDER BY position LIMIT ${limit}`

/** To be run after these were applied: removes them, and the stream once none of its events waits. */
export const unpark = (stream: string, upTo: bigint): ReadonlyArray<Statement> => [
  sql.unsafe`DELETE FROM parked_events WHERE stream = ${stream} AND position <= ${String(upTo)}::int8`,
  sql.unsafe`DELETE FROM parked_streams s WHERE stream = ${stream}
    AND NOT EXISTS (SELECT FROM parked_events e WHERE e.stream = s.stream)`,
]

/** Everything that waits in the stream is given up. */
export const letGo = (stream: string): ReadonlyArray<Statement> => [
  sql.unsafe`DELETE FROM parked_events WHERE stream = ${stream}`,
  sql.unsafe`DELETE FROM parked_streams WHERE stream = ${stream}`,
]

/** The stream goes on waiting, for this reason. */
export const stillParked = (stream: string, reason: string, position: bigint): Statement =>
  sql.unsafe`UPDATE parked_streams SET reason = ${reason}, position = ${String(position)}::int8
    WHERE stream = ${stream}`
