import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { rebuild } from '../../apps/projector/rebuild.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { ownShare, type Row } from './figures.ts'
import { writeHistory } from './history.ts'

const COUNT = Number(process.env['BENCH_EVENTS'] ?? 300_000)

export const bench = async () => {
  const [store, database] = await Promise.all([testEventStore(), testDatabase()])
  const log = connectEventLog({ url: store.url })
  try {
    const begun = performance.now()
    const events = await writeHistory(log, COUNT, 200)
    console.log(`${events} events written in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
    const share = ownShare()
    const result = await rebuild({ log, databaseUrl: database.url })
    const processor = share()
    const rate = result.events / result.seconds
    console.log({ events: result.events, seconds: result.seconds, rate, spent: result.spent, processor })
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
    const rows: Array<Row> = [
      {
        what: `rebuild of ${result.events} events`,
        ours: `${rate.toFixed(0)}/s`,
        beside: '',
        goal: '≥ 50,000/s',
        met: rate >= 50_000,
      },
    ]
    const notes = [
      `Rebuild: of ${seconds(result.seconds * 1000)}, ${seconds(result.spent.reading)} waiting for the log, ${seconds(result.spent.folding)} decoding and folding, ${seconds(result.spent.writing)} waiting for Postgres, ${seconds(result.spent.indexing)} building indexes; this process used ${(100 * processor).toFixed(0)} % of a core.`,
    ]
    return { rows, figures: { ...result, position: String(result.position), rate, processor }, notes }
  } finally {
    await log.close()
    await store.stop()
    await database.drop()
  }
}
