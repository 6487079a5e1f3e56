/** Hears Postgres' NOTIFY on a connection of its own, and makes a new one when it is lost. */
import pg from 'pg'

export type Listener = {
  /** While false, notices are being missed: what is held in memory may be stale. */
  readonly connected: () => boolean
  /** Resolves when the first connection listens. */
  readonly ready: Promise<void>
  readonly stop: () => Promise<void>
}

export type ListenerOptions = {
  readonly url: string
  readonly channels: ReadonlyArray<string>
  readonly onNotice: (channel: string, payload: string) => void
  /** After each (re)connection, once it listens: what was missed is fetched here. A throw reconnects. */
  readonly onListening: () => Promise<void>
  readonly retryMs?: number
}

const PING_MS = 15_000

export const listen = (options: ListenerOptions): Listener => {
  const { retryMs = 500 } = options
  let client: pg.Client | null = null
  let connected = false
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let settle: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    settle = resolve
  })

  const lost = (which: pg.Client) => {
    if (client !== which) return
    client = null
    connected = false
    which.end().catch(() => {})
    if (!stopped) timer = setTimeout(connect, retryMs)
  }

  const connect = async () => {
    const mine = new pg.Client({
      connectionString: options.url,
      application_name: 'presence listener',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    })
    client = mine
    mine.on('error', () => lost(mine))
    mine.on('end', () => lost(mine))
    mine.on('notification', ({ channel, payload }) => options.onNotice(channel, payload ?? ''))
    try {
      await mine.connect()
      for (const channel of options.channels) await mine.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      await options.onListening()
      if (client !== mine) return
      connected = true
      settle()
    } catch {
      lost(mine)
    }
  }

  // A line that was cut without a word shows only when something is sent on it.
  const ping = setInterval(() => {
    const mine = client
    if (mine === null || !connected) return
    let answered = false
    const late = setTimeout(() => {
      if (!answered) lost(mine)
    }, 5_000)
    mine.query('SELECT 1').then(
      () => {
        answered = true
        clearTimeout(late)
      },
      () => clearTimeout(late),
    )
  }, PING_MS)
  ping.unref()
  void connect()

  return {
    connected: () => connected,
    ready,
    stop: async () => {
      stopped = true
      connected = false
      clearTimeout(timer)
      clearInterval(ping)
      settle()
      const mine = client
      client = null
      await mine?.end().catch(() => {})
    },
  }
}
