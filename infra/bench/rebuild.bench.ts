import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { type FigureRow, ownShare } from './figures.ts'
import { writeHistory } from './history.ts'
import { leastInWords, leastOf, limitOf, postmasterOf, rebuildLeast } from './least.ts'
import { familySeconds } from './processor.ts'

const COUNT = Number(process.env.BENCH_EVENTS ?? 300_000)

export const bench = async () => {
  const [store, database] = await Promise.all([testEventStore(), testDatabase()])
  const log = connectEventLog({ url: store.url })
  try {
    const begun = performance.now()
    const events = await writeHistory(log, COUNT, 200)
    console.log(`${events} events written in ${((performance.now() - begun) / 1000).toFixed(1)} s`)
    const postmaster = await postmasterOf(database.url)
    const used = () => ({
      projector: process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
      'event store': familySeconds(store.pid()),
      postgres: familySeconds(postmaster),
    })
    const before = used()
    const share = ownShare()
    const result = await rebuild({ log, databaseUrl: database.url })
    const processor = share()
    const after = used()
    const spentBy = Object.entries(before).map(([name, seconds]) => [
      name,
      after[name as keyof typeof after] - seconds,
    ])
    const rate = result.events / result.seconds
    console.log({
      events: result.events,
      seconds: result.seconds,
      rate,
      spent: result.spent,
      processor,
      spentBy,
    })
    const least = await leastOf({
      log,
      databaseUrl: database.url,
      store: () => familySeconds(store.pid()),
      postgres: () => familySeconds(postmaster),
    })
    const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
    const rows: Array<FigureRow> = [
      {
        what: `rebuild of ${result.events} events`,
        ours: `${rate.toFixed(0)}/s`,
        beside: '',
        goal: '≥ 50,000/s',
        met: rate >= 50_000,
        limit: `at most ${limitOf(least, rebuildLeast(least)).toFixed(0)}/s here`,
      },
    ]
    const notes = [
      `Rebuild: of ${seconds(result.seconds * 1000)}, ${seconds(result.spent.reading)} waiting for the log, ${seconds(result.spent.folding)} decoding and folding, ${seconds(result.spent.writing)} waiting for Postgres, ${seconds(result.spent.indexing)} building indexes; this process used ${(100 * processor).toFixed(0)} % of a core. Processor: ${spentBy.map(([name, s]) => `${name} ${seconds(1_000 * Number(s))}`).join(', ')}.`,
      leastInWords(least),
    ]
    return {
      rows,
      figures: {
        ...result,
        position: String(result.position),
        rate,
        processor,
        spentBy: Object.fromEntries(spentBy),
        least,
      },
      notes,
    }
  } finally {
    await log.close()
    await store.stop()
    await database.drop()
  }
}
