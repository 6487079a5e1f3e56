import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { benchJoins } from '../../apps/commands/bench.ts'
import { testEventStore } from '../testing/eventstore.ts'
import type { FigureRow } from './figures.ts'

export const bench = async () => {
  const store = await testEventStore()
  const log = connectEventLog({ url: store.url })
  try {
    const figures = await benchJoins(log)
    console.log(figures)
    const rows: Array<FigureRow> = [
      {
        what: 'joins into one space, command path only',
        ours: `${figures.perSecond}/s (p99 ${figures.p99ms.toFixed(0)} ms at ${figures.outstanding} outstanding)`,
        beside: '',
        goal: '≥ 5,000/s',
        met: figures.perSecond >= 5000,
      },
    ]
    return { rows, figures }
  } finally {
    await log.close()
    await store.stop()
  }
}
