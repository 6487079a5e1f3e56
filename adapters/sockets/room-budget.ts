/** Limits how much movement a room makes its server send. Beyond the limit its scenes move at a lower rate: each
 *  sender's newest update waits, and small updates go before large ones, so that nobody slows others down by sending
 *  much. */
import { type Bucket, fullBucket, refill, type TokenRate } from '../token-bucket.ts'

export type Budget = {
  /** Which of a room's waiting updates are sent now; `cost` is in bytes for the whole room. */
  readonly affordable: <M extends { readonly bytes: number }>(
    room: string,
    waiting: ReadonlyMap<string, M>,
    hearers: number,
    now: number,
  ) => ReadonlyArray<readonly [string, M]>
  /** How long (ms) until one of these rooms may send again. */
  readonly wait: (of: Iterable<string>) => number
}

/** How many rooms' spending is remembered; the others have spent nothing lately. */
const MAX_ROOMS = 1_000

/** `small`: updates of at most so many bytes are always sent and cost nothing. Where one body is fits into that. Each sender's own pace
 *  and the rest after each round bound them; counted here, they would let a crowd of hundreds see each other move once in seconds. */
export const createBudget = (ofRoom: TokenRate, ofAll: TokenRate, small = 0): Budget => {
  const rooms = new Map<string, Bucket>()
  let all: Bucket | null = null

  const bucketOf = (room: string, now: number): Bucket => {
    const known = rooms.get(room)
    if (known !== undefined) return known
    if (rooms.size >= MAX_ROOMS)
      for (const [one, bucket] of rooms) {
        refill(bucket, ofRoom, now)
        if (bucket.tokens >= ofRoom.burst) rooms.delete(one)
      }
    const bucket = fullBucket(ofRoom, now)
    rooms.set(room, bucket)
    return bucket
  }

  return {
    affordable: (room, waiting, hearers, now) => {
      const bucket = bucketOf(room, now)
      all ??= fullBucket(ofAll, now)
      refill(bucket, ofRoom, now)
      refill(all, ofAll, now)
      let moves = [...waiting]
      const costOf = (bytes: number) => (bytes <= small ? 0 : bytes * Math.max(1, hearers))
      const cost = moves.reduce((sum, [, { bytes }]) => sum + costOf(bytes), 0)
      if (cost > Math.min(bucket.tokens, all.tokens)) moves = moves.sort(([, a], [, b]) => a.bytes - b.bytes)
      const going: Array<(typeof moves)[number]> = []
      for (const move of moves) {
        // The last one may cost more than is left: otherwise one larger than any burst would never be sent.
        if (move[1].bytes > small && (bucket.tokens <= 0 || all.tokens <= 0)) continue
        bucket.tokens -= costOf(move[1].bytes)
        all.tokens -= costOf(move[1].bytes)
        going.push(move)
      }
      return going
    },
    wait: (of) => {
      const lacking = (bucket: Bucket | null | undefined, pace: TokenRate) =>
        bucket == null ? 0 : ((1 - bucket.tokens) * 1_000) / pace.perSecond
      const least = Math.min(...[...of].map((room) => lacking(rooms.get(room), ofRoom)))
      return Math.max(1, Math.min(1_000, Math.max(least, lacking(all, ofAll))))
    },
  }
}
