/**
 * Performs a room log, line by line, each acknowledged before the next is sent. It survives what it is pointed at:
 * where the server, the log or the database goes away, it waits, brings everyone back in, and goes on with the line
 * it was at, under the same message id.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { readTime } from '../../../../domain/time.ts'
import { LineLost, type People, type Person, type ReplayAck } from './people.ts'
import { adminsIn, type RoomLine } from './room-log.ts'

export type Target = {
  readonly url: string
  readonly space: { readonly type: string; readonly id: string }
  readonly owner: string
}
export type Journal = {
  /** The session that each join of the file was given, by its line. */
  readonly sessions: Map<number, string>
  /** Sessions that are not the file's own: the owner's, and those made to come back after an interruption. */
  readonly own: Set<string>
  readonly messageIds: Map<number, string>
  /** Of the last acknowledged command. */
  position: string
  interruptions: number
  slowDowns: number
  /** Acknowledged commands. */
  acknowledged: number
  /** Lines whose first attempt was cut off: a session of theirs may be on the log beside the file's. */
  readonly cutOff: Set<number>
}
export type Watch = {
  /** What the owner, who stays in the room, was sent: `revision` of each durable event by stream. */
  readonly seen: Array<{ readonly event: string; readonly revision: string; readonly at: number }>
}
export type PerformOptions = {
  readonly target: Target
  readonly people: People
  readonly lines: ReadonlyArray<RoomLine>
  /** How many times the file's clock; null for as fast as it goes. */
  readonly rate: number | null
  readonly onLine: (done: number, line: RoomLine, journal: Journal) => void
  readonly onInterruption: (why: string) => void
}

const uuidOf = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

const RETRY_CODES = new Set([
  'eventstore_unavailable',
  'postgres_unavailable',
  'hive_unavailable',
  'conflict',
  'not_caught_up',
])
const WAIT_FOR_SERVER_MS = 120_000

export const perform = async (options: PerformOptions): Promise<{ journal: Journal; watch: Watch }> => {
  const { target, people, lines } = options
  const run = uuidOf(`${target.space.type}:${target.space.id}:${Date.now()}:${Math.random()}`)
  const journal: Journal = {
    sessions: new Map(),
    own: new Set(),
    messageIds: new Map(),
    position: '0',
    interruptions: 0,
    slowDowns: 0,
    acknowledged: 0,
    cutOff: new Set(),
  }
  const watch: Watch = { seen: [] }
  const owner = people.of(target.owner)
  const present = new Set<string>()
  const api = `${target.url}/api/spaces/${target.space.type}/${target.space.id}`

  const noted = (answer: { position?: string }) => {
    journal.acknowledged += 1
    if (answer.position && BigInt(answer.position) > BigInt(journal.position))
      journal.position = answer.position
  }

  /** Sends until it is accepted or refused for good. Throws `LineLost` where the connection broke. */
  const insist = async (attempt: () => Promise<ReplayAck>): Promise<ReplayAck> => {
    const until = Date.now() + WAIT_FOR_SERVER_MS
    for (;;) {
      const ack = await attempt()
      if (ack.ok) {
        noted(ack)
        return ack
      }
      if (ack.code === 'slow_down') journal.slowDowns += 1
      else if (!RETRY_CODES.has(ack.code ?? '') || Date.now() > until) return ack
      await delay(1000 * (ack.retry_after ?? 0.25))
    }
  }

  const rest = (by: Person, method: string, path: string, body: object): Promise<ReplayAck> =>
    insist(async () => {
      let response: Response
      try {
        response = await fetch(`${api}${path}`, {
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

  const join = async (person: Person): Promise<string> => {
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
    const ack = await insist(() =>
      people.send(person, 'join-space', { spaceType: target.space.type, spaceId: target.space.id }),
    )
    if (!ack.ok) throw new Error(`${person.account} could not join: ${ack.code} ${ack.error}`)
    person.sessionId = joined ?? (await heard)
    return person.sessionId
  }

  /* The owner stays in the room and sees everyone come and go. */
  const departures = new Map<string, () => void>()
  const gone = new Set<string>()
  const watchFrom = async () => {
    const socket = await people.connect(owner)
    for (const event of ['user-joined', 'user-left', 'chat-message', 'permission-changed'])
      socket.on(event, (news: { revision: string; sessionId?: string }) => {
        watch.seen.push({ event, revision: String(news.revision), at: Date.now() })
        if (event === 'user-left' && news.sessionId) {
          gone.add(news.sessionId)
          departures.get(news.sessionId)?.()
        }
      })
    journal.own.add(await join(owner))
  }
  const departed = (sessionId: string): Promise<void> =>
    gone.has(sessionId)
      ? Promise.resolve()
      : new Promise((resolve, reject) => {
          const lost = () => reject(new LineLost('the watcher lost its line'))
          departures.set(sessionId, () => {
            owner.socket?.off('disconnect', lost)
            departures.delete(sessionId)
            resolve()
          })
          owner.socket?.once('disconnect', lost)
        })

  const refusedForGood = (line: RoomLine, ack: ReplayAck): never => {
    throw new Error(`Line ${line.seq} (${line.kind} ${line.account}) was refused: ${ack.code}: ${ack.error}`)
  }

  const act = async (line: RoomLine): Promise<void> => {
    const person = people.of(line.account)
    switch (line.kind) {
      case 'join':
        if (person.sessionId === null || !person.socket?.connected)
          journal.sessions.set(line.seq, await join(person))
        present.add(line.account)
        return
      case 'leave': {
        const sessionId = person.sessionId
        if (sessionId === null) break
        if (line.reason === 'left') {
          const ack = await insist(() => people.send(person, 'leave-space', {}))
          if (!ack.ok) refusedForGood(line, ack)
          person.sessionId = null
        } else {
          people.disconnect(person)
          await departed(sessionId)
          journal.acknowledged += 1
        }
        break
      }
      case 'chat': {
        const message_id = uuidOf(`${run}:${line.seq}`)
        journal.messageIds.set(line.seq, message_id)
        const ack = await insist(() =>
          people.send(person, 'chat-message', { content: line.content, message_id }),
        )
        if (!ack.ok) refusedForGood(line, ack)
        return
      }
      case 'grant':
      case 'revoke': {
        const path = `/permissions/${line.account}`
        const ack = await (line.kind === 'grant'
          ? rest(people.of(line.by), 'PUT', path, { permission: line.permission })
          : rest(people.of(line.by), 'DELETE', path, {}))
        // Refusals are compared afterwards: the file implies which lines the rules refuse.
        if (!ack.ok && ack.code !== 'forbidden') refusedForGood(line, ack)
        return
      }
      case 'kick': {
        if (person.sessionId === null) break
        const ack = await rest(people.of(line.by), 'POST', '/kick', {
          session_id: person.sessionId,
          reason: line.reason,
        })
        if (!ack.ok) refusedForGood(line, ack)
        people.disconnect(person)
        break
      }
      default:
        line satisfies never
    }
    present.delete(line.account)
  }

  const recover = async (why: string): Promise<void> => {
    journal.interruptions += 1
    options.onInterruption(why)
    const until = Date.now() + WAIT_FOR_SERVER_MS
    for (;;) {
      try {
        const health = await fetch(`${target.url}/api/health`, { signal: AbortSignal.timeout(5_000) })
        if (health.status < 500) {
          if (!owner.socket?.connected || owner.sessionId === null) await watchFrom()
          for (const account of present) {
            const person = people.of(account)
            if (!person.socket?.connected || person.sessionId === null) journal.own.add(await join(person))
          }
          return
        }
      } catch (error) {
        if (
          !(error instanceof LineLost) &&
          !(error instanceof TypeError) &&
          (error as Error).name !== 'TimeoutError'
        )
          throw error
      }
      if (Date.now() > until) throw new Error(`The server at ${target.url} did not come back: ${why}`)
      await delay(100)
    }
  }

  const insistOn = async (seq: number, what: () => Promise<void>): Promise<void> => {
    for (;;) {
      try {
        await what()
        return
      } catch (error) {
        if (!(error instanceof LineLost)) throw error
        journal.cutOff.add(seq)
        await recover(error.message)
      }
    }
  }

  await insistOn(0, async () => {
    const ack = await rest(owner, 'PATCH', '/settings', { max_users: 1000 })
    if (!ack.ok) throw new Error(`${target.owner} could not set max_users: ${ack.code}: ${ack.error}`)
  })
  await insistOn(0, watchFrom)
  for (const admin of adminsIn(lines))
    await insistOn(0, async () => {
      const ack = await rest(owner, 'PUT', `/permissions/${admin}`, { permission: 'admin' })
      if (!ack.ok) throw new Error(`${admin} could not be made an admin: ${ack.code}: ${ack.error}`)
    })

  const begun = Date.now()
  const first = readTime(lines[0]!.t)!.getTime()
  let done = 0
  for (const line of lines) {
    if (options.rate !== null) {
      const due = begun + (readTime(line.t)!.getTime() - first) / options.rate
      if (due > Date.now()) await delay(due - Date.now())
    }
    await insistOn(line.seq, () => act(line))
    done += 1
    options.onLine(done, line, journal)
  }
  return { journal, watch }
}
