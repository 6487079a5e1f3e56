import { idleCost } from './crowd.ts'
import type { Row } from './figures.ts'
import { plain, whole } from './servers.ts'

const COUNT = 1500

export const bench = async () => {
  const yardstick = await plain()
  const beside = await idleCost(yardstick.url, yardstick.pid, COUNT, yardstick.member)
  await yardstick.stop()
  const server = await whole(2 * COUNT)
  const ours = await idleCost(server.url, server.pid, COUNT, server.member)
  await server.stop()
  const kb = (bytes: number) => `${(bytes / 1024).toFixed(1)} KB`
  console.log(`plain Socket.IO ${kb(beside)}, DLUX Presence ${kb(ours)} a socket`)
  const rows: Array<Row> = [
    {
      what: 'memory per idle socket, in rooms of 20',
      ours: `${kb(ours)} (${(ours / beside).toFixed(2)})`,
      beside: kb(beside),
      goal: '≤ 1.2 of plain',
      met: ours <= 1.2 * beside,
    },
  ]
  return { rows, figures: { ours, beside } }
}
