import { setTimeout as delay } from 'node:timers/promises'
import { type ArrivalFigures, arriveAt, type CrowdFigures, crowdIn } from './crowd.ts'
import { type FigureRow, ownShare, processorSeconds } from './figures.ts'
import { bound, type Measured, plain, whole } from './servers.ts'

const COUNT = Number(process.env.BENCH_CROWD ?? 2000)
const WIDTH = 64
const LOBBY = { type: 'global', id: 'lobby' }

type Figures = CrowdFigures & {
  /** Processor time of each process, in ms per socket. */
  readonly spent: Readonly<Record<string, number>>
  readonly loadShare: number
}

const measure = async (
  server: Measured,
  { isPaged = false }: { readonly isPaged?: boolean } = {},
): Promise<Figures> => {
  const used = () => Object.entries(server.pids).map(([name, pid]) => [name, processorSeconds(pid)] as const)
  const before = new Map(used())
  const share = ownShare()
  const crowd = await crowdIn(server.url, { count: COUNT, width: WIDTH, isPaged }, LOBBY, server.member)
  const loadShare = share()
  const spent = Object.fromEntries(
    used().map(([name, seconds]) => [name, ((seconds - before.get(name)!) * 1000) / COUNT]),
  )
  const told = Object.entries(spent).map(([name, ms]) => `${name} ${ms.toFixed(2)} ms`)
  const { allTold, firstPage } = crowd
  console.log(
    `${server.name}${isPaged ? ', people in pages' : ''}: ${crowd.rate.toFixed(0)} sockets a second` +
      `${allTold === null ? '' : `, ${allTold.toFixed(0)} until all were told of all`}; ` +
      `${firstPage === null ? '' : `first page p50 ${firstPage.p50.toFixed(0)}, p99 ${firstPage.p99.toFixed(0)} ms; `}` +
      `${(crowd.bytes / 1e6).toFixed(0)} MB; processor a socket: ${told.join(', ')}; ` +
      `load ${(100 * loadShare).toFixed(0)} % of a core`,
  )
  return { ...crowd, spent, loadShare }
}
const measureAlone = async (server: Measured, isPaged = false): Promise<Figures> => {
  const figures = await measure(server, { isPaged })
  await server.stop()
  return figures
}

/** Resolves once the processes use less than 5 % of a core, or as little as they did the second before: a profiler of their own
 *  uses some all the time. */
const atRest = async ({ pids }: Measured): Promise<void> => {
  const used = () => Object.values(pids).reduce((sum, pid) => sum + processorSeconds(pid), 0)
  let lately = Number.POSITIVE_INFINITY
  for (let before = used(); ; ) {
    await delay(1_000)
    const now = used()
    if (now - before < 0.05 || (now - before < 0.3 && now - before > 0.8 * lately)) return
    lately = now - before
    before = now
  }
}

/** Makes room for the whole crowd. */
const enlarge = async (url: string, token: string, { type, id }: typeof LOBBY): Promise<void> => {
  const patched = await fetch(`${url}/api/spaces/${type}/${id}/settings`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ max_users: COUNT + 10 }),
  })
  if (!patched.ok) throw new Error(`max_users could not be set: ${await patched.text()}`)
}

const GOAL_RATE = 1_500
const GOAL_FIRST_PAGE_MS = 200
/** How long after the last join everybody may be told of everybody. */
const GOAL_TOLD_MS = 200

const arrivalRow = ({ connected, offered, toldAfter, firstPage }: ArrivalFigures): FigureRow => ({
  what: `… connected before (${connected.toFixed(0)}/s), and ${offered} a second join: the last told of all, and first page p50 / p99`,
  ours: `${toldAfter.toFixed(0)} ms after the last; ${firstPage.p50.toFixed(0)} / ${firstPage.p99.toFixed(0)} ms`,
  beside: '',
  goal: `≤ ${GOAL_TOLD_MS} ms, ≤ ${GOAL_FIRST_PAGE_MS} ms`,
  met: toldAfter <= GOAL_TOLD_MS && firstPage.p99 <= GOAL_FIRST_PAGE_MS,
})

/** `least`: of a server that does only what can't be left out. */
const pagedRows = (paged: Figures, least: Figures): ReadonlyArray<FigureRow> => [
  {
    what: '… told of people in pages and counts, until all are told of all',
    ours: `${paged.allTold!.toFixed(0)}/s (${(paged.allTold! / least.allTold!).toFixed(2)}), ${(paged.bytes / 1e6).toFixed(0)} MB`,
    beside: `${least.allTold!.toFixed(0)}/s, ${(least.bytes / 1e6).toFixed(0)} MB, plain Socket.IO that appends and counts`,
    goal: `≥ ${GOAL_RATE}/s`,
    met: paged.allTold! >= GOAL_RATE,
    limit:
      `the server ${paged.spent.server!.toFixed(2)} ms a socket, of which plain Socket.IO with an append, a page and counts takes ` +
      `${least.spent.server!.toFixed(2)}`,
  },
  {
    what: '… the first page of people, from asking to join, p50 / p99',
    ours: `${paged.firstPage!.p50.toFixed(0)} / ${paged.firstPage!.p99.toFixed(0)} ms`,
    beside: '',
    goal: `≤ ${GOAL_FIRST_PAGE_MS} ms`,
    met: paged.firstPage!.p99 <= GOAL_FIRST_PAGE_MS,
  },
]

export const bench = async () => {
  const silent = await measureAlone({
    ...(await plain(true)),
    name: 'plain Socket.IO that tells nobody who is there',
  })
  const least = await measureAlone(await bound(), true)
  const beside = await measureAlone(await plain())
  const server = await whole(COUNT)
  await enlarge(server.url, server.ownerToken, LOBBY)
  await atRest(server)
  const paged = await measure(server, { isPaged: true })
  // They have left by then.
  await atRest(server)
  const ours = await measure(server)
  await atRest(server)
  const arrived = await arriveAt(
    server.url,
    { count: COUNT, width: WIDTH, rate: GOAL_RATE },
    LOBBY,
    server.member,
  )
  console.log(arrived)
  await server.stop()
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
    ...pagedRows(paged, least),
    arrivalRow(arrived),
  ]
  const notes =
    ours.rate >= silent.rate
      ? []
      : [
          `A crowd that joins: the server spent ${ours.spent.server!.toFixed(2)} ms of processor a socket, a plain one ` +
            `that tells nobody ${silent.spent.server!.toFixed(2)} ms. Between them lie each join's command and event, ` +
            `the list of who is there for each who comes, and its news for each who is.`,
        ]
  return { rows, figures: { ours, paged, arrived, beside, silent, least }, notes }
}
