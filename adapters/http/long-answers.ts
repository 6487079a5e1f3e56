/** Long-running answers: each ends, saying why, within a second after the right to it ended. */
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import type { ReadProof } from '../auth/proof.ts'
import { type Described, describeError, describeRefusal } from '../refusals.ts'
import { waitAtMost } from '../wait-at-most.ts'
import type { HttpDeps } from './deps.ts'
import { describeThrown, HttpError } from './errors.ts'

/** Milliseconds between two checks of whether the caller still may see it. */
const LOOK_MS = 300
/** If a check takes longer (ms), the right counts as ended: two intervals and this make a second. */
const PATIENCE_MS = 400

/** The right to one answer: the caller's proof, and a check that throws `HttpError` once the caller may no longer see it. */
type ReadRight = { readonly proof: ReadProof; readonly check: () => Promise<unknown> }

/** Null while the caller may see it, else what to answer. */
type StillMay = () => Promise<Described | null>

const LATE: Described = {
  status: 503,
  code: 'server_unavailable',
  error: 'Whether you may still see this can’t be found out just now: ask again.',
  retry_after: 2,
}

/** Checks once. */
const stillMay =
  (deps: Pick<HttpDeps, 'auth'>, { proof, check }: ReadRight): StillMay =>
  async () => {
    let found: Described | null = LATE
    const look = async (): Promise<Described | null> => {
      const holds = await deps.auth.stillHolds(proof)()
      // A Hive node that does not answer changes nothing: it was proved before.
      if (E.isLeft(holds) && holds.left._tag !== 'HiveUnavailable') return describeError(holds.left)
      try {
        await check()
        return null
      } catch (error) {
        if (error instanceof HttpError) return error.told
        return describeThrown(error)
      }
    }
    await waitAtMost(
      PATIENCE_MS,
      look().then((answer) => {
        found = answer
      }),
    )
    return found
  }

/** How many long-running answers one caller has at once: each costs something for as long as somebody reads it. */
const AT_ONCE = 20
/** How long a reader has to take the last line, in milliseconds: a reader that reads nothing is cut off. */
const LAST_WORD_MS = 300

type LongAnswer = {
  readonly deps: Pick<HttpDeps, 'auth'>
  readonly reply: FastifyReply
  readonly right: ReadRight
  /** Writes the last line. */
  readonly word: (why: Described) => string
  /** Pays for characters that were sent: returns how many milliseconds to wait before the next. */
  readonly pay?: (characters: number) => number
}

const open = new WeakMap<object, Map<string, number>>()

/** Takes a place for one more answer to `who`, or ends the request if they have too many. The returned function gives the place back. */
const takePlace = (of: object, who: string): (() => void) => {
  const places = open.get(of) ?? new Map<string, number>()
  open.set(of, places)
  const taken = places.get(who) ?? 0
  if (taken >= AT_ONCE) throw new HttpError(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: 5 }))
  places.set(who, taken + 1)
  return () => {
    const left = (places.get(who) ?? 1) - 1
    if (left > 0) places.set(who, left)
    else places.delete(who)
  }
}

/** Sends `make`'s texts for as long as the caller may see them, and then why it ended. `who`: whose answers are counted together. */
export const longAnswer = (
  { deps, reply, right, word, pay = () => 0 }: LongAnswer,
  who: string,
  make: (signal: AbortSignal) => AsyncIterable<string>,
): AsyncIterable<string> => {
  const giveBack = takePlace(deps.auth, who)
  const over = new AbortController()
  const may = stillMay(deps, right)
  let why: Described | null = null
  const end = (): void => {
    if (over.signal.aborted) return
    over.abort()
    giveBack()
  }
  reply.raw.once('close', end)
  reply.raw.once('finish', end)
  const keepLooking = async (): Promise<void> => {
    for (;;) {
      await delay(LOOK_MS, undefined, { signal: over.signal, ref: false })
      const found = await may()
      if (over.signal.aborted) return
      if (found === null) continue
      why = found
      end()
      setTimeout(() => reply.raw.destroy(), LAST_WORD_MS).unref()
      return
    }
  }
  keepLooking().catch(() => {})
  return texts(make(over.signal), over.signal, {
    end,
    pay,
    last: () => (why === null ? null : word(why)),
  })
}

async function* texts(
  from: AsyncIterable<string>,
  signal: AbortSignal,
  how: {
    readonly end: () => void
    readonly pay: (characters: number) => number
    readonly last: () => string | null
  },
): AsyncGenerator<string, void> {
  const over = new Promise<null>((resolve) =>
    signal.addEventListener('abort', () => resolve(null), { once: true }),
  )
  const steps = from[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = steps.next()
      next.catch(() => {})
      const step = await Promise.race([over, next])
      if (step === null || signal.aborted) break
      if (step.done === true) return
      yield step.value
      const wait = how.pay(step.value.length)
      if (wait > 0) await delay(wait, undefined, { signal }).catch(() => {})
      if (signal.aborted) break
    }
    const last = how.last()
    if (last !== null) yield last
  } finally {
    how.end()
    // It need not finish what it is still waiting for.
    void steps.return?.()?.catch(() => {})
  }
}

/** Ends the request if its proof no longer holds: it may have ended during a wait. */
export const stillProved = async (deps: Pick<HttpDeps, 'auth'>, proof: ReadProof): Promise<void> => {
  const holds = await deps.auth.stillHolds(proof)()
  if (E.isLeft(holds) && holds.left._tag !== 'HiveUnavailable') throw new HttpError(describeError(holds.left))
}
