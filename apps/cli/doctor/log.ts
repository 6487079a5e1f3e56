/** Checks the log: whether it answers, its clock, whether the tables belong to it, and whether its keys are there. */
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog, type EventStoreLog } from '../../../adapters/eventstore/index.ts'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { connectVault } from '../../../adapters/privacy/connect.ts'
import { lookForKeys } from '../../../adapters/privacy/missing-keys.ts'
import { sealedLog } from '../../../adapters/privacy/sealed-log.ts'
import { whyUnreachable } from '../../../adapters/unreachable.ts'
import { STREAM_PREFIXES } from '../../../domain/names.ts'
import type { Config } from '../../config/load.ts'
import { whyOtherLog } from '../../operations/tables/same-log.ts'
import { about, type Finding, type Findings, soon } from './finding.ts'
import { clockFinding } from './machine.ts'

const log = about('log')

/** What the node says about itself over HTTP; null if it does not, for example because it has a certificate of its own. */
const infoOf = async (
  url: string,
): Promise<{ readonly version: string; readonly date: string | null } | null> => {
  const [, hosts = ''] = /^[a-z+]+:\/\/(?:[^@/?]*@)?([^/?]*)/.exec(url) ?? []
  const scheme = /[?&]tls=false/i.test(url) ? 'http' : 'https'
  try {
    const answer = await fetch(`${scheme}://${hosts.split(',')[0]}/info`, {
      signal: AbortSignal.timeout(2_000),
    })
    const json = (await answer.json()) as { esVersion?: unknown }
    return { version: String(json.esVersion ?? 'of no version'), date: answer.headers.get('date') }
  } catch {
    return null
  }
}

/** Checks the last event: that it can be read, and that it is not from the future. */
const answers = async (store: EventStoreLog, url: string): Promise<Findings> => {
  const read = await soon(
    store.readAll({ direction: 'backwards', limit: 1, prefixes: STREAM_PREFIXES })(),
    6_000,
  )
  if (E.isLeft(read)) throw new Error('cause' in read.left ? read.left.cause : 'it was deleted')
  const info = await infoOf(url)
  const [last] = read.right
  const found: Finding[] = [log.well(`The log answers${info === null ? '' : ` (${info.version})`}.`)]
  const ours = Date.now()
  // The header counts whole seconds.
  if (info?.date) found.push(clockFinding('the log’s', Date.parse(info.date) + 500, ours))
  if (last !== undefined && last.created.getTime() - ours > 5_000)
    found.push(clockFinding('the log’s last event', last.created.getTime(), ours))
  return found
}

const tablesFindings = async (store: EventStoreLog, config: Config): Promise<Findings> => {
  const tables = about('same log')
  const session = await connectSession(config.database.url, 'presence doctor')
  try {
    const why = await whyOtherLog(session, store)
    return [
      why === null
        ? tables.well('The tables are of this log.')
        : tables.wrong(
            why.replace(/ If this is the right log.*$/, ''),
            'Name the right log in EVENTSTORE_URL; where it is this one, run presence rebuild.',
          ),
    ]
  } catch {
    return [
      tables.unknown('Whether the tables are of this log could not be seen.', 'Mend the database first.'),
    ]
  } finally {
    await session.close()
  }
}

const keysFindings = async (store: EventStoreLog, config: Config): Promise<Findings> => {
  const keys = about('keys')
  const vault = connectVault({ databaseUrl: config.database.url, masterKey: config.privacy.masterKey })
  try {
    const missing = await soon(lookForKeys(sealedLog(store, vault), vault.missing), 10_000)
    return missing === null
      ? [keys.well('The keys for the log’s first and last events are there.')]
      : [
          keys.wrong(
            missing.replace(/: what these people.*$/, '.'),
            'Restore the database that belongs to this log, privacy_keys at least, then run presence rebuild.',
          ),
        ]
  } catch {
    return [keys.unknown('Whether the log’s keys are there could not be seen.', 'Mend the database first.')]
  } finally {
    await vault.close()
  }
}

/** `hasTables`: false if the database can't be asked. */
export const logFindings = async (
  config: Config,
  hasTables: boolean,
  hasMaster: boolean,
): Promise<Findings> => {
  const store = connectEventLog({ url: config.eventStoreUrl })
  try {
    const found = await answers(store, config.eventStoreUrl)
    if (!hasTables) return found
    return [
      ...found,
      ...(await tablesFindings(store, config)),
      ...(hasMaster ? await keysFindings(store, config) : []),
    ]
  } catch (error) {
    const where = config.eventStoreUrl.replace(/\/\/[^@/]*@/, '//')
    return [
      log.wrong(
        `The log at ${where} can’t be read: ${whyUnreachable(error).replace(/\.$/, '')}.`,
        'Start the event store, or set EVENTSTORE_URL to where it is, with the user and tls=… that it wants.',
      ),
    ]
  } finally {
    await store.close()
  }
}
