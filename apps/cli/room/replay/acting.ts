/** Carries out each line of a room log as its account. */
import { createHash } from 'node:crypto'
import { insist, join, rest } from './asking.ts'
import type { Performance } from './journal.ts'
import type { Person, ReplayAck } from './people.ts'
import type { RoomLine } from './room-log.ts'
import type { Watching } from './watching.ts'

const uuidOf = (text: string): string => {
  const hex = createHash('sha256').update(text).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

type LineOf<K extends RoomLine['kind']> = Extract<RoomLine, { readonly kind: K }>

const refusedForGood = (line: RoomLine, ack: ReplayAck): never => {
  throw new Error(`Line ${line.seq} (${line.kind} ${line.account}) was refused: ${ack.code}: ${ack.error}`)
}

const leave = async (
  { people, journal }: Performance,
  watching: Watching,
  person: Person,
  line: LineOf<'leave'>,
): Promise<void> => {
  const { sessionId } = person
  if (sessionId === null) return
  if (line.reason === 'left') {
    const ack = await insist(journal, () => people.send(person, 'leave-space', {}))
    if (!ack.ok) refusedForGood(line, ack)
    person.sessionId = null
    return
  }
  people.disconnect(person)
  await watching.departed(sessionId)
  journal.acknowledged += 1
}

const write = async (
  { people, journal }: Performance,
  person: Person,
  line: LineOf<'chat'>,
  message_id: string,
): Promise<void> => {
  journal.messageIds.set(line.seq, message_id)
  const ack = await insist(journal, () =>
    people.send(person, 'chat-message', { content: line.content, message_id }),
  )
  if (!ack.ok) refusedForGood(line, ack)
}

const permit = async (performance: Performance, line: LineOf<'grant' | 'revoke'>): Promise<void> => {
  const path = `/permissions/${line.account}`
  const call =
    line.kind === 'grant'
      ? { method: 'PUT', path, body: { permission: line.permission } }
      : { method: 'DELETE', path, body: {} }
  const ack = await rest(performance, performance.people.of(line.by), call)
  // Refusals are compared afterwards: the file implies which lines the rules refuse.
  if (!ack.ok && ack.code !== 'forbidden') refusedForGood(line, ack)
}

const kick = async (performance: Performance, person: Person, line: LineOf<'kick'>): Promise<void> => {
  const { people } = performance
  if (person.sessionId === null) return
  const body = { session_id: person.sessionId, reason: line.reason }
  const ack = await rest(performance, people.of(line.by), { method: 'POST', path: '/kick', body })
  if (!ack.ok) refusedForGood(line, ack)
  people.disconnect(person)
}

/** `present`: the accounts that are in the room after each line, according to the file. A repeated line is the same act. */
export const createActing = (performance: Performance, watching: Watching, present: Set<string>) => {
  const { target, people, journal } = performance
  const run = uuidOf(`${target.space.type}:${target.space.id}:${Date.now()}:${Math.random()}`)

  return async (line: RoomLine): Promise<void> => {
    const person = people.of(line.account)
    switch (line.kind) {
      case 'join':
        if (person.sessionId === null || !person.socket?.connected)
          journal.sessions.set(line.seq, await join(performance, person))
        present.add(line.account)
        return
      case 'leave':
        await leave(performance, watching, person, line)
        present.delete(line.account)
        return
      case 'chat':
        return write(performance, person, line, uuidOf(`${run}:${line.seq}`))
      case 'grant':
      case 'revoke':
        return permit(performance, line)
      case 'kick':
        await kick(performance, person, line)
        present.delete(line.account)
        return
      default:
        line satisfies never
    }
  }
}
