import type { FigureRow } from './figures.ts'
import { idleCost } from './memory-held.ts'
import { plain, whole } from './servers.ts'

const STEPS = [0, 500, 1000, 1500, 2000]
const ROOM = 20

const kb = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`
const mb = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MB`

export const bench = async () => {
  const measure = async (server: Awaited<ReturnType<typeof plain>>) => {
    const cost = await idleCost(server, STEPS, ROOM, ({ sockets, held, rss }) =>
      console.log(`${server.name}, ${sockets} sockets: ${mb(held)} held, ${mb(rss)} resident`),
    )
    await server.stop()
    console.log(`${server.name}: ${kb(cost.held)} held, ${kb(cost.rss)} resident per socket`)
    return cost
  }
  const beside = await measure(await plain())
  const ours = await measure(await whole(STEPS.at(-1)!))
  const rows: Array<FigureRow> = [
    {
      what: `memory per idle socket, in rooms of ${ROOM}`,
      ours: `${kb(ours.held)} (${(ours.held / beside.held).toFixed(2)})`,
      beside: kb(beside.held),
      goal: '≤ 1.2 of plain',
      met: ours.held <= 1.2 * beside.held,
    },
    {
      what: '… as the kernel counts it',
      ours: `${kb(ours.rss)} (${(ours.rss / beside.rss).toFixed(2)})`,
      beside: kb(beside.rss),
      goal: '',
      met: null,
    },
  ]
  return { rows, figures: { ours, beside } }
}
