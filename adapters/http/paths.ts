/** A post's id is `author/permlink`, and its slash may come as it is or as %2F: both become the one with %2F here, so
 *  that every route is written once. */
const POST = /^(\/api\/(?:spaces|chat)\/post\/)([^/?#]+)\/([^/?#]+)([/?#].*)?$/

export const rewriteUrl = (url: string): string => {
  const parts = POST.exec(url)
  if (parts === null) return url
  const [, head, author, permlink, rest = ''] = parts as unknown as [string, string, string, string, string?]
  return /%2f/i.test(author) ? url : `${head}${author}%2F${permlink}${rest}`
}
