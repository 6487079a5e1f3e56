/** People's positions, for the other processes: written at most twice a second, read when somebody comes or asks. Best
 *  effort, like everything in Redis. */
import { Redis } from 'ioredis'
import { waitAtMost } from '../wait-at-most.ts'
import { isPosition, type Position, type Positions, type SharedPositions } from './position.ts'

const KEY = 'dlux:where:'
const FLUSH_MS = 400
/** How long (ms) one answer of Redis is used for everybody who asks, and how long it is waited for. */
const SHARED_MS = 250
const WAIT_MS = 200
const EXPIRE_S = 3_600
const NONE: Positions = new Map()
/** Checks the value, since anybody may have written what is in Redis. */
const read = (text: string): Position | null => {
  try {
    const value: unknown = JSON.parse(text)
    return isPosition(value) ? { x: value.x, y: value.y, z: value.z } : null
  } catch {
    return null
  }
}

/** `url`: `redis://[:password@]host:port[/db]`. */
export const createPositions = ({ url }: { readonly url: string }): SharedPositions => {
  const redis = new Redis(url, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    enableAutoPipelining: true,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 6), 2_000),
  })
  redis.on('error', () => {})
  /** By space and session; null if it is to be removed. */
  const waiting = new Map<string, Map<string, Position | null>>()
  const asked = new Map<string, Promise<Positions>>()
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    timer = undefined
    for (const [space, changes] of waiting) {
      const set: string[] = []
      const gone: string[] = []
      for (const [id, position] of changes)
        if (position === null) gone.push(id)
        else set.push(id, JSON.stringify(position))
      const key = KEY + space
      const sent = [
        ...(set.length > 0 ? [redis.hset(key, ...set), redis.expire(key, EXPIRE_S)] : []),
        ...(gone.length > 0 ? [redis.hdel(key, ...gone)] : []),
      ]
      void Promise.allSettled(sent)
    }
    waiting.clear()
  }
  const change = (space: string, sessionId: string, position: Position | null): void => {
    if (redis.status !== 'ready') return
    const changes = waiting.get(space) ?? new Map<string, Position | null>()
    waiting.set(space, changes)
    changes.set(sessionId, position)
    timer ??= setTimeout(flush, FLUSH_MS)
    timer.unref()
  }

  const ask = async (space: string): Promise<Positions> => {
    let found: Positions = NONE
    const asking = redis.hgetall(KEY + space).then((all) => {
      const known = Object.entries(all).map(([id, text]) => [id, read(text)] as const)
      found = new Map(known.filter((one): one is readonly [string, Position] => one[1] !== null))
    })
    await waitAtMost(
      WAIT_MS,
      asking.catch(() => {}),
    )
    return found
  }

  return {
    put: change,
    remove: (space, sessionId) => change(space, sessionId, null),
    of: (space) => {
      const underway = asked.get(space)
      if (underway !== undefined) return underway
      const answer = redis.status === 'ready' ? ask(space) : Promise.resolve(NONE)
      asked.set(space, answer)
      setTimeout(() => asked.delete(space), SHARED_MS).unref()
      return answer
    },
    close: async () => {
      clearTimeout(timer)
      redis.disconnect()
    },
  }
}
