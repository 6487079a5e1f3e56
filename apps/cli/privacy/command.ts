/** `presence privacy` */
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import { isSubject } from '../../../domain/identity.ts'
import { erase, reapply } from '../../operations/privacy/erase.ts'
import { exportPerson } from '../../operations/privacy/export.ts'
import { type ErasureRequest, erasureRequests, isSigned } from '../../operations/privacy/requests.ts'
import { type Command, counted, type Io } from '../command.ts'
import { type Connections, connections } from '../connections.ts'
import { openedLog } from '../opened-log.ts'
import { operator } from '../operator.ts'
import { openOutput } from '../output-file.ts'
import { shown } from '../shown.ts'

const usage = `presence privacy erase WHO [--reason TEXT] [--compact]
presence privacy export WHO [--out FILE [--force]]
presence privacy requests
presence privacy reapply [--unsigned REQUEST]…

WHO is an account, or a guest as guest:9f2c04ab17de.

  erase      destroys the key of their data, for good: what they said, their addresses, user agents and avatars can't be
             read any more on the log, and are taken out of every table. Everybody else's data and every proof stay as
             they are. --compact rewrites the tables' files, during which they can't be read.
  export     everything that is held on them, a JSON object a line. --force writes over a file that is there already
  requests   every request for erasure on the log
  reapply    carries all of them out again: after Postgres was restored from a backup that still had their keys. Those alone
             that are signed under PRIVACY_MASTER_KEY, and those that --unsigned names

Copies of the keys in backups of Postgres must go too: see docs/privacy.md.`

type Options = {
  readonly reason?: string
  readonly out?: string
  readonly force?: boolean
  readonly compact?: boolean
  readonly unsigned?: string[]
}

const waitingOn = (io: Io) => (): void =>
  io.err('A rebuild, a verification or another erasure is at work: this one begins when it has ended.')

const eraseOne = async (to: Connections, subject: string, options: Options, io: Io): Promise<number> => {
  const log = connectEventLog({ url: to.eventStoreUrl })
  try {
    const { databaseUrl } = to
    const { reason = null, compact = false } = options
    const onWait = waitingOn(io)
    const { masterKey } = to
    const signed = masterKey === null ? {} : { masterKey }
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

const exportOne = async (to: Connections, subject: string, options: Options, io: Io): Promise<number> => {
  const { out, force = false } = options
  const file = out === undefined ? null : await openOutput(out, { force })
  const log = openedLog(to)
  let lines = 0
  const all = async function* () {
    const onProgress = (events: number) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${events} events looked at`)
    }
    for await (const held of exportPerson({
      log,
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
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    io.err(`${counted(lines, 'line')}${out === undefined ? '' : ` in ${out}`}`)
    return 0
  } finally {
    await file?.abandon()
    await log.close()
  }
}

const overRequests = async (
  to: Connections,
  verb: 'requests' | 'reapply',
  unsigned: ReadonlyArray<string>,
  io: Io,
): Promise<number> => {
  const log = connectEventLog({ url: to.eventStoreUrl })
  try {
    if (verb === 'requests') {
      const requests = await erasureRequests(log)
      for (const { requestId, at, subject, requestedBy, reason } of requests)
        io.out(
          `${shown(at)}  ${shown(requestId)}  ${shown(subject)}  by ${shown(requestedBy)}${reason === null ? '' : `: ${JSON.stringify(reason)}`}`,
        )
      io.out(counted(requests.length, 'request'))
      return 0
    }
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
  usage,
  run: async (args, io) => {
    const wrongly = (sentence: string) => {
      io.err(`${sentence}\n\n${usage}`)
      return 2
    }
    let given: { values: Options; positionals: string[] }
    try {
      given = parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          reason: { type: 'string' },
          out: { type: 'string', short: 'o' },
          force: { type: 'boolean' },
          compact: { type: 'boolean' },
          unsigned: { type: 'string', multiple: true },
        },
      })
    } catch (error) {
      return wrongly((error as Error).message)
    }
    const [verb, who, ...rest] = given.positionals
    const aboutOne = verb === 'erase' || verb === 'export'
    if (!aboutOne && verb !== 'requests' && verb !== 'reapply')
      return wrongly(
        verb === undefined ? 'presence privacy takes a verb.' : `presence privacy ${verb} is unknown.`,
      )
    if (rest.length > 0 || aboutOne !== (who !== undefined)) return wrongly('Of whom?')
    if (who !== undefined && !isSubject(who)) return wrongly(`${who} is neither an account nor a guest.`)
    const to = connections()
    if (E.isLeft(to)) {
      io.err(to.left)
      return 1
    }
    try {
      await migrate(to.right.databaseUrl)
      if (verb === 'erase') return await eraseOne(to.right, who!, given.values, io)
      if (verb === 'export') return await exportOne(to.right, who!, given.values, io)
      return await overRequests(to.right, verb, given.values.unsigned ?? [], io)
    } catch (error) {
      io.err((error as Error).message)
      return 1
    }
  },
}
