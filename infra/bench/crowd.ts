/** Measures how fast many sockets connect and join one room. */
import { type BenchMember, joinRoom } from './chat.ts'
import { connect, spread } from './client.ts'

/** Sockets per second, from the first connection until the last socket has joined; `width` at a time. */
export const crowdIn = async (
  url: string,
  { count, width }: { readonly count: number; readonly width: number },
  space: { readonly type: string; readonly id: string },
  member: (index: number) => BenchMember,
): Promise<number> => {
  const begun = performance.now()
  const clients = await spread(count, width, async (index) => {
    const client = await connect(url, member(index).auth)
    await joinRoom(client, space.type, space.id)
    return client
  })
  const seconds = (performance.now() - begun) / 1000
  for (const client of clients) client.close()
  return count / seconds
}
