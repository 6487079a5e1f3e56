/** Sends requests to the server until they are accepted or refused for good. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Journal, type Performance, WAIT_FOR_SERVER_MS } from './journal.ts'
import { LineLost, type Person, type ReplayAck } from './people.ts'

const RETRY_CODES = new Set([
  'eventstore_unavailable',
  'postgres_unavailable',
  'hive_unavailable',
  'conflict',
  'not_caught_up',
])
const noted = (journal: Journal, { position }: ReplayAck): void => {
  journal.acknowledged += 1
  if (position && BigInt(position) > BigInt(journal.position)) journal.position = position
}

/** Throws `LineLost` if the connection broke. */
export const insist = async (journal: Journal, attempt: () => Promise<ReplayAck>): Promise<ReplayAck> => {
  const until = Date.now() + WAIT_FOR_SERVER_MS
  for (;;) {
    const ack = await attempt()
    if (ack.ok) {
      noted(journal, ack)
      return ack
    }
    if (ack.code === 'slow_down') journal.slowDowns += 1
    else if (!RETRY_CODES.has(ack.code ?? '') || Date.now() > until) return ack
    await delay(1000 * (ack.retry_after ?? 0.25))
  }
}

export type RoomCall = { readonly method: string; readonly path: string; readonly body: object }

/** `path`: within the space. */
export const rest = (
  { target, journal }: Pick<Performance, 'target' | 'journal'>,
  by: Person,
  { method, path, body }: RoomCall,
): Promise<ReplayAck> =>
  insist(journal, async () => {
    let response: Response
    try {
      response = await fetch(`${target.url}/api/spaces/${target.space.type}/${target.space.id}${path}`, {
        method,
        headers: { ...by.headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(20_000),
      })
    } catch (error) {
      throw new LineLost((error as Error).message)
    }
    const json = (await response.json().catch(() => ({}))) as Omit<ReplayAck, 'ok'>
    return { ...json, ok: response.ok, retry_after: Number(response.headers.get('retry-after') ?? 0.25) }
  })

/** Returns the session's id. */
export const join = async (
  { target, people, journal }: Pick<Performance, 'target' | 'people' | 'journal'>,
  person: Person,
): Promise<string> => {
  const socket = await people.connect(person)
  let joined: string | null = null
  const heard = new Promise<string>((resolve, reject) => {
    socket.once('space-joined', (space: { sessionId: string }) => {
      joined = space.sessionId
      resolve(space.sessionId)
    })
    socket.once('disconnect', () => reject(new LineLost(`${person.account}'s line was lost`)))
  })
  heard.catch(() => {})
  const ack = await insist(journal, () =>
    people.send(person, 'join-space', { spaceType: target.space.type, spaceId: target.space.id }),
  )
  if (!ack.ok) throw new Error(`${person.account} could not join: ${ack.code} ${ack.error}`)
  person.sessionId = joined ?? (await heard)
  return person.sessionId
}
