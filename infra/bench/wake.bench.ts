import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { benchWake } from '../../apps/commands/bench.ts'
import { testEventStore } from '../testing/eventstore.ts'
import type { FigureRow } from './figures.ts'

export const bench = async () => {
  const store = await testEventStore()
  const log = connectEventLog({ url: store.url })
  try {
    const figures = await benchWake(log)
    console.log(figures)
    const rows: Array<FigureRow> = [
      {
        what: 'loading a space of 100,000 events',
        ours: `${figures.old.ms.toFixed(1)} ms (${figures.ratio.toFixed(2)})`,
        beside: `${figures.young.ms.toFixed(1)} ms for 10 events`,
        goal: '≤ 2 times',
        met: figures.ratio <= 2,
      },
    ]
    return { rows, figures }
  } finally {
    await log.close()
    await store.stop()
  }
}
