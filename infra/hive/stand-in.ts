/** A Hive node that isn't: JSON-RPC `condenser_api.get_accounts` for made-up accounts, on loopback alone.
 *  It marks each answer, and the server believes no node so marked unless it was told to (see adapters/hive). */
import type { ServerResponse } from 'node:http'
import { isAccount } from '../../domain/names.ts'
import { devKeys, signAs } from './keys.ts'

// Not imported: an import of it also loads the client of fetch and WebSocket, which would lengthen each start.
const { createServer } = process.getBuiltinModule('node:http')

export type StandInAuthority = {
  readonly weight_threshold: number
  readonly account_auths?: ReadonlyArray<readonly [string, number]>
  readonly key_auths: ReadonlyArray<readonly [string, number]>
}

/** What to answer about an account instead of its own keys. */
export type StandInAnswer =
  | {
      readonly owner?: StandInAuthority
      readonly active?: StandInAuthority
      readonly posting?: StandInAuthority
    }
  /** The account does not exist. */
  | 'unknown'
  /** The request is never answered. */
  | 'silent'
  /** 500. */
  | 'broken'
  /** 200 and half a JSON. */
  | 'malformed'
  /** A JSON-RPC error. */
  | 'error'
  /** The answer is about somebody else. */
  | 'other'
  | { readonly delayMs: number }

/** Account and role (owner, admin, mod, member, guest, muted), as `bridge.get_community` has them. */
export type StandInTeam = ReadonlyArray<readonly [string, string]>

export type StandInPost = {
  readonly title?: string
  readonly stats?: { readonly hide?: boolean; readonly gray?: boolean }
}

export type HiveStandIn = {
  readonly url: string
  readonly close: () => Promise<void>
  /** `null` for the account's own keys again. */
  readonly set: (account: string, answer: StandInAnswer | null) => void
  /** Sets a community's team; `null` for no such community, undefined for the made-up team again. */
  readonly setCommunity: (name: string, team: StandInTeam | null | undefined) => void
  /** A post as Hive has it, by author/permlink; `null` for none such again. Posts are made up only where they are set. */
  readonly setPost: (id: string, post: StandInPost | null) => void
  /** What is read now under a tag, by author/permlink of posts that are set; `null` for nothing again. */
  readonly setRanked: (tag: string, ids: ReadonlyArray<string> | null) => void
  /** How many requests came. */
  readonly asked: () => number
}

const MARK = { 'x-hive-stand-in': 'dlux-presence', 'content-type': 'application/json' }

const one = (key: string): StandInAuthority => ({
  weight_threshold: 1,
  account_auths: [],
  key_auths: [[key, 1]],
})

const accountJson = (name: string, special: StandInAnswer | undefined): unknown => {
  const keys = devKeys(name)
  const changed = typeof special === 'object' && !('delayMs' in special) ? special : {}
  return {
    name,
    owner: changed.owner ?? one(keys.owner.public),
    active: changed.active ?? one(keys.active.public),
    posting: changed.posting ?? one(keys.posting.public),
    memo_key: keys.memo.public,
  }
}

const COMMUNITY = /^hive-\d{5,7}$/
/** Which community is asked for; null where none is. */
const communityIn = (body: string): string | null => {
  try {
    const { method, params } = JSON.parse(body) as { method?: unknown; params?: { name?: unknown } }
    return method === 'bridge.get_community' && typeof params?.name === 'string' ? params.name : null
  } catch {
    return null
  }
}
/** As Hive has it: the community's own account owns it. */
const communityJson = (name: string, team: StandInTeam | undefined): unknown => ({
  name,
  title: `Community ${name}`,
  about: '',
  type_id: 1,
  team: (team ?? [[name, 'owner']]).map(([account, role]) => [account, role, '']),
})

/** Which post is asked for, as author/permlink; null where none is. */
const postIn = (body: string): string | null => {
  try {
    const { method, params } = JSON.parse(body) as {
      method?: unknown
      params?: { author?: unknown; permlink?: unknown }
    }
    return method === 'bridge.get_post' ? `${params?.author}/${params?.permlink}` : null
  } catch {
    return null
  }
}
const postJson = (id: string, post: StandInPost): unknown => {
  const [author, permlink] = id.split('/')
  return {
    author,
    permlink,
    title: `Post ${id}`,
    body: '',
    created: '2026-01-31T12:00:00',
    depth: 0,
    ...post,
  }
}

/** Which tag is asked for; null where none is. */
const tagIn = (body: string): string | null => {
  try {
    const { method, params } = JSON.parse(body) as { method?: unknown; params?: { tag?: unknown } }
    return method === 'bridge.get_ranked_posts' && typeof params?.tag === 'string' ? params.tag : null
  } catch {
    return null
  }
}

const namesIn = (body: string): ReadonlyArray<string> | null => {
  try {
    const request = JSON.parse(body) as { method?: unknown; params?: unknown }
    if (request.method !== 'condenser_api.get_accounts' || !Array.isArray(request.params)) return null
    const names: unknown = request.params[0]
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : null
  } catch {
    return null
  }
}

/** `port` 0 for a free one. Throws with NODE_ENV=production. `marked: false` is for tests of what a real node does. */
export const startHiveStandIn = async (
  options: { readonly port?: number; readonly marked?: boolean } = {},
): Promise<HiveStandIn> => {
  if (process.env.NODE_ENV === 'production')
    throw new Error('The Hive stand-in does not start with NODE_ENV=production.')
  const marked = options.marked !== false
  const special = new Map<string, StandInAnswer>()
  const teams = new Map<string, StandInTeam | null>()
  const posts = new Map<string, StandInPost>()
  const ranked = new Map<string, ReadonlyArray<string>>()
  let asked = 0

  const send = (response: ServerResponse, status: number, body: string) => {
    response.writeHead(status, marked ? MARK : { 'content-type': 'application/json' }).end(body)
  }
  const rpc = (fields: object): string =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, ...fields, ...(marked ? { stand_in: true } : {}) })

  const answerCommunity = (response: ServerResponse, name: string) => {
    const how = special.get(name)
    if (how === 'silent') return
    if (how === 'broken') return send(response, 500, 'Internal Server Error')
    if (how === 'malformed') return send(response, 200, '{"jsonrpc":"2.0","result":{"name"')
    if (how === 'error') return send(response, 200, rpc({ error: { code: -32000, message: 'out of sync' } }))
    const team = teams.get(name)
    const text =
      team === null || how === 'unknown' || !COMMUNITY.test(name)
        ? rpc({ error: { code: -32602, message: 'Invalid parameters', data: 'Community does not exist' } })
        : rpc({ result: communityJson(name, team) })
    send(response, 200, text)
  }

  const answerPost = (response: ServerResponse, id: string) => {
    const how = special.get(id)
    if (how === 'silent') return
    if (how === 'broken') return send(response, 500, 'Internal Server Error')
    if (how === 'malformed') return send(response, 200, '{"jsonrpc":"2.0","result":{"author"')
    if (how === 'error') return send(response, 200, rpc({ error: { code: -32000, message: 'out of sync' } }))
    const post = posts.get(id)
    const none = { code: -32602, message: 'Invalid parameters', data: `Post ${id} does not exist` }
    send(response, 200, rpc(post === undefined ? { error: none } : { result: postJson(id, post) }))
  }

  const answerRanked = (response: ServerResponse, tag: string) => {
    const how = special.get(tag)
    if (how === 'silent') return
    if (how === 'broken') return send(response, 500, 'Internal Server Error')
    if (how === 'malformed') return send(response, 200, '{"jsonrpc":"2.0","result":[{"author"')
    if (how === 'error') return send(response, 200, rpc({ error: { code: -32000, message: 'out of sync' } }))
    const result = (ranked.get(tag) ?? []).map((id) => postJson(id, posts.get(id) ?? {}))
    send(response, 200, rpc({ result }))
  }

  const answer = (response: ServerResponse, body: string) => {
    const tag = tagIn(body)
    if (tag !== null) return answerRanked(response, tag)
    const community = communityIn(body)
    if (community !== null) return answerCommunity(response, community)
    const post = postIn(body)
    if (post !== null) return answerPost(response, post)
    const names = namesIn(body)
    if (names === null)
      return send(response, 200, rpc({ error: { code: -32601, message: 'Method not found' } }))
    const how = names.map((name) => special.get(name)).find((s) => s !== undefined)
    if (how === 'silent') return
    if (how === 'broken') return send(response, 500, 'Internal Server Error')
    if (how === 'malformed') return send(response, 200, '{"jsonrpc":"2.0","result":[{"name"')
    if (how === 'error') return send(response, 200, rpc({ error: { code: -32000, message: 'out of sync' } }))
    if (how === 'other') return send(response, 200, rpc({ result: [accountJson('somebody', undefined)] }))
    const known = names.filter((name) => isAccount(name) && special.get(name) !== 'unknown')
    const text = rpc({ result: known.map((name) => accountJson(name, special.get(name))) })
    if (typeof how === 'object' && 'delayMs' in how) setTimeout(() => send(response, 200, text), how.delayMs)
    else send(response, 200, text)
  }

  /** `POST /sign { account, message }`: the wallet of a made-up account, for a page that has none. */
  const sign = (response: ServerResponse, body: string) => {
    try {
      const { account, message } = JSON.parse(body) as { account?: unknown; message?: unknown }
      if (typeof account === 'string' && isAccount(account) && typeof message === 'string')
        return send(
          response,
          200,
          JSON.stringify({
            signature: signAs(account, message),
            publicKey: devKeys(account).posting.public,
            stand_in: true,
          }),
        )
    } catch {
      // Told as any other wrong request.
    }
    send(response, 400, '{"error":"An account and a message are needed."}')
  }

  const server = createServer((request, response) => {
    asked++
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      if (request.url === '/sign') sign(response, body)
      else answer(response, body)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    set: (account, how) => {
      if (how === null) special.delete(account)
      else special.set(account, how)
    },
    setCommunity: (name, team) => {
      if (team === undefined) teams.delete(name)
      else teams.set(name, team)
    },
    setPost: (id, post) => {
      if (post === null) posts.delete(id)
      else posts.set(id, post)
    },
    setRanked: (tag, ids) => {
      if (ids === null) ranked.delete(tag)
      else ranked.set(tag, ids)
    },
    asked: () => asked,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}
