/** The official client's own calls, for benchmarks that compare this adapter with it. */
import { EventStoreDBClient, type JSONType, jsonEvent, START, streamNameFilter } from '@eventstore/db-client'
import type { NewEvent } from '../../../domain/ports.ts'

export const officialClient = (url: string) => {
  const client = EventStoreDBClient.connectionString(url)
  return {
    append: (stream: string, events: ReadonlyArray<NewEvent>): Promise<unknown> =>
      client.appendToStream(
        stream,
        events.map(({ id, type, data, metadata }) =>
          jsonEvent({ id, type, data: data as JSONType, metadata: metadata as JSONType }),
        ),
      ),
    /** Reads this many events of `$all` from its start. */
    read: async (count: number): Promise<void> => {
      for await (const _ of client.readAll({ fromPosition: START, maxCount: count })) {
      }
    },
    /** Subscribes from the start of `$all` to streams with these prefixes, until this many events have come. */
    catchUp: async (count: number, prefixes: string[]): Promise<void> => {
      let left = count
      for await (const _ of client.subscribeToAll({
        fromPosition: START,
        filter: streamNameFilter({ prefixes }),
      }))
        if (--left === 0) break
    },
    close: () => client.dispose(),
  }
}
