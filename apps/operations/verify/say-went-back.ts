/** Records that the log went back, so that the next checkpoint says it. */
import { sql } from 'slonik'
import { connectSession } from '../../../adapters/postgres/session.ts'
import type { Signer } from '../../../projections/proof/note.ts'
import { keepWentBack } from '../../../projections/proof/queries.ts'
import { signWentBack, type WentBack } from '../../../projections/proof/went-back.ts'

/** Its time is after that of every signed checkpoint, even if a server's clock is ahead of this one's. */
export const sayWentBack = async (
  databaseUrl: string,
  signer: Signer,
  events: number,
  now: number,
): Promise<WentBack> => {
  const session = await connectSession(databaseUrl, 'presence audit went-back')
  try {
    const [last] = await session.run(sql.unsafe`SELECT max(issued_at) AS at FROM proof_checkpoints`)
    const at = new Date(Math.max(now, Number(last?.at ?? 0) + 1)).toISOString()
    await session.run(keepWentBack(signWentBack({ events, at }, signer)))
    return { events, at }
  } finally {
    await session.close()
  }
}
