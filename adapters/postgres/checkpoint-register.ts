/** Checkpoints in their two places, the table and the log: each is completed from the other. The table comes first, so
 *  that a checkpoint on the log was in the table. */
import * as E from 'fp-ts/lib/Either.js'
import type { DatabasePool } from 'slonik'
import type { EventLog } from '../../domain/ports.ts'
import { issuedAt, issuedEvent, issuedIn, issuedStream, numberOf } from '../../projections/proof/issued.ts'
import { openCheckpoint, type Signer, verifierOf } from '../../projections/proof/note.ts'
import {
  checkpointCount,
  checkpointsFrom,
  keepCheckpoint,
  type NewCheckpoint,
  newestCheckpoint,
} from '../../projections/proof/queries.ts'
import { rowsOf } from './query.ts'

export type Register = {
  /** To be called before the next is signed. `mine`: the last one issued here, which the table should have. If the log
   *  is away, this is done with the next one. */
  readonly agree: (mine: NewCheckpoint | null) => Promise<void>
  /** Writes one that is in the table to the log. */
  readonly tell: (made: NewCheckpoint) => Promise<void>
}

const PAGE = 500

export const createRegister = ({
  pool,
  signer,
  log,
  onLost,
}: {
  readonly pool: DatabasePool
  readonly signer: Signer
  readonly log?: Pick<EventLog, 'append' | 'readStream' | 'health'>
  readonly onLost?: (rows: number) => void
}): Register => {
  const verifier = verifierOf(signer)
  const { vkey } = verifier
  const stream = issuedStream(vkey)
  /** How many of them are on the log, and the last one's number; null if that must be looked up. */
  let onLog: { readonly events: number; readonly number: number } | null = null

  const put = async (made: NewCheckpoint): Promise<number> =>
    (await pool.query(keepCheckpoint(made))).rows.length

  type Made = Pick<NewCheckpoint, 'number' | 'note'>
  /** Whether the log is away: then nobody waits for it. */
  const isAway = (): boolean => log === undefined || log.health().state === 'down'
  const append = async (made: ReadonlyArray<Made>): Promise<void> => {
    const [there, last] = [onLog, made.at(-1)]
    // What is on the log is looked up again before the next one.
    onLog = null
    if (isAway() || there === null || last === undefined) return
    const expected = there.events === 0 ? 'none' : BigInt(there.events - 1)
    const events = made.map(({ number, note }) => issuedEvent(number, note))
    const written = await log!.append(stream, expected, events)()
    if (E.isRight(written)) onLog = { events: there.events + made.length, number: last.number }
  }

  /** Puts checkpoints that only the log has into the table. */
  const restore = async (): Promise<number> => {
    let lost = 0
    for (let from = 0n; log !== undefined; from += BigInt(PAGE)) {
      const page = await log.readStream(stream, { from, limit: PAGE })()
      if (E.isLeft(page)) break
      for (const { data } of page.right) {
        const issued = issuedIn(data)
        const signed = issued === null ? null : openCheckpoint(issued.note, verifier)
        // Somebody who can write to the log can't sign: checkpoints that are not ours are left for audit verify to report.
        if (issued === null || signed === null || issued.number !== (numberOf(signed) ?? issued.number))
          continue
        lost += await put({
          number: issued.number,
          size: signed.size,
          vkey,
          root: signed.root.toString('base64'),
          note: issued.note,
          at: new Date(issuedAt(signed) ?? 0).toISOString(),
        })
      }
      if (page.right.length < PAGE) break
    }
    return lost
  }

  const look = async (): Promise<number> => {
    const end = await log!.readStream(stream, { direction: 'backwards', limit: 1 })()
    if (E.isLeft(end)) return 0
    const [last] = end.right
    const there = last === undefined ? 0 : (issuedIn(last.data)?.number ?? 0)
    const [have] = await rowsOf(pool, checkpointCount(vkey))
    const [newest] = await rowsOf(pool, newestCheckpoint(vkey))
    const rows = Number(newest?.number ?? 0)
    const lost = (have?.count ?? 0) < Math.max(rows, there) ? await restore() : 0
    onLog = { events: last === undefined ? 0 : Number(last.revision) + 1, number: there }
    while (onLog !== null && onLog.number < rows) {
      const page = await rowsOf(pool, checkpointsFrom(vkey, onLog.number + 1, PAGE))
      await append(page.map(({ number, note }) => ({ number: Number(number), note })))
    }
    return lost
  }

  const told = (lost: number): void => {
    if (lost > 0) onLost?.(lost)
  }
  return {
    agree: async (mine) => {
      const back = mine === null ? 0 : await put(mine)
      told(back + (onLog === null && !isAway() ? await look() : 0))
    },
    tell: async (made) => {
      if (onLog?.number === made.number - 1) await append([made])
      // Others have written meanwhile.
      if (onLog?.number !== made.number && !isAway()) told(await look())
    },
  }
}
