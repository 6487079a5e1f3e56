/** A connection to Postgres of its own, outside the pool. */
import pg from 'pg'

/** Connects a client. If that fails, closes it and throws. */
export const connectClient = async (config: pg.ClientConfig): Promise<pg.Client> => {
  const client = new pg.Client(config)
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** Ends a connection at once: without a goodbye, and without waiting for what it is busy with. */
export const cut = (client: pg.Client): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
