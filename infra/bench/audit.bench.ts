/** Measures everything that the audit costs, one after the other: a room at any moment by its age, verifying,
 *  rebuilding and proving, and what sealing and the tree add to an append. AUDIT_EVENTS (1,000,000) is the oldest
 *  room's age: 20,000 take half a minute, all of them about five. */
import * as moment from './moment.ts'
import * as privacy from './privacy.ts'
import * as proof from './proof.bench.ts'

const OLDEST = Number(process.env.AUDIT_EVENTS ?? 1_000_000)
/** How many events are verified and rebuilt. Once there are enough, the rates do not depend on the number. */
const PROVED = Math.min(OLDEST, Number(process.env.BENCH_EVENTS ?? 300_000))

export const bench = async () => {
  const sealing = await privacy.bench(OLDEST < 100_000 ? 5 : 15)
  const proofs = await proof.bench(PROVED)
  const moments = await moment.bench(OLDEST)
  return {
    rows: [...moments.rows, ...proofs.rows, ...sealing.rows],
    figures: { moment: moments.figures, proof: proofs.figures, privacy: sealing.figures },
    notes: [...moments.notes, ...proofs.notes, ...sealing.notes],
    charts: moments.charts,
  }
}
