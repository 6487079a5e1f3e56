/** Measures the processor time of the server and of PostgreSQL that one address can use up in a minute with the most
 *  expensive calls. */
import { randomUUID } from 'node:crypto'
import { sql } from 'slonik'
import {
  CHARGED_MS,
  COSTLY_PER_MINUTE,
  PAGES_PER_MINUTE,
  PAID_CHARACTERS,
  WORTH,
} from '../../adapters/http/costly.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { LOBBY, streamName } from '../../domain/names.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { family } from '../testing/freeze.ts'
import { testHttp } from '../testing/http.ts'
import { processorMs } from './processor.ts'

const SAID = 5_000
/** As many as DLUX has today, twice over. */
const POSTS = 100_000
const TIMES = {
  costly: 50,
  lasting: 8,
  search: 15,
  export: 6,
  asked: 6,
  file: 4,
  rooms: 50,
  page: 100,
  said: 100,
  other: 100,
}
/** The default of `requestsPerMinute`. */
const PER_MINUTE = 6_000
/** A quarter of a core; half a core for requests that every visitor makes. */
const GOAL_SECONDS = {
  costly: 15,
  lasting: 15,
  search: 15,
  export: 15,
  asked: 15,
  file: 15,
  rooms: 15,
  page: 30,
  said: 30,
  other: 30,
}
/** Files of one's own data that somebody may take at once. */
const FILES = 20
/** Messages that an account may say in a minute. */
const SAID_PER_MINUTE = 1_240
const PER = {
  costly: COSTLY_PER_MINUTE,
  lasting: COSTLY_PER_MINUTE,
  search: COSTLY_PER_MINUTE / WORTH.search,
  export: COSTLY_PER_MINUTE / WORTH.export,
  asked: COSTLY_PER_MINUTE / WORTH.export,
  file: FILES,
  rooms: COSTLY_PER_MINUTE,
  page: PAGES_PER_MINUTE,
  said: SAID_PER_MINUTE,
  other: PER_MINUTE,
}

const spent = (): number => family(process.pid).reduce((sum, pid) => sum + processorMs(pid), 0)

type Http = Awaited<ReturnType<typeof testHttp>>

const AT_ONCE = 200
/** So many wait at once if they are asked for as often as is allowed, and each waits for two seconds. */
const waitsInVain = async (http: Http) => {
  const before = spent()
  await Promise.all(
    Array.from({ length: AT_ONCE }, () =>
      http.app.inject({ url: '/api/spaces?limit=1&min_position=999999999999', headers: { ...http.guest() } }),
    ),
  )
  const ms = spent() - before
  const seconds = (ms * (PER_MINUTE / AT_ONCE)) / 1_000
  return {
    what: `computed in a minute: ${PER_MINUTE} reads that wait in vain`,
    figure: { ms, seconds },
    ours: `${seconds.toFixed(1)} s of a processor (${(ms / AT_ONCE).toFixed(1)} ms each, ${AT_ONCE} at a time)`,
    goal: `≤ ${GOAL_SECONDS.other} s`,
    met: seconds <= GOAL_SECONDS.other,
  }
}

/** What a ticket costs beside the join that made it and the connection that shows it. */
const tickets = async (http: Http) => {
  const { tickets: of } = http.auth
  const once = async (): Promise<void> => {
    const caller = { kind: 'guest', id: `guest:${randomUUID().slice(24)}` } as const
    const session = { sid: randomUUID(), expiresAt: http.clock.now() + 600_000 }
    const ticket = of.issue({ caller, session, space: LOBBY, subspace: 'main' })
    const redeemed = await of.redeem(ticket, { ip: '192.0.2.1', userAgent: 'bench' }, 'boot')()
    if (redeemed._tag === 'Left') throw new Error(JSON.stringify(redeemed.left))
  }
  for (let n = 0; n < 50; n += 1) await once()
  const before = spent()
  for (let n = 0; n < TIMES.other; n += 1) await once()
  const ms = (spent() - before) / TIMES.other
  const seconds = (ms * PER_MINUTE) / 1_000
  return {
    what: `computed in a minute: ${PER_MINUTE} tickets made and redeemed`,
    figure: { ms, seconds },
    ours: `${seconds.toFixed(1)} s of a processor (${ms.toFixed(1)} ms each)`,
    goal: `≤ ${GOAL_SECONDS.other} s`,
    met: seconds <= GOAL_SECONDS.other,
  }
}

const ROOM = '/api/spaces/global/lobby'
/** As many filters as a room may have, each with as many words, about as long as all of them may be together; and bans, to be
 *  given as a list. */
const ruled = async (http: Http): Promise<void> => {
  const put = async (url: string, payload: object): Promise<void> => {
    const answer = await http.app.inject({ method: 'PUT', url, payload, headers: http.bearer('admin-one') })
    if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.body}`)
  }
  for (let n = 0; n < 20; n += 1)
    await put(`${ROOM}/filters/filter-${n}`, {
      words: Array.from({ length: 200 }, (_, word) => `q${(200 * n + word).toString(36)}`),
      acts: ['report'],
    })
  for (let n = 0; n < 300; n += 1) await put(`${ROOM}/bans/banned-${n}`, { reason: 'a reason' })
  await http.settled()
}
/** What a POST sends. */
const bodyOf = (path: string): object =>
  path.endsWith('/what-if')
    ? { from: '2020-01-01T00:00:00Z', to: '2099-01-01T00:00:00Z', settings: { slow_mode_seconds: 60 } }
    : path.endsWith('/messages')
      ? { content: `${'the room is full of stars tonight '.repeat(56)}${randomUUID()}` }
      : {}

export const computedByOneAddress = async () => {
  const http = await testHttp({}, undefined, { checked: false })
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
    const pool = await createPostgresPool(http.databaseUrl, {
      maxConnections: 1,
      statementTimeoutMs: 120_000,
    })
    await pool.query(sql.unsafe`INSERT INTO posts (author, permlink, type, title, content, created_at)
      SELECT 'author' || n % 5000, 'post-' || n, 'dapp', 'The title of a post ' || n, repeat('words ', 100),
        now() - n * interval '1 minute' FROM generate_series(1, ${POSTS}::int) AS n`)
    await pool.query(sql.unsafe`VACUUM ANALYZE posts`)
    await pool.end()
    const auditor = { ...http.bearer('auditor') }
    const guest = { ...http.guest() }
    const alice = { ...http.bearer('alice') }
    const room = ROOM
    await ruled(http)
    await http.app.inject({ url: '/api/audit/checkpoint' })
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
      ['the list of rooms, of 100,000 posts', 'page', guest, () => '/api/spaces'],
      ['the same by an account', 'page', auditor, () => '/api/spaces'],
      ['a search for rooms among 100,000', 'rooms', guest, () => `/api/spaces?q=${randomUUID().slice(0, 2)}`],
      ['page 500 of the list of rooms', 'rooms', guest, () => '/api/spaces?offset=10000'],
      ['the last messages', 'page', guest, () => '/api/chat/global/lobby/messages?limit=100'],
      ['a join by REST', 'other', guest, () => `POST ${room}/join`],
      ['an export of 5,000 rows', 'export', auditor, () => '/api/audit?format=csv'],
      ['what if, of 5,000 events', 'asked', auditor, () => `POST ${room}/what-if`],
      ['a tile of the tree', 'other', guest, () => '/tlog/tile/0/000'],
      ['what is held on somebody (me)', 'costly', alice, () => '/api/me'],
      ['all of one’s data, with 5,000 messages, as a file', 'file', alice, () => '/api/me/data'],
      ['300 bans as a list', 'costly', auditor, () => `${room}/ban-list`],
      [
        'a message of 1,940 characters in a room with 20 filters of 200 words',
        'said',
        alice,
        () => 'POST /api/chat/global/lobby/messages',
      ],
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
            ...(isPost ? { payload: bodyOf(path) } : {}),
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
      for (let n = 0; n < TIMES[kind] / 4; n += 1) await one()
      const before = spent()
      for (let n = 0; n < TIMES[kind]; n += 1) await one()
      const ms = (spent() - before) / TIMES[kind]
      // What lasts is paid for by its length too.
      const each = COSTLY_PER_MINUTE / PER[kind] + characters / PAID_CHARACTERS
      const times =
        kind === 'asked'
          ? Math.floor(COSTLY_PER_MINUTE / (WORTH.export + ms / CHARGED_MS))
          : kind === 'rooms'
            ? Math.floor(COSTLY_PER_MINUTE / (1 + ms / CHARGED_MS))
            : kind === 'lasting' || kind === 'export'
              ? Math.floor(COSTLY_PER_MINUTE / each)
              : PER[kind]
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
    rows.push(await waitsInVain(http), await tickets(http))
    return rows
  } finally {
    await http.close()
  }
}
