/** The log with personal data opened if the key exists. */
import * as E from 'fp-ts/lib/Either.js'
import { archivedLog } from '../../adapters/archive/archived-log.ts'
import { connectEventLog, type EventStoreLog } from '../../adapters/eventstore/index.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { missingSentence } from '../../adapters/privacy/missing-keys.ts'
import { type SealedLog, sealedLog } from '../../adapters/privacy/sealed-log.ts'
import type { Vault } from '../../adapters/privacy/vault.ts'
import { archiveSettings } from '../config/archive.ts'
import type { Connections } from './connections.ts'

export type OpenedLog = SealedLog<EventStoreLog> & {
  /** A sentence if something that was read so far is sealed under keys that do not exist. */
  readonly missingKeys: () => string | null
  readonly vault: Pick<Vault, 'opening'>
}

/** The log as it is, with what was archived from it if that is at hand. Throws with a sentence. */
export const storedLog = (url: string): EventStoreLog => {
  const settings = archiveSettings()
  if (E.isLeft(settings)) throw new Error(settings.left)
  return archivedLog(connectEventLog({ url }), settings.right.dir)
}

/** `close` closes the vault, too. Throws with a sentence if there is no master key: the data would stay sealed, and a
 *  rebuild from it would lose what is personal. */
export const openedLog = (to: Connections): OpenedLog => {
  if (to.masterKey === null)
    throw new Error('PRIVACY_MASTER_KEY is not set: without it people’s data on the log can’t be opened.')
  // Long work must not give up after a moment's silence; that the database answers was checked first.
  const vault = connectVault({ databaseUrl: to.databaseUrl, masterKey: to.masterKey, silenceMs: 10_000 })
  const log = sealedLog(storedLog(to.eventStoreUrl), vault)
  return {
    ...log,
    vault,
    missingKeys: () => missingSentence(vault.missing()),
    close: async () => {
      await log.close()
      await vault.close()
    },
  }
}
