/** Who signed: keys of accounts from Hive nodes, cached for five minutes, and signatures checked against them. */
import type { KeyObject } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { isAccount } from '../../domain/names.ts'
import type { Clock } from '../../domain/ports.ts'
import { boundedCache } from '../bounded-cache.ts'
import { sufficientKeys } from './account.ts'
import { type Community, getCommunity } from './community.ts'
import { keyObject, parseSignature, signedBy } from './keys.ts'
import { getPost, type HivePost } from './post.ts'
import { getRankedPosts, type RankedPost } from './ranked.ts'
import { getAccount } from './rpc.ts'

export type HiveError =
  /** No node that answered knew the account, and not all of them answered. */
  | { readonly _tag: 'HiveUnavailable'; readonly cause: string }
  | { readonly _tag: 'UnknownAccount'; readonly account: string }

/** Keys that suffice alone to speak for the account, from `STM…` to the form that node:crypto checks with. */
export type AccountKeys = ReadonlyMap<string, KeyObject>

export type Hive = {
  /** A community with its team; null if no node knows it. */
  readonly community: (name: string) => TaskEither<HiveError, Community | null>
  /** A post, by author/permlink; null if no node knows it. */
  readonly post: (id: string) => TaskEither<HiveError, HivePost | null>
  /** The trending posts of a tag or a community, according to the first node that has any. They are not cached. */
  readonly ranked: (tag: string) => TaskEither<HiveError, ReadonlyArray<RankedPost>>
  readonly keysOf: (account: string) => TaskEither<HiveError, AccountKeys>
  /** Whether a key that suffices alone to speak for `account` (if `pubkey` is given, this one) signed `message`. */
  readonly verify: (asked: {
    readonly account: string
    readonly message: string
    readonly signature: unknown
    readonly pubkey?: string
  }) => TaskEither<HiveError, boolean>
}

export type HiveOptions = {
  /** Addresses of JSON-RPC nodes, tried in order; one that failed lately is tried last. */
  readonly nodes: ReadonlyArray<string>
  readonly clock: Clock
  readonly fetch?: typeof globalThis.fetch
  /** How long keys are cached. Default five minutes. */
  readonly cacheMs?: number
  /** For one node's whole answer. Default 3 s. */
  readonly timeoutMs?: number
  /** How many accounts are cached. Default 10,000. */
  readonly maxAccounts?: number
  /** Accept a node that says it is the stand-in. Only the embedded mode and tests do. */
  readonly allowStandIn?: boolean
}

/** How long a name that no node knew is cached: short, since the account may be created at any moment. */
const UNKNOWN_MS = 10_000
/** How long a node that failed is tried after the others. */
const SHUNNED_MS = 30_000

/** How many good signatures of one account are remembered. */
const PROVED = 16

type CachedKeys = { readonly keys: AccountKeys | null; readonly until: number }

/** Throws if the stand-in is allowed in production. */
export const createHive = (options: HiveOptions): Hive => {
  const { nodes, clock, fetch = globalThis.fetch, cacheMs = 300_000, timeoutMs = 3_000 } = options
  const allowStandIn = options.allowStandIn === true
  if (allowStandIn && process.env.NODE_ENV === 'production')
    throw new Error(
      'The Hive stand-in is never allowed with NODE_ENV=production: set HIVE_NODE to a real node.',
    )
  const held = boundedCache<string, CachedKeys>(options.maxAccounts ?? 10_000)
  const asking = new Map<string, Promise<E.Either<HiveError, AccountKeys>>>()
  const failedAt = new Map<string, number>()
  /** Good signatures, kept as long as the keys they were checked with: wallets send the same one all day. */
  const proved = new WeakMap<AccountKeys, Set<string>>()

  const inOrder = (): ReadonlyArray<string> => {
    const now = clock.now()
    const shunned = (node: string) => now - (failedAt.get(node) ?? Number.NEGATIVE_INFINITY) < SHUNNED_MS
    return [...nodes.filter((node) => !shunned(node)), ...nodes.filter(shunned)]
  }

  const ask = async (account: string): Promise<E.Either<HiveError, AccountKeys>> => {
    const causes: string[] = []
    let unknown = false
    for (const node of inOrder()) {
      try {
        const answer = await getAccount(fetch, node, account, timeoutMs)
        if (answer.standIn && !allowStandIn) throw new Error('it is a stand-in, which proves nothing')
        failedAt.delete(node)
        // A node that is behind, or has lost its index, knows nobody, so its “no” is not final.
        if (answer.account === null) {
          unknown = true
          continue
        }
        const keys = new Map<string, KeyObject>()
        for (const key of sufficientKeys(answer.account)) {
          const object = keyObject(key)
          if (object !== null) keys.set(key, object)
        }
        held.set(account, { keys, until: clock.now() + cacheMs })
        return E.right(keys)
      } catch (error) {
        failedAt.set(node, clock.now())
        causes.push(`${node}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    if (unknown && causes.length === 0) {
      held.set(account, { keys: null, until: clock.now() + UNKNOWN_MS })
      return E.left({ _tag: 'UnknownAccount', account })
    }
    return E.left({ _tag: 'HiveUnavailable', cause: causes.join('; ') || 'no Hive node is configured' })
  }

  /** What nodes say about one kind of thing, by name; null if no node knows it. */
  const lookUp = <A>(
    get: (node: string, name: string) => Promise<{ readonly found: A | null; readonly standIn: boolean }>,
  ): ((name: string) => TaskEither<HiveError, A | null>) => {
    const seen = boundedCache<string, { readonly found: A | null; readonly until: number }>(
      options.maxAccounts ?? 10_000,
    )
    const askingFor = new Map<string, Promise<E.Either<HiveError, A | null>>>()
    const askFor = async (name: string): Promise<E.Either<HiveError, A | null>> => {
      const causes: string[] = []
      for (const node of inOrder()) {
        try {
          const answer = await get(node, name)
          if (answer.standIn && !allowStandIn) throw new Error('it is a stand-in, which proves nothing')
          failedAt.delete(node)
          // As with accounts: a node that is behind may not know it yet.
          if (answer.found === null) continue
          seen.set(name, { found: answer.found, until: clock.now() + cacheMs })
          return E.right(answer.found)
        } catch (error) {
          failedAt.set(node, clock.now())
          causes.push(`${node}: ${error instanceof Error ? error.message : String(error)}`)
        }
      }
      if (causes.length > 0 || nodes.length === 0)
        return E.left({ _tag: 'HiveUnavailable', cause: causes.join('; ') || 'no Hive node is configured' })
      seen.set(name, { found: null, until: clock.now() + UNKNOWN_MS })
      return E.right(null)
    }
    return (name) => async () => {
      const known = seen.get(name)
      if (known !== undefined && clock.now() < known.until) return E.right(known.found)
      const underway = askingFor.get(name)
      if (underway !== undefined) return underway
      const answer = askFor(name).finally(() => askingFor.delete(name))
      askingFor.set(name, answer)
      return answer
    }
  }
  const community = lookUp((node, name) => getCommunity(fetch, node, name, timeoutMs))
  const post = lookUp((node, id) => getPost(fetch, node, id, timeoutMs))

  const ranked: Hive['ranked'] = (tag) => async () => {
    const causes: string[] = []
    for (const node of inOrder())
      try {
        const answer = await getRankedPosts(fetch, node, tag, timeoutMs)
        if (answer.standIn && !allowStandIn) throw new Error('it is a stand-in, which proves nothing')
        failedAt.delete(node)
        // As with accounts: a node that is behind, or has lost its index, knows none.
        if (answer.found.length > 0) return E.right(answer.found)
      } catch (error) {
        failedAt.set(node, clock.now())
        causes.push(`${node}: ${error instanceof Error ? error.message : String(error)}`)
      }
    if (causes.length === 0 && nodes.length > 0) return E.right([])
    return E.left({ _tag: 'HiveUnavailable', cause: causes.join('; ') || 'no Hive node is configured' })
  }

  const keysOf =
    (account: string): TaskEither<HiveError, AccountKeys> =>
    async () => {
      if (!isAccount(account)) return E.left({ _tag: 'UnknownAccount', account })
      const known = held.get(account)
      if (known !== undefined && clock.now() < known.until)
        return known.keys === null ? E.left({ _tag: 'UnknownAccount', account }) : E.right(known.keys)
      const underway = asking.get(account)
      if (underway !== undefined) return underway
      const answer = ask(account).finally(() => asking.delete(account))
      asking.set(account, answer)
      return answer
    }

  return {
    community,
    post,
    ranked,
    keysOf,
    verify:
      ({ account, message, signature, pubkey }) =>
      async () => {
        // A malformed signature is wrong without asking a Hive node.
        const bytes = parseSignature(signature)
        if (bytes === null) return E.right(false)
        const keys = await keysOf(account)()
        if (E.isLeft(keys)) return keys
        const asked = `${pubkey ?? ''} ${bytes.toString('base64')} ${message}`
        const before = proved.get(keys.right)
        if (before?.has(asked) === true) return E.right(true)
        const one = pubkey === undefined ? undefined : keys.right.get(pubkey)
        const candidates = pubkey === undefined ? [...keys.right.values()] : one === undefined ? [] : [one]
        const good = candidates.some((key) => signedBy(key, message, bytes))
        if (good && before === undefined) proved.set(keys.right, new Set([asked]))
        else if (good && before !== undefined && before.size < PROVED) before.add(asked)
        return E.right(good)
      },
  }
}

/** The names of those nodes that say they are the stand-in, for the check at the start of a process. A node that does
 *  not answer is not among them: it can't be trusted later either, since each answer is checked. */
const standInsAmong = async (
  nodes: ReadonlyArray<string>,
  fetch: typeof globalThis.fetch = globalThis.fetch,
  timeoutMs = 3_000,
): Promise<ReadonlyArray<string>> => {
  const answers = await Promise.all(
    nodes.map((node) =>
      getAccount(fetch, node, 'hiveio', timeoutMs).then(
        (a) => a.standIn,
        () => false,
      ),
    ),
  )
  return nodes.filter((_, i) => answers[i])
}

/** The sentence with which a process refuses to start in production, or null if all is well. */
export const refuseStandIn = async (
  production: boolean,
  nodes: ReadonlyArray<string>,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): Promise<string | null> => {
  if (!production) return null
  const found = await standInsAmong(nodes, fetch)
  return found.length === 0
    ? null
    : `HIVE_NODE names a stand-in (${found.join(', ')}), which lets anyone be anyone: set it to a real Hive node.`
}
