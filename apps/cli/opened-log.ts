/** The log with personal data opened where the key exists. */
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
  /** A sentence where what was read so far was sealed under keys that are not there. */
  readonly missingKeys: () => string | null
  readonly vault: Pick<Vault, 'opening'>
}

/** The log as it stands, with what was archived of it where that is at hand. Throws with a sentence. */
export const storedLog = (url: string): EventStoreLog => {
  const settings = archiveSettings()
  if (E.isLeft(settings)) throw new Error(settings.left)
  return archivedLog(connectEventLog({ url }), settings.right.dir)
}

/** `close` closes the vault too. Without a master key it stays shut, and a rebuild from it would lose what is personal:
 *  so that throws, with a sentence. */
export const openedLog = (to: Connections): OpenedLog => {
  if (to.masterKey === null)
    throw new Error('PRIVACY_MASTER_KEY is not set: without it people’s data on the log can’t be opened.')
  // Long work does not give up after a moment's silence; that the database answers at all was checked first.
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
