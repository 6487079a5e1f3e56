/** `presence privacy` */
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import { isSubject } from '../../../domain/identity.ts'
import { erase, reapply } from '../../operations/privacy/erase.ts'
import { exportPerson } from '../../operations/privacy/export.ts'
import { holdsStanding } from '../../operations/privacy/holds.ts'
import { type ErasureRequest, erasureRequests, isSigned } from '../../operations/privacy/requests.ts'
import { type Command, counted, type Io, Misused, type Run } from '../command.ts'
import type { Connections } from '../connections.ts'
import { openedLog } from '../opened-log.ts'
import { operator } from '../operator.ts'
import { openOutput } from '../output-file.ts'
import { progressTo } from '../progress.ts'
import { reached } from '../reached.ts'
import { shown } from '../shown.ts'

/** Throws if there is nothing to connect to. Migrates the tables to this version first. */
const connected = async (): Promise<Connections> => {
  const to = await reached()
  if (E.isLeft(to)) throw new Error(to.left)
  await migrate(to.right.databaseUrl)
  return to.right
}
const oneSubject = ([who, ...rest]: ReadonlyArray<string>): string => {
  if (who === undefined || rest.length > 0) throw new Misused('Of whom?')
  if (!isSubject(who)) throw new Misused(`${who} is neither an account nor a guest.`)
  return who
}

const waitingOn = (io: Io) => (): void =>
  io.err('A rebuild, a verification or another erasure is at work: this one begins when it has ended.')

const eraseOne: Run = async (args, io) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      reason: { type: 'string' },
      compact: { type: 'boolean' },
      'despite-hold': { type: 'boolean' },
    },
  })
  const subject = oneSubject(positionals)
  const to = await connected()
  const log = connectEventLog({ url: to.eventStoreUrl })
  try {
    const { databaseUrl } = to
    const { reason = null, compact = false } = values
    const onWait = waitingOn(io)
    const { masterKey } = to
    const signed = masterKey === null ? {} : { masterKey }
    const holds = await holdsStanding(log, subject)
    if (holds.length > 0 && values['despite-hold'] !== true) {
      for (const { id, by, at, reason } of holds)
        io.err(`A legal hold stands on ${subject}: ${id}, by ${by.id} on ${at}: ${JSON.stringify(reason)}`)
      io.err('Nothing was erased. Release it (DELETE /api/holds/ID), or give --despite-hold.')
      return 1
    }
    const done = await erase({
      log,
      databaseUrl,
      subject,
      reason,
      compact,
      by: operator(),
      onWait,
      ...signed,
    })
    io.data?.({ subject, ...done })
    io.out(`request ${done.requestId}`)
    if (!done.erased) {
      io.out(
        `There is no key of ${subject} (any more): nothing was sealed for them since, so nothing was erased.`,
      )
      return 0
    }
    io.out(
      `The key of ${subject} is destroyed. Changed: ${done.messages} messages, ${done.auditRows} rows of the audit log, ${done.sessions} sessions, ${done.parkedEvents} parked events.`,
    )
    io.out('Backups of Postgres that hold the key must go too: see docs/privacy.md.')
    return 0
  } finally {
    await log.close()
  }
}

const exportOne: Run = async (args, io) => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { out: { type: 'string', short: 'o' }, force: { type: 'boolean' } },
  })
  const subject = oneSubject(positionals)
  const to = await connected()
  const { out, force = false } = values
  const file = out === undefined ? null : await openOutput(out, { force })
  const log = openedLog(to)
  const progress = progressTo(io)
  let lines = 0
  const all = async function* () {
    const onProgress = (events: number) => progress.at({ what: 'looking', more: `${events} events so far` })
    for await (const held of exportPerson({
      log,
      vault: log.vault,
      databaseUrl: to.databaseUrl,
      subject,
      by: operator(),
      onProgress,
    })) {
      lines += 1
      yield `${JSON.stringify(held)}\n`
    }
  }
  try {
    for await (const line of all())
      if (file === null) io.out(line.trimEnd())
      else await file.write(line)
    await file?.done()
    progress.end()
    io.err(`${counted(lines, 'line')}${out === undefined ? '' : ` in ${out}`}`)
    return 0
  } finally {
    await file?.abandon()
    await log.close()
  }
}

const requests: Run = async (args, io) => {
  if (args.length > 0) throw new Misused('presence privacy requests takes nothing more.')
  const to = await connected()
  const log = connectEventLog({ url: to.eventStoreUrl })
  try {
    const all = await erasureRequests(log)
    io.data?.(all)
    for (const { requestId, at, subject, requestedBy, reason } of all)
      io.out(
        `${shown(at)}  ${shown(requestId)}  ${shown(subject)}  by ${shown(requestedBy)}${reason === null ? '' : `: ${JSON.stringify(reason)}`}`,
      )
    io.out(counted(all.length, 'request'))
    return 0
  } finally {
    await log.close()
  }
}

const reapplyAll: Run = async (args, io) => {
  const { values } = parseArgs({
    args: [...args],
    options: { unsigned: { type: 'string', multiple: true } },
  })
  const { unsigned = [] } = values
  const to = await connected()
  const log = connectEventLog({ url: to.eventStoreUrl })
  try {
    const { masterKey } = to
    if (masterKey === null) {
      io.err('PRIVACY_MASTER_KEY is not set: by it is known which requests were made here.')
      return 1
    }
    const isOurs = (request: ErasureRequest): boolean =>
      unsigned.includes(request.requestId) || isSigned(request, masterKey)
    const refused: string[] = []
    const onRefused = ({ requestId }: ErasureRequest) => void refused.push(requestId)
    const done = await reapply(log, to.databaseUrl, waitingOn(io), { isOurs, onRefused })
    for (const requestId of refused)
      io.err(
        `${shown(requestId)} is not signed under PRIVACY_MASTER_KEY: nobody is erased for it. If you know that it was made here, before requests were signed, give --unsigned ${shown(requestId)}.`,
      )
    io.data?.({ refused, carriedOut: done })
    for (const { requestId, needsRebuild } of done)
      io.out(`${requestId} carried out again${needsRebuild ? '; now presence rebuild must follow' : ''}`)
    io.out(`${done.length} requests had to be carried out again`)
    return 0
  } finally {
    await log.close()
  }
}

export const privacy: Command = {
  name: 'privacy',
  summary: 'erase a person, or give them all that is held on them',
  words: [
    {
      name: 'erase',
      takes: 'WHO [--reason TEXT] [--compact] [--despite-hold]',
      says: `destroys the key of their data, for good: what they said, their addresses, user agents and avatars can't be read any more on
the log, and are taken out of every table. Everybody else's data and every proof stay as they are. --compact rewrites the tables'
files, during which they can't be read. Where a legal hold stands, it is refused without --despite-hold`,
      load: async () => ({ run: eraseOne }),
    },
    {
      name: 'export',
      takes: 'WHO [--out FILE [--force]]',
      says: 'everything that is held on them, a JSON object a line. --force writes over a file that is there already',
      load: async () => ({ run: exportOne }),
    },
    {
      name: 'requests',
      takes: '',
      says: 'every request for erasure on the log',
      load: async () => ({ run: requests }),
    },
    {
      name: 'reapply',
      takes: '[--unsigned REQUEST]…',
      says: `carries all of them out again: after Postgres was restored from a backup that still had their keys. Those alone that are signed
under PRIVACY_MASTER_KEY, and those that --unsigned names`,
      load: async () => ({ run: reapplyAll }),
    },
  ],
  notes: `WHO is an account, or a guest as guest:9f2c04ab17de.
Copies of the keys in backups of Postgres must go too: see docs/privacy.md.`,
}
