/** A Hive node that isn't: JSON-RPC `condenser_api.get_accounts` for made-up accounts, on loopback alone.
 *  It marks each answer, and the server believes no node so marked unless it was told to (see adapters/hive). */
import { createServer, type ServerResponse } from 'node:http'
import { isAccount } from '../../domain/names.ts'
import { devKeys, signAs } from './keys.ts'

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

export type HiveStandIn = {
  readonly url: string
  readonly close: () => Promise<void>
  /** `null` for the account's own keys again. */
  readonly set: (account: string, answer: StandInAnswer | null) => void
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
  let asked = 0

  const send = (response: ServerResponse, status: number, body: string) => {
    response.writeHead(status, marked ? MARK : { 'content-type': 'application/json' }).end(body)
  }
  const rpc = (fields: object): string =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, ...fields, ...(marked ? { stand_in: true } : {}) })

  const answer = (response: ServerResponse, body: string) => {
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
    asked: () => asked,
    close: () =>
      new Promise<void>((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()))
        server.closeAllConnections()
      }),
  }
}
