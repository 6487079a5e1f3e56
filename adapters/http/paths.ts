/** A post's id is `author/permlink`, and its slash may be sent as it is or as %2F: here, both become the form with %2F,
 *  so that every route is written once. */
import { SPACE_COMMANDS } from '../../domain/space/commands.ts'

const POST = /^(\/api\/(?:spaces|chat|presence\/spaces)\/post\/)([^/?#]+)\/([^/?#]+)([/?#].*)?$/

export const rewriteUrl = (url: string): string => {
  const parts = POST.exec(url)
  if (parts === null) return url
  const [, head, author, permlink, rest = ''] = parts as unknown as [string, string, string, string, string?]
  return /%2f/i.test(author) ? url : `${head}${author}%2F${permlink}${rest}`
}

/** What may follow a space in an address. */
const BELOW = new Set([
  'join',
  'subrooms',
  'settings',
  'permissions',
  ...Object.values(SPACE_COMMANDS).flatMap(({ wire }) => wire?.rest?.path.split('/')[0] ?? []),
  'messages',
  'audit',
  'at',
  'replay',
  'why',
  'capacity',
  'reports',
  'cases',
  'transparency',
  'queue',
])

/** Whether an address's malformed escape is in a space's id. */
export const hasMalformedId = (url: string): boolean =>
  /^\/api\/(?:spaces|chat|presence\/spaces)\/(?:post|document|community|global)\//.test(url)

/** Whether an address without a route has a post's id with no slash or with two: then the id is what is wrong. */
export const hasMalformedPost = (url: string): boolean => {
  const parts = /^\/api\/(?:spaces|chat|presence\/spaces)\/post\/([^?#]*)/.exec(url)
  if (parts === null) return false
  const [author = '', permlink, below] = parts[1]!.split('/')
  if (/%2f/i.test(author)) return false
  return permlink === undefined || BELOW.has(permlink) || (below !== undefined && !BELOW.has(below))
}
