/** Measures the processor time of the server and of PostgreSQL that one address can use up in a minute with the most
 *  expensive calls. */
import { randomUUID } from 'node:crypto'
import { COSTLY_PER_MINUTE, PAID_CHARACTERS, WORTH } from '../../adapters/http/costly.ts'
import { LOBBY, streamName } from '../../domain/names.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { family } from '../testing/freeze.ts'
import { testHttp } from '../testing/http.ts'
import { processorMs } from './processor.ts'

const SAID = 5_000
const TIMES = { costly: 25, lasting: 8, search: 15, export: 6, other: 25 }
/** The default of `requestsPerMinute`. */
const PER_MINUTE = 6_000
/** A quarter of a core; half a core for requests that every visitor makes. */
const GOAL_SECONDS = { costly: 15, lasting: 15, search: 15, export: 15, other: 30 }
const PER = {
  costly: COSTLY_PER_MINUTE,
  lasting: COSTLY_PER_MINUTE,
  search: COSTLY_PER_MINUTE / WORTH.search,
  export: COSTLY_PER_MINUTE / WORTH.export,
  other: PER_MINUTE,
}

const spent = (): number => family(process.pid).reduce((sum, pid) => sum + processorMs(pid), 0)

export const computedByOneAddress = async () => {
  const http = await testHttp()
  try {
    for (let said = 0; said < SAID; said += 500) {
      const events = Array.from({ length: 500 }, (_, n) =>
        recorded(LOBBY, posted(randomUUID(), `word ${said + n}`, said + n)),
      )
      await http.log.append(
        streamName('chat', LOBBY),
        'any',
        events.map(({ event }) => event),
      )()
    }
    await http.settled()
    const auditor = { ...http.bearer('auditor') }
    const guest = { ...http.guest() }
    const room = '/api/spaces/global/lobby'
    const calls = [
      ['search the record for a word', 'search', auditor, () => '/api/audit?text=word%204711'],
      [
        'a moment (at)',
        'costly',
        auditor,
        () => `${room}/at?position=${1 + Math.floor(Math.random() * SAID)}`,
      ],
      ['a replay of 5,000 events', 'lasting', auditor, () => `${room}/replay`],
      ['why', 'costly', auditor, () => `${room}/why?event=${100 * (1 + Math.floor(Math.random() * SAID))}`],
      ['a proof of inclusion', 'costly', auditor, () => `/api/audit/proof/inclusion?position=${100 * SAID}`],
      [
        'a feed of 1,000 events',
        'lasting',
        auditor,
        () => '/api/feed?space=global:lobby&after=start&limit=1000&live=false',
      ],
      ['the list of cases', 'other', { ...http.bearer('admin-one') }, () => `${room}/cases`],
      ['a read that waits in vain', 'other', guest, () => '/api/spaces?limit=1&min_position=999999999999'],
      ['the list of rooms', 'other', guest, () => '/api/spaces'],
      ['the last messages', 'other', guest, () => '/api/chat/global/lobby/messages?limit=100'],
      ['a join by REST', 'other', guest, () => `POST ${room}/join`],
      ['an export of 5,000 rows', 'export', auditor, () => '/api/audit?format=csv'],
    ] as const
    const rows = []
    for (const [what, kind, headers, url] of calls) {
      let characters = 0
      const one = async () => {
        const path = url()
        const isPost = path.startsWith('POST ')
        const ask = () =>
          http.app.inject({
            method: isPost ? 'POST' : 'GET',
            url: path.replace('POST ', ''),
            headers,
            ...(isPost ? { payload: {} } : {}),
          })
        let answer = await ask()
        // A machine that is busy with other work turns requests away for a while.
        while (answer.statusCode === 503) {
          await new Promise((resolve) => setTimeout(resolve, 300))
          answer = await ask()
        }
        if (answer.statusCode !== 200 && answer.json().code !== 'not_caught_up')
          throw new Error(`${path}: ${answer.statusCode} ${answer.body.slice(0, 200)}`)
        characters = answer.body.length
        // This puts the process under no pressure, because each request starts when the previous one is over.
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      for (let n = 0; n < 2; n += 1) await one()
      const before = spent()
      for (let n = 0; n < TIMES[kind]; n += 1) await one()
      const ms = (spent() - before) / TIMES[kind]
      // What lasts is paid for by its length too.
      const each = COSTLY_PER_MINUTE / PER[kind] + characters / PAID_CHARACTERS
      const times = kind === 'lasting' || kind === 'export' ? Math.floor(COSTLY_PER_MINUTE / each) : PER[kind]
      const seconds = (ms * times) / 1_000
      console.log(`${what}: ${ms.toFixed(1)} ms`)
      rows.push({
        what: `computed in a minute: ${what}, ${times} times`,
        figure: { ms, seconds },
        ours: `${seconds.toFixed(1)} s of a processor (${ms.toFixed(1)} ms each)`,
        goal: `≤ ${GOAL_SECONDS[kind]} s`,
        met: seconds <= GOAL_SECONDS[kind],
      })
    }
    return rows
  } finally {
    await http.close()
  }
}
