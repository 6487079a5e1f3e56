/** Waits for a database that may start after us. */
import { setTimeout as delay } from 'node:timers/promises'
import { connectSession } from './session.ts'

/** Resolves once it answers; reports once that it waits, and why. */
export const awaitPostgres = async (url: string, onWait: (error: unknown) => void): Promise<void> => {
  for (let tries = 0; ; tries += 1)
    try {
      const session = await connectSession(url, 'presence start')
      try {
        await session.exec('SELECT 1')
      } finally {
        await session.close()
      }
      return
    } catch (error) {
      if (tries === 0) onWait(error)
      await delay(Math.min(100 * 2 ** tries, 2_000))
    }
}
