/** What can be read by REST over a made-up past (history.ts), each with other rooms, people and moments each time. */
import { setTimeout as delay } from 'node:timers/promises'
import { summary } from './figures.ts'

export const PAST_ROOMS = 200
/** As many are the people of the past. */
const PEOPLE = 900
const BEGAN = Date.parse('2026-01-01T00:00:00Z')
const DAY_MS = 86_400_000
/** The past lasts as long however many events it has. */
export const PAST_DAYS = 100

/** What is there to ask for. */
export type PastKnown = {
  /** Positions of events, and sizes of the tree that checkpoints cover. */
  readonly positions: ReadonlyArray<string>
  readonly events: ReadonlyArray<string>
  readonly covered: number
  /** Cases, by the path of their room. */
  readonly cases: ReadonlyArray<string>
}
export type ReadRoute = {
  readonly name: string
  /** Who asks: an auditor, the room's owner, or one of the people of the past. */
  readonly as: 'auditor' | 'owner' | 'person'
  readonly path: (n: number, past: PastKnown) => string
}

/** So many of the rooms are asked for. */
export const ASKED_ROOMS = 20
export const roomOfPast = (n: number): string => `community/hive-${500_000 + (n % ASKED_ROOMS)}`
/** A community's own account owns it. */
export const ownerOfPast = (n: number): string => roomOfPast(n).slice('community/'.length)
export const personOfPast = (n: number): string => `bench-p${(n * 13) % PEOPLE}`
/** A span that began on some day of the past. */
const span = (n: number, days: number): string => {
  const from = BEGAN + (2 + (n % (PAST_DAYS - 20))) * DAY_MS
  return `from=${new Date(from).toISOString()}&to=${new Date(from + days * DAY_MS).toISOString()}`
}
const time = (n: number): string =>
  new Date(BEGAN + (2 + ((n * 11) % (PAST_DAYS - 4))) * DAY_MS).toISOString()
const of = <T>(all: ReadonlyArray<T>, n: number): T => all[(n * 31) % all.length]!

const auditor = (name: string, path: ReadRoute['path']): ReadRoute => ({ name, as: 'auditor', path })
const person = (name: string, path: ReadRoute['path']): ReadRoute => ({ name, as: 'person', path })
const owner = (name: string, below: string): ReadRoute => ({
  name,
  as: 'owner',
  path: (n) => `/api/spaces/${roomOfPast(n)}${below}`,
})
const inRoom = (name: string, below: string): ReadRoute =>
  auditor(name, (n) => `/api/spaces/${roomOfPast(n)}${below}`)

export const READ_ROUTES: ReadonlyArray<ReadRoute> = [
  person('rooms', () => '/api/spaces?limit=50'),
  person('rooms by words', (n) => `/api/spaces?q=room%20${n % PAST_ROOMS}`),
  inRoom('a room', ''),
  inRoom('its subrooms', '/subrooms'),
  inRoom('its settings', '/settings'),
  inRoom('its permissions', '/permissions?limit=50'),
  owner('its bans', '/bans?limit=50'),
  owner('its mutes', '/mutes?limit=50'),
  inRoom('its bans as rules', '/ban-list'),
  inRoom('the ban lists that it follows', '/lists'),
  inRoom('its queue', '/queue'),
  inRoom('its filters', '/filters'),
  inRoom('what they caught', '/filtered'),
  inRoom('its cases', '/cases?limit=50'),
  inRoom('its open cases', '/cases?limit=50&status=open'),
  auditor('a case', (n, { cases }) => of(cases, n)),
  auditor(
    'its transparency report, 3 days',
    (n) => `/api/spaces/${roomOfPast(n)}/transparency?${span(n, 3)}`,
  ),
  auditor('its newest messages', (n) => `/api/chat/${roomOfPast(n)}/messages?limit=50`),
  auditor('its messages of long ago', (n) => `/api/chat/${roomOfPast(n)}/messages?limit=50&before=150`),
  auditor('its messages after one', (n) => `/api/chat/${roomOfPast(n)}/messages?limit=50&after=20`),
  inRoom('its audit log', '/audit?limit=50'),
  auditor('its audit log, 3 days', (n) => `/api/spaces/${roomOfPast(n)}/audit?limit=50&${span(n, 3)}`),
  auditor(
    'its audit log, words',
    (n) => `/api/spaces/${roomOfPast(n)}/audit?limit=50&text=again,%20${n % 8}`,
  ),
  auditor(
    'its audit log, words nobody said',
    (n) => `/api/spaces/${roomOfPast(n)}/audit?limit=50&text=zebra${n}`,
  ),
  auditor('its audit log, an act', (n) => `/api/spaces/${roomOfPast(n)}/audit?limit=50&action=AccountBanned`),
  inRoom('its counts', '/audit/counts'),
  auditor('its counts, 3 days', (n) => `/api/spaces/${roomOfPast(n)}/audit/counts?${span(n, 3)}`),
  auditor('a moment', (n) => `/api/spaces/${roomOfPast(n)}/at?time=${time(n)}`),
  auditor(
    'why',
    (n) => `/api/spaces/${roomOfPast(n)}/why?subject=${personOfPast(n)}&action=PostMessage&at=${time(n)}`,
  ),
  auditor('audit log', () => '/api/audit?limit=50'),
  auditor('audit log, oldest first', () => '/api/audit?limit=50&order=oldest'),
  auditor('audit log of an account', (n) => `/api/audit?limit=50&account=${personOfPast(n)}`),
  auditor('audit log about an account', (n) => `/api/audit?limit=50&target=${personOfPast(n)}`),
  auditor('audit log, a frequent act', () => '/api/audit?limit=50&action=MessagePosted'),
  auditor('audit log, an act that never was', () => '/api/audit?limit=50&action=VoiceStarted'),
  auditor('audit log, a refusal', () => '/api/audit?limit=50&refusal=forbidden'),
  auditor('audit log, a refusal that never was', () => '/api/audit?limit=50&refusal=banned'),
  auditor('audit log, an hour of long ago', (n) => `/api/audit?limit=50&${span(n, 1 / 24)}`),
  auditor('audit log, 3 days of long ago', (n) => `/api/audit?limit=50&${span(n, 3)}`),
  auditor('audit log, 3 days, oldest first', (n) => `/api/audit?limit=50&order=oldest&${span(n, 3)}`),
  auditor(
    'audit log, 3 days, an account',
    (n) => `/api/audit?limit=50&account=${personOfPast(n)}&${span(n, 3)}`,
  ),
  auditor('audit log, words', (n) => `/api/audit?limit=50&text=again,%20${n % 8}`),
  auditor('audit log, words nobody said', (n) => `/api/audit?limit=50&text=zebra${n}`),
  auditor(
    'audit log, words of an account',
    (n) => `/api/audit?limit=50&account=${personOfPast(n)}&text=zebra${n}`,
  ),
  person('own audit log', () => '/api/me/audit?limit=50'),
  person('own numbers', () => '/api/me'),
  person('who looked at own rows', () => '/api/me/looks?limit=50'),
  person('own reports', () => '/api/me/reports?limit=50'),
  person('own receipts', () => '/api/me/receipts?limit=50'),
  person('a room’s capacity for the panel', (n) => `/api/presence/spaces/${roomOfPast(n)}/capacity`),
  person('where one waits for a seat', (n) => `/api/presence/waitlist/${personOfPast(n)}/status`),
  auditor('legal holds', () => '/api/holds'),
  auditor('API keys', () => '/api/keys'),
  auditor('subscriptions', () => '/api/subscriptions'),
  auditor('checkpoint', () => '/api/audit/checkpoint'),
  auditor('checkpoint with its witnesses', () => '/tlog/checkpoint'),
  auditor('witnesses', () => '/api/audit/witnesses'),
  auditor(
    'proof of an event by its position',
    (n, { positions }) => `/api/audit/proof/inclusion?position=${of(positions, n)}`,
  ),
  auditor(
    'proof of an event by its id',
    (n, { events }) => `/api/audit/proof/inclusion?event=${of(events, n)}`,
  ),
  auditor(
    'proof that a log goes on',
    (n, { covered }) => `/api/audit/proof/consistency?from=${1 + (n % (covered - 1))}&to=${covered}`,
  ),
  auditor(
    'a tile of the tree',
    (n, { covered }) => `/tlog/tile/0/${tilePath(n % Math.max(1, covered >> 8))}`,
  ),
]
/** C2SP tlog-tiles: three digits each, an x before all but the last. */
const tilePath = (index: number): string => {
  const last = String(index % 1_000).padStart(3, '0')
  return index < 1_000 ? last : `x${String(Math.floor(index / 1_000)).padStart(3, '0')}/${last}`
}

export type RouteTimes = {
  readonly n: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** The status of the first answer that was none. */
  readonly refused: string | null
}

/** Asks `count` times, one after another, for as long as it is answered; each time as another of `tokens`. */
export const askedOften = async (
  base: string,
  count: number,
  ask: (n: number) => { readonly path: string; readonly token: string },
): Promise<RouteTimes> => {
  const times: number[] = []
  let refused: string | null = null
  for (let tries = 0; times.length < count && tries < 3 * count; tries += 1) {
    const { path, token } = ask(times.length)
    const begun = performance.now()
    const answer = await fetch(base + path, { headers: { authorization: `Bearer ${token}` } })
    const body = await answer.text()
    if (answer.ok) times.push(performance.now() - begun)
    else if (answer.status === 429) await delay(1_000 * Number(answer.headers.get('retry-after') ?? 1))
    else {
      refused = `${answer.status} ${body.slice(0, 200)} for ${path}`
      break
    }
  }
  return { ...summary(times), refused }
}
