import { crowdIn } from './crowd.ts'
import type { Row } from './figures.ts'
import { plain, whole } from './servers.ts'

const COUNT = 2000
const WIDTH = 64
const LOBBY = { type: 'global', id: 'lobby' }

export const bench = async () => {
  const mute = await plain(true)
  const silent = await crowdIn(mute.url, COUNT, WIDTH, LOBBY, mute.member)
  await mute.stop()
  console.log(`plain Socket.IO that tells nobody who is there: ${silent.toFixed(0)} sockets a second`)
  const yardstick = await plain()
  const beside = await crowdIn(yardstick.url, COUNT, WIDTH, LOBBY, yardstick.member)
  await yardstick.stop()
  console.log(`plain Socket.IO: ${beside.toFixed(0)} sockets a second`)
  const server = await whole(COUNT)
  const patched = await fetch(`${server.url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${server.ownerToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ max_users: COUNT + 10 }),
  })
  if (!patched.ok) throw new Error(`max_users could not be set: ${await patched.text()}`)
  const ours = await crowdIn(server.url, COUNT, WIDTH, LOBBY, server.member)
  await server.stop()
  console.log(`DLUX Presence: ${ours.toFixed(0)} sockets a second`)
  const rows: Array<Row> = [
    {
      what: `${COUNT} sockets connect and join one room`,
      ours: `${ours.toFixed(0)}/s (${(ours / beside).toFixed(2)})`,
      beside: `${beside.toFixed(0)}/s`,
      goal: '≥ plain, same news',
      met: ours >= beside,
    },
  ]
  rows.push({
    what: '… beside one that tells nobody who is there',
    ours: `${ours.toFixed(0)}/s (${(ours / silent).toFixed(2)})`,
    beside: `${silent.toFixed(0)}/s`,
    goal: '≥ plain',
    met: ours >= silent,
  })
  return { rows, figures: { ours, beside, silent } }
}
