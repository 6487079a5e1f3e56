import { setFlagsFromString } from 'node:v8'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { benchJoins, benchLargeRoom } from '../../apps/commands/bench.ts'
import { testEventStore } from '../testing/eventstore.ts'
import type { FigureRow } from './figures.ts'

setFlagsFromString('--expose-gc')

export const bench = async () => {
  const store = await testEventStore()
  const log = connectEventLog({ url: store.url })
  try {
    const figures = await benchJoins(log)
    console.log(figures)
    const large = await benchLargeRoom(log)
    console.log(large)
    const rows: Array<FigureRow> = [
      {
        what: 'joins into one space, command path only',
        ours: `${figures.perSecond}/s (p99 ${figures.p99ms.toFixed(0)} ms at ${figures.outstanding} outstanding)`,
        beside: '',
        goal: '≥ 5,000/s',
        met: figures.perSecond >= 5000,
      },
      {
        what: `${large.joins} joins into one space, and what the process then holds`,
        ours: `${large.perSecond}/s, ${(large.held / 1024 ** 2).toFixed(0)} MB`,
        beside: '',
        goal: '≥ 1,000/s, ≤ 64 MB',
        met: large.perSecond >= 1_000 && large.held <= 64 * 1024 ** 2,
      },
    ]
    return { rows, figures: { ...figures, large } }
  } finally {
    await log.close()
    await store.stop()
  }
}
