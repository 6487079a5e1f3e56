/** For tests of verifications. */
import fc from 'fast-check'
import { connectSession, type DatabaseSession } from '../../../../adapters/postgres/session.ts'
import { memoryLog } from '../../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../../infra/testing/postgres.ts'
import { until } from '../../../../infra/testing/until.ts'
import { anyEvents, FILLING, posted, recorded } from '../../../../projections/testing/events.ts'
import { runProjector } from '../../../projector/projector.ts'

const space = { type: 'post', id: 'alice/my-post' } as const

/** A log in memory that contains a parked stream, and the tables that a projector made of it. */
export const withTables = async (
  work: (log: ReturnType<typeof memoryLog>, url: string, session: DatabaseSession) => Promise<void>,
): Promise<void> => {
  const database = await testDatabase()
  const session = await connectSession(database.url, 'test')
  try {
    const log = memoryLog(97)
    for (const all of fc.sample(anyEvents(60), { numRuns: 16, seed: 11 }))
      for (const { stream, event } of all) log.push(stream, event)
    for (const { stream, event } of FILLING) log.push(stream, event)
    // More than a tile of the log's tree.
    for (let i = 0; i < 260; i += 1) {
      const { stream, event } = recorded(space, posted(`t${i}`, 'one of many', 3))
      log.push(stream, event)
    }
    const strange = recorded({ type: 'document', id: '999' }, posted('px', 'parked', 2))
    log.push(strange.stream, { ...strange.event, type: 'MessageShouted' }, strange.event)
    const projector = runProjector({ log, databaseUrl: database.url })
    const end = log.events.at(-1)!.position
    await until('all is applied', () => projector.state().position === end)
    await projector.stop()
    await work(log, database.url, session)
  } finally {
    await session.close()
    await database.drop()
  }
}
