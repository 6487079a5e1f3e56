import { crowdIn } from './crowd.ts'
import { type FigureRow, ownShare, processorSeconds } from './figures.ts'
import { type Measured, plain, whole } from './servers.ts'

const COUNT = Number(process.env.BENCH_CROWD ?? 2000)
const WIDTH = 64
const LOBBY = { type: 'global', id: 'lobby' }

type Figures = {
  /** Sockets per second. */
  readonly rate: number
  /** Processor time of each process, in ms per socket. */
  readonly spent: Readonly<Record<string, number>>
  readonly loadShare: number
}

const measure = async (server: Measured): Promise<Figures> => {
  const used = () => Object.entries(server.pids).map(([name, pid]) => [name, processorSeconds(pid)] as const)
  const before = new Map(used())
  const share = ownShare()
  const rate = await crowdIn(server.url, { count: COUNT, width: WIDTH }, LOBBY, server.member)
  const loadShare = share()
  const spent = Object.fromEntries(
    used().map(([name, seconds]) => [name, ((seconds - before.get(name)!) * 1000) / COUNT]),
  )
  const told = Object.entries(spent).map(([name, ms]) => `${name} ${ms.toFixed(2)} ms`)
  console.log(
    `${server.name}: ${rate.toFixed(0)} sockets a second; processor a socket: ${told.join(', ')}; ` +
      `load ${(100 * loadShare).toFixed(0)} % of a core`,
  )
  await server.stop()
  return { rate, spent, loadShare }
}

export const bench = async () => {
  const silent = await measure({
    ...(await plain(true)),
    name: 'plain Socket.IO that tells nobody who is there',
  })
  const beside = await measure(await plain())
  const server = await whole(COUNT)
  const patched = await fetch(`${server.url}/api/spaces/global/lobby/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${server.ownerToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ max_users: COUNT + 10 }),
  })
  if (!patched.ok) throw new Error(`max_users could not be set: ${await patched.text()}`)
  const ours = await measure(server)
  const row = (what: string, other: Figures, goal: string): FigureRow => ({
    what,
    ours: `${ours.rate.toFixed(0)}/s (${(ours.rate / other.rate).toFixed(2)})`,
    beside: `${other.rate.toFixed(0)}/s`,
    goal,
    met: ours.rate >= other.rate,
  })
  const rows = [
    row(`${COUNT} sockets connect and join one room`, beside, '≥ plain, same news'),
    row('… beside one that tells nobody who is there', silent, '≥ plain'),
  ]
  const notes =
    ours.rate >= silent.rate
      ? []
      : [
          `A crowd that joins: the server spent ${ours.spent.server!.toFixed(2)} ms of processor a socket, a plain one ` +
            `that tells nobody ${silent.spent.server!.toFixed(2)} ms. Between them lie each join's command and event, ` +
            `the list of who is there for each who comes, and its news for each who is.`,
        ]
  return { rows, figures: { ours, beside, silent }, notes }
}
