/**
 * Which commands a stream has had lately: maps a command's key (its sender and id, see `keyOf`) to the revision of its
 * first event. The number is limited; the oldest are forgotten first.
 */
import { hash } from 'node:crypto'

export type RecentCommands = {
  /** The revision of the command's first event, or undefined if it is not among the last. */
  readonly revisionOf: (key: string) => number | undefined
  readonly add: (key: string, revision: number) => void
  /** Begins with what `pack` wrote, of commands before all that are added. */
  readonly startWith: (packed: string) => void
  /** The last `count`, packed for a snapshot. */
  readonly pack: (count: number) => string
  readonly size: () => number
}

const HEX = 32
/** 16 bytes of the key, and 4 for how far its revision is behind the newest. */
const ROW = 20

/** 32 hex digits. The sender is part of the key, so that nobody can interfere with another's command by using its id. */
export const keyOf = (by: { readonly kind: string; readonly id: string }, commandId: string): string =>
  hash('sha1', `${by.kind}:${by.id}\n${commandId}`, 'hex').slice(0, HEX)

export const createRecent = (limit: number): RecentCommands => {
  const revisions = new Map<string, number>()
  /** Gives the oldest key, which is deleted then. It is kept: a new one would first pass the places of all that were deleted, which
   *  costs a room with 10,000 commands 8 µs for each. Null while there is room, since it keeps all earlier sizes of the map alive. */
  let oldest: MapIterator<string> | null = null
  /** From a snapshot; not unpacked yet, since most reads of a space never need it. */
  let packedBefore: string | null = null

  const unpack = (): void => {
    const text = packedBefore
    if (text === null) return
    packedBefore = null
    const later = [...revisions]
    revisions.clear()
    for (const [key, revision] of unpacked(text)) revisions.set(key, revision)
    for (const [key, revision] of later) if (!revisions.has(key)) revisions.set(key, revision)
    oldest = null
  }

  return {
    startWith: (packed) => {
      packedBefore = packed
    },
    revisionOf: (key) => {
      unpack()
      return revisions.get(key)
    },
    add: (key, revision) => {
      // A command's place is that of its first event.
      if (revisions.has(key)) return
      revisions.set(key, revision)
      if (revisions.size <= limit) return
      oldest ??= revisions.keys()
      revisions.delete(oldest.next().value!)
    },
    pack: (count) => {
      unpack()
      const rows = [...revisions].slice(-count)
      const newest = rows.at(-1)?.[1] ?? 0
      const packed = Buffer.alloc(rows.length * ROW)
      rows.forEach(([key, revision], i) => {
        packed.write(key, i * ROW, 'hex')
        packed.writeUInt32BE(Math.min(newest - revision, 0xffffffff), i * ROW + HEX / 2)
      })
      return `${newest}.${packed.toString('base64')}`
    },
    size: () => revisions.size,
  }
}

/** Unpacks what `pack` wrote; empty for anything else. */
const unpacked = (text: string): Array<[string, number]> => {
  const dot = text.indexOf('.')
  const newest = Number(text.slice(0, dot))
  if (dot < 1 || !Number.isSafeInteger(newest)) return []
  const packed = Buffer.from(text.slice(dot + 1), 'base64')
  const rows: Array<[string, number]> = []
  for (let at = 0; at + ROW <= packed.length; at += ROW)
    rows.push([packed.toString('hex', at, at + HEX / 2), newest - packed.readUInt32BE(at + HEX / 2)])
  return rows
}
