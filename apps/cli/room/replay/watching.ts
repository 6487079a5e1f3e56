/** The owner stays in the room and sees everyone come and go. */
import { join } from './asking.ts'
import type { Performance } from './journal.ts'
import { LineLost } from './people.ts'

export type Watching = ReturnType<typeof createWatching>

export const createWatching = (performance: Performance) => {
  const { people, owner, journal, watch } = performance
  const departures = new Map<string, () => void>()
  const gone = new Set<string>()
  const start = async (): Promise<void> => {
    const socket = await people.connect(owner)
    for (const event of ['user-joined', 'user-left', 'chat-message', 'permission-changed'])
      socket.on(event, (news: { revision: string; sessionId?: string }) => {
        watch.seen.push({ event, revision: String(news.revision), at: Date.now() })
        if (event === 'user-left' && news.sessionId) {
          gone.add(news.sessionId)
          departures.get(news.sessionId)?.()
        }
      })
    journal.own.add(await join(performance, owner))
  }
  const departed = (sessionId: string): Promise<void> =>
    gone.has(sessionId)
      ? Promise.resolve()
      : new Promise((resolve, reject) => {
          const lost = () => reject(new LineLost('the watcher lost its line'))
          departures.set(sessionId, () => {
            owner.socket?.off('disconnect', lost)
            departures.delete(sessionId)
            resolve()
          })
          owner.socket?.once('disconnect', lost)
        })

  return { start, departed }
}
