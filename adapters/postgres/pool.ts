/** The pool that reads go through. */
import { createPool, type DatabasePool } from 'slonik'

export type PoolOptions = { readonly maxConnections?: number; readonly statementTimeoutMs?: number }

/** A pool on `url`. Close it with `pool.end()`. */
export const createPostgresPool = (
  url: string,
  { maxConnections = 10, statementTimeoutMs = 10_000 }: PoolOptions = {},
): Promise<DatabasePool> =>
  createPool(url, {
    maxPoolSize: maxConnections,
    statementTimeout: statementTimeoutMs,
    idleTimeout: 30_000,
    connectionTimeout: 5_000,
    connectionRetryLimit: 1,
    gracefulTerminationTimeout: 1_000,
    // Nothing here changes a connection's state beyond its transaction, so there is nothing to reset.
    resetConnection: async () => {},
  })
