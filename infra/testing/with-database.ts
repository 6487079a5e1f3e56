/** A database and a session of it for as long as some work takes. For tests alone. */
import { connectSession, type DatabaseSession } from '../../adapters/postgres/session.ts'
import { testDatabase } from './postgres.ts'

export const withDatabase = async (
  work: (url: string, session: DatabaseSession) => Promise<void>,
): Promise<void> => {
  const database = await testDatabase()
  const session = await connectSession(database.url, 'test')
  try {
    await work(database.url, session)
  } finally {
    await session.close()
    await database.drop()
  }
}
