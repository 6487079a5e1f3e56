/** Asks one Hive node for one account. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { textOf } from '../bounded-body.ts'
import { HiveAccount } from './account.ts'

/** The stand-in of infra/hive says so in this header and in this field of each answer. */
const STAND_IN_HEADER = 'x-hive-stand-in'
const STAND_IN_FIELD = 'stand_in'

const Answer = t.intersection([t.type({ result: t.array(HiveAccount) }), t.partial({ error: t.unknown })])

/** `account` is null if the node knows no such account. */
export type AccountReply = { readonly account: HiveAccount | null; readonly standIn: boolean }

export type AskedNode = { readonly json: unknown; readonly standIn: boolean }

/** One call to one node. `timeoutMs` limits the whole exchange. Rejects if the answer is not JSON. */
export const askNode = async (
  fetch: typeof globalThis.fetch,
  node: string,
  timeoutMs: number,
  call: { readonly method: string; readonly params: unknown },
): Promise<AskedNode> => {
  // The first of a process load the client of fetch, before the node's time begins.
  const headers = new Headers({ 'content-type': 'application/json' })
  const response = await fetch(node, {
    method: 'POST',
    headers,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...call }),
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
  })
  const body = await textOf(response)
  if (!response.ok) throw new Error(`answered ${response.status}`)
  const json: unknown = JSON.parse(body)
  const standIn =
    response.headers.has(STAND_IN_HEADER) ||
    (typeof json === 'object' && json !== null && Object.hasOwn(json, STAND_IN_FIELD))
  return { json, standIn }
}

/** Rejects on anything but a well-formed answer about exactly this account. */
export const getAccount = async (
  fetch: typeof globalThis.fetch,
  node: string,
  account: string,
  timeoutMs: number,
): Promise<AccountReply> => {
  const { json, standIn } = await askNode(fetch, node, timeoutMs, {
    method: 'condenser_api.get_accounts',
    params: [[account]],
  })
  const answer = Answer.decode(json)
  if (E.isLeft(answer)) throw new Error('the answer is not of the form of condenser_api.get_accounts')
  if ((answer.right.error ?? null) !== null) throw new Error('condenser_api.get_accounts answered an error')
  const found = answer.right.result.find((one) => one.name === account) ?? null
  if (found === null && answer.right.result.length > 0) throw new Error('the answer is about another account')
  return { account: found, standIn }
}
