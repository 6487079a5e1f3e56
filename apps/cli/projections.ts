/** `presence projections` */
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { LEADER_LOCK } from '../projector/lock.ts'
import type { Command } from './command.ts'
import { connections } from './connections.ts'

const usage = `presence projections

Whether a projector keeps the tables, and how far they are. Ends with 0 where one does: a container's health check.`

export const projections: Command = {
  name: 'projections',
  summary: 'whether a projector keeps the tables, and how far they are',
  usage,
  run: async (_args, io) => {
    const to = connections()
    if (E.isLeft(to)) {
      io.err(to.left)
      return 1
    }
    const client = new pg.Client({ connectionString: to.right.databaseUrl, connectionTimeoutMillis: 4000 })
    await client.connect()
    try {
      const leader = await client.query(
        `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = $1 AND objid = $2
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        [...LEADER_LOCK],
      )
      const checkpoint = await client.query('SELECT position FROM projection_checkpoints')
      io.out(`the tables are at position ${checkpoint.rows[0]?.position ?? 'none'}`)
      io.out(leader.rowCount ? 'a projector keeps them' : 'no projector keeps them')
      return leader.rowCount ? 0 : 1
    } finally {
      await client.end()
    }
  },
}
