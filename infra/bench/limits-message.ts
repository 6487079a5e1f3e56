/** Measures a server's processor time for a message to a room of 20, in the same run as the limits' share of it. The
 *  server is a process of its own, on the embedded event store and PostgreSQL. */
import { randomUUID } from 'node:crypto'
import { startEmbedded } from '../testing/embedded.ts'
import { clientOf } from '../testing/sockets.ts'
import { processorMs } from './processor.ts'

const PEOPLE = 20
const WARM = 200
const SAID = 1_500
/** Below a guest's allowance: each guest posts one message in turn. */
const PER_SECOND = 60

/** Microseconds. */
export const aMessage = async (): Promise<number> => {
  const product = await startEmbedded()
  const { url, pids } = product.endpoints()
  try {
    const people = await Promise.all(Array.from({ length: PEOPLE }, () => clientOf(url, {})))
    for (const one of people) await one.ask('join-space', { spaceType: 'global', spaceId: 'lobby' })
    const say = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1) {
        void people[n % PEOPLE]!.socket.emit('chat-message', {
          content: 'a message as people write them, of some sixty characters.',
          message_id: randomUUID(),
        })
        await new Promise((resolve) => setTimeout(resolve, 1_000 / PER_SECOND))
      }
    }
    await say(WARM)
    const before = processorMs(pids.server!)
    await say(SAID)
    const us = ((processorMs(pids.server!) - before) * 1_000) / SAID
    for (const one of people) one.close()
    return us
  } finally {
    await product.stop()
  }
}
