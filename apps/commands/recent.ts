/**
 * Which commands a stream already holds, by the ids of its last events: an event's id derives from its command's id
 * and sender, so finding the id is finding the command. Bounded; the oldest are forgotten first.
 */
export type Recent = {
  /** The revision of the event with this id, or undefined where it is not among the last. */
  readonly revisionOf: (eventId: string) => number | undefined
  readonly add: (eventId: string, revision: number) => void
  /** The ids of the last `count` events, oldest first, packed for a snapshot. */
  readonly pack: (count: number) => string
  readonly size: () => number
}

const HEX = 32
const compact = (uuid: string): string => uuid.replaceAll('-', '').toLowerCase()

export const createRecent = (limit: number): Recent => {
  const revisions = new Map<string, number>()
  return {
    revisionOf: (eventId) => revisions.get(compact(eventId)),
    add: (eventId, revision) => {
      const key = compact(eventId)
      if (key.length !== HEX) return
      revisions.set(key, revision)
      if (revisions.size > limit) for (const oldest of revisions.keys()) return void revisions.delete(oldest)
    },
    pack: (count) => {
      const keys = [...revisions.keys()].slice(-count)
      const from = keys.length === 0 ? 0 : revisions.get(keys[0]!)!
      return `${from}.${Buffer.from(keys.join(''), 'hex').toString('base64')}`
    },
    size: () => revisions.size,
  }
}

/** Adds what `pack` wrote. The ids are of consecutive events, so the first one's revision says them all. */
export const unpackInto = (recent: Recent, packed: string): void => {
  const dot = packed.indexOf('.')
  const from = Number(packed.slice(0, dot))
  const hex = Buffer.from(packed.slice(dot + 1), 'base64').toString('hex')
  if (dot < 1 || !Number.isSafeInteger(from)) return
  for (let at = 0; at + HEX <= hex.length; at += HEX) recent.add(hex.slice(at, at + HEX), from + at / HEX)
}
