/** Asks one Hive node for one community: its team, or that there is no such community. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { isAccount } from '../../domain/names.ts'
import { type AskedNode, askNode } from './rpc.ts'

export type Community = {
  readonly title: string
  readonly owner: string | null
  /** The people whom Hive calls admins and mods. */
  readonly team: Readonly<Record<string, 'admin' | 'moderate'>>
}

const MAX_TEAM = 100
const MAX_TITLE = 1_024
const Found = t.intersection([
  t.type({ name: t.string, team: t.array(t.array(t.union([t.string, t.null]))) }),
  t.partial({ title: t.string }),
])
const Answer = t.partial({ result: t.unknown, error: t.unknown })

/** Whether there is none: Hivemind says so in an error, whose words changed with its versions. */
const isNone = (error: unknown): boolean =>
  /not (?:exist|found)|no such|unknown community|does not exist|invalid community/i.test(
    JSON.stringify(error ?? null),
  )

const communityOf = ({ title, team }: t.TypeOf<typeof Found>, name: string): Community => {
  const members: Record<string, 'admin' | 'moderate'> = {}
  let owner: string | null = null
  for (const [account, role] of team.slice(0, MAX_TEAM)) {
    if (typeof account !== 'string' || !isAccount(account)) continue
    if (role === 'owner') owner ??= account
    else if (role === 'admin') members[account] = 'admin'
    else if (role === 'mod') members[account] = 'moderate'
  }
  const named = (title ?? '').replaceAll('\0', '').toWellFormed().slice(0, MAX_TITLE).trim()
  return { title: named || name, owner, team: members }
}

/** Rejects on anything but a well-formed answer about exactly this community. */
export const getCommunity = async (
  fetch: typeof globalThis.fetch,
  node: string,
  name: string,
  timeoutMs: number,
): Promise<{ readonly found: Community | null; readonly standIn: boolean }> => {
  const { json, standIn }: AskedNode = await askNode(fetch, node, timeoutMs, {
    method: 'bridge.get_community',
    params: { name },
  })
  const answer = Answer.decode(json)
  if (E.isLeft(answer)) throw new Error('the answer is not of the form of bridge.get_community')
  const { result, error } = answer.right
  if (error !== undefined && error !== null) {
    if (isNone(error)) return { found: null, standIn }
    throw new Error('bridge.get_community answered an error')
  }
  if (result === null || (typeof result === 'object' && Object.keys(result as object).length === 0))
    return { found: null, standIn }
  const found = Found.decode(result)
  if (E.isLeft(found) || found.right.name !== name)
    throw new Error('the answer is not of the form of bridge.get_community, or about another one')
  return { found: communityOf(found.right, name), standIn }
}
