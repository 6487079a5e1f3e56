/** DLUX's own API: its trending posts, by `GET /trending?a=NUMBER&o=FROM&b=KINDS`, as its site requests them. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { parseSpace } from '../../domain/names.ts'
import { textOf } from '../bounded-body.ts'

export type DluxPost = { readonly id: string; readonly author: string; readonly type: string }

const AT_ONCE = 50
/** One bit per kind; this is all of them. */
const EVERY_KIND = 511
const MAX_TYPE = 64
const Answer = t.type({ result: t.array(t.unknown) })
const Listed = t.intersection([
  t.type({ author: t.string, permlink: t.string }),
  t.partial({ type: t.unknown }),
])

const typeOf = (type: unknown): string =>
  typeof type === 'string' ? type.replaceAll('\0', '').toWellFormed().slice(0, MAX_TYPE).toWellFormed() : ''

/** The posts that can be a room, in the API's order. `url` has no slash at the end. Rejects on anything but a list. */
export const trendingOnDlux = async (
  fetch: typeof globalThis.fetch,
  url: string,
  timeoutMs: number,
): Promise<ReadonlyArray<DluxPost>> => {
  const response = await fetch(`${url}/trending?a=${AT_ONCE}&o=0&b=${EVERY_KIND}`, {
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
  })
  const body = await textOf(response)
  if (!response.ok) throw new Error(`answered ${response.status}`)
  const answer = Answer.decode(JSON.parse(body))
  if (E.isLeft(answer)) throw new Error('the answer has no list of posts')
  const found = new Map<string, DluxPost>()
  for (const one of answer.right.result.slice(0, AT_ONCE)) {
    const listed = Listed.decode(one)
    if (E.isLeft(listed)) continue
    const { author, permlink, type } = listed.right
    const space = parseSpace('post', `${author}/${permlink}`)
    if (E.isRight(space)) found.set(space.right.id, { id: space.right.id, author, type: typeOf(type) })
  }
  return [...found.values()]
}
