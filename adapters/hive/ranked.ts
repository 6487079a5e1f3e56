/** Asks one Hive node for the trending posts of a tag or a community. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { parseSpace } from '../../domain/names.ts'
import { type HivePost, PostOfHive, postOf } from './post.ts'
import { askNode } from './rpc.ts'

export type RankedPost = HivePost & { readonly id: string; readonly author: string }

/** The most that nodes return at once. */
const RANKED_AT_ONCE = 20
const Answer = t.intersection([t.type({ result: t.array(t.unknown) }), t.partial({ error: t.unknown })])

/** Posts that can be a room, in the node's order; others are left out. Rejects on anything but a list. */
export const getRankedPosts = async (
  fetch: typeof globalThis.fetch,
  node: string,
  tag: string,
  timeoutMs: number,
): Promise<{ readonly found: ReadonlyArray<RankedPost>; readonly standIn: boolean }> => {
  const { json, standIn } = await askNode(fetch, node, timeoutMs, {
    method: 'bridge.get_ranked_posts',
    params: { sort: 'trending', tag, limit: RANKED_AT_ONCE, observer: '' },
  })
  const answer = Answer.decode(json)
  if (E.isLeft(answer)) throw new Error('the answer is not of the form of bridge.get_ranked_posts')
  if ((answer.right.error ?? null) !== null) throw new Error('bridge.get_ranked_posts answered an error')
  const found: RankedPost[] = []
  for (const one of answer.right.result.slice(0, RANKED_AT_ONCE)) {
    const post = PostOfHive.decode(one)
    if (E.isLeft(post)) continue
    const { author, permlink } = post.right
    const space = parseSpace('post', `${author}/${permlink}`)
    if (E.isRight(space)) found.push({ ...postOf(post.right), id: space.right.id, author })
  }
  if (found.length === 0 && answer.right.result.length > 0)
    throw new Error('nothing in the answer is a post that can be a room')
  return { found, standIn }
}
