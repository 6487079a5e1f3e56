/** Asks one Hive node for one post: its title, or that there is no such post. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { readTime } from '../../domain/time.ts'
import { askNode } from './rpc.ts'

export type HivePost = {
  readonly title: string
  /** Neither muted by its community nor hidden by votes. */
  readonly shown: boolean
  /** ISO 8601. */
  readonly createdAt: string | null
}

const MAX_TITLE = 1_024
export const PostOfHive = t.intersection([
  t.type({ author: t.string, permlink: t.string }),
  t.partial({
    title: t.string,
    created: t.string,
    stats: t.union([t.partial({ hide: t.boolean, gray: t.boolean }), t.null]),
  }),
])
const Answer = t.partial({ result: t.unknown, error: t.unknown })

/** Whether there is none: Hivemind says so in an error, whose words changed with its versions. */
const isNone = (error: unknown): boolean =>
  /not (?:exist|found)|no such|does not exist|was deleted/i.test(JSON.stringify(error ?? null))

export const postOf = ({ title = '', created, stats }: t.TypeOf<typeof PostOfHive>): HivePost => ({
  title: title.replaceAll('\0', '').toWellFormed().slice(0, MAX_TITLE).toWellFormed().trim(),
  shown: stats?.hide !== true && stats?.gray !== true,
  createdAt: (created === undefined ? null : readTime(created))?.toISOString() ?? null,
})

/** `id` is author/permlink. Rejects on anything but a well-formed answer about exactly this post. */
export const getPost = async (
  fetch: typeof globalThis.fetch,
  node: string,
  id: string,
  timeoutMs: number,
): Promise<{ readonly found: HivePost | null; readonly standIn: boolean }> => {
  const [author, permlink] = id.split('/')
  const { json, standIn } = await askNode(fetch, node, timeoutMs, {
    method: 'bridge.get_post',
    params: { author, permlink, observer: '' },
  })
  const answer = Answer.decode(json)
  if (E.isLeft(answer)) throw new Error('the answer is not of the form of bridge.get_post')
  const { result, error } = answer.right
  if (error !== undefined && error !== null) {
    if (isNone(error)) return { found: null, standIn }
    throw new Error('bridge.get_post answered an error')
  }
  if (result === null || (typeof result === 'object' && Object.keys(result as object).length === 0))
    return { found: null, standIn }
  const found = PostOfHive.decode(result)
  if (E.isLeft(found) || found.right.author !== author || found.right.permlink !== permlink)
    throw new Error('the answer is not of the form of bridge.get_post, or about another one')
  return { found: postOf(found.right), standIn }
}
