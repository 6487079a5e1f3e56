/** Listens to Postgres' NOTIFY on a connection of its own, and proves that it hears: it sends itself a notice over
 *  another connection, and waits for it. A connection that answers but hears nothing (behind a pooler in transaction
 *  mode) is deaf. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'

export type NoticeListener = {
  /** While false, notices are being missed: what is held in memory may be stale. */
  readonly connected: () => boolean
  /** True from the moment a notice was not heard, until one is heard again. */
  readonly deaf: () => boolean
  /** Resolves when the first connection hears, or was found to be deaf and the current state was fetched. */
  readonly ready: Promise<void>
  readonly stop: () => Promise<void>
}

export type ListenerOptions = {
  readonly url: string
  readonly channels: ReadonlyArray<string>
  /** Other connections to the same database, over which it notifies itself. The caller closes them. */
  readonly pool: Pick<pg.Pool, 'query'>
  readonly onNotice: (channel: string, payload: string) => void
  /** Called after each (re)connection, once it hears, and repeatedly while it is deaf: fetches what was missed. A throw reconnects. */
  readonly onListening: () => Promise<void>
  readonly retryMs?: number
  readonly timings?: Partial<Timings>
}

type Timings = {
  /** Milliseconds between two proofs. */
  readonly proveMs: number
  /** A notice that is not heard for this long (ms) counts as lost. */
  readonly hearMs: number
  /** While it is deaf: milliseconds between two fetches of what was missed. */
  readonly fetchMs: number
  /** If Postgres says nothing for this long (ms), the connection is replaced. */
  readonly silentMs: number
}
const TIMINGS: Timings = { proveMs: 3_000, hearMs: 2_000, fetchMs: 700, silentMs: 15_000 }
/** After being deaf it must hear this many notices in a row, since a pooler lets one through now and then. */
const IN_A_ROW = 3

/** `silent`: Postgres did not accept the notice, so nothing is known. */
type Proof = 'heard' | 'deaf' | 'silent'

export const listen = (options: ListenerOptions): NoticeListener => {
  const { retryMs = 500, pool } = options
  const timings = { ...TIMINGS, ...options.timings }
  const own = `heard_${randomUUID()}`
  let client: pg.Client | null = null
  let connected = false
  let deaf = false
  let fetching: NodeJS.Timeout | undefined
  let said = 0
  let hears: (payload: string) => void = () => {}
  const stopped = new AbortController()
  const isStopped = (): boolean => stopped.signal.aborted
  let settle: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    settle = resolve
  })

  const pause = (ms: number): Promise<unknown> =>
    delay(ms, undefined, { signal: stopped.signal }).catch(() => {})

  const lost = (which: pg.Client): void => {
    if (client !== which) return
    client = null
    connected = false
    which.end().catch(() => {})
    if (!isStopped()) void pause(retryMs).then(connect)
  }

  const prove = async (): Promise<Proof> => {
    const payload = String(++said)
    let isHeard = false
    let wake = (): void => {}
    const heard = new Promise<void>((resolve) => {
      wake = resolve
    })
    hears = (one) => {
      if (one !== payload) return
      isHeard = true
      wake()
    }
    try {
      await pool.query('SELECT pg_notify($1, $2)', [own, payload])
    } catch {
      return 'silent'
    }
    const late = setTimeout(wake, timings.hearMs)
    late.unref()
    await heard
    clearTimeout(late)
    return isHeard ? 'heard' : 'deaf'
  }

  /** Fetches only if Postgres answers, so that no cache is dropped in vain. */
  const fetchMissed = async (): Promise<void> => {
    try {
      await pool.query('SELECT 1')
      await options.onListening()
      settle()
    } catch {
      // It is tried again soon.
    }
    if (deaf && !isStopped()) fetchSoon()
  }
  const fetchSoon = (): void => {
    fetching = setTimeout(fetchMissed, timings.fetchMs)
    fetching.unref()
  }
  const becomeDeaf = (): void => {
    connected = false
    if (deaf) return
    deaf = true
    void fetchMissed()
  }
  const becomeHearing = async (mine: pg.Client): Promise<void> => {
    await options.onListening()
    if (client !== mine) return
    deaf = false
    clearTimeout(fetching)
    connected = true
    settle()
  }

  const keepProving = async (mine: pg.Client): Promise<void> => {
    let row = 0
    let answeredAt = performance.now()
    while (client === mine) {
      const proof = await prove()
      if (client !== mine) return
      if (proof !== 'silent') answeredAt = performance.now()
      switch (proof) {
        case 'heard':
          row += 1
          if (!connected && row >= (deaf ? IN_A_ROW : 1)) await becomeHearing(mine)
          break
        case 'deaf':
          // The connection may be dead, so another one is tried.
          becomeDeaf()
          return lost(mine)
        case 'silent':
          if (performance.now() - answeredAt > timings.silentMs) return lost(mine)
          break
        default:
          proof satisfies never
      }
      await pause(connected ? timings.proveMs : retryMs)
    }
  }

  const connect = async (): Promise<void> => {
    if (isStopped()) return
    const mine = new pg.Client({
      connectionString: options.url,
      application_name: 'presence listener',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    })
    client = mine
    mine.on('error', () => lost(mine))
    mine.on('end', () => lost(mine))
    mine.on('notification', ({ channel, payload }) =>
      channel === own ? hears(payload ?? '') : options.onNotice(channel, payload ?? ''),
    )
    try {
      await mine.connect()
      // In one statement, so that hearing one channel means hearing all, whatever is in between.
      const all = [...options.channels, own]
      await mine.query(all.map((channel) => `LISTEN ${pg.escapeIdentifier(channel)}`).join('; '))
      await keepProving(mine)
    } catch {
      lost(mine)
    }
  }
  void connect()

  return {
    connected: () => connected,
    deaf: () => deaf,
    ready,
    stop: async () => {
      stopped.abort()
      connected = false
      deaf = false
      clearTimeout(fetching)
      settle()
      const mine = client
      client = null
      await mine?.end().catch(() => {})
    },
  }
}

/** What a server says about its listeners; null if all of them hear. */
export const deafSentence = (
  listeners: Readonly<Record<string, Pick<NoticeListener, 'connected' | 'deaf'>>>,
): string | null => {
  const missed = Object.entries(listeners).filter(([, { connected }]) => !connected())
  if (missed.length === 0) return null
  const what = missed.map(([name]) => name).join(', ')
  return missed.some(([, { deaf }]) => deaf())
    ? `What PostgreSQL notifies of does not arrive (${what}): it is asked for each second instead. A pooler in transaction mode passes no notices on: let DATABASE_URL lead to PostgreSQL itself, or to a pooler in session mode.`
    : `The connection that hears of changes elsewhere is being made (${what}): until then they are looked up.`
}
