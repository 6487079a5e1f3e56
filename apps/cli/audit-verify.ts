/** `presence audit verify` */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { migrate } from '../../adapters/postgres/migrate.ts'
import type { RowDifference } from '../projector/differ.ts'
import { type VerifyProgress, verifyLog } from '../projector/verify.ts'
import { keysFor, readKeys } from './audit-keys.ts'
import type { Command, Io } from './command.ts'
import { connections } from './connections.ts'
import { openedLog } from './opened-log.ts'

const usage = `presence audit verify [--checkpoint FILE]… [--key VKEY|FILE]… [--limit N]

Makes every event's leaf, the tree, the chain and every table anew from the log, and compares: each row of each table,
each checkpoint that was issued, and each moment that is kept of a room. Names what differs, and ends with 1 where
something does.

  --checkpoint FILE   a checkpoint from elsewhere, to hold the log against too
  --key VKEY|FILE     a key that checkpoints may be signed with, besides AUDIT_SIGNING_KEY's
  --limit N           name at most so many rows of a table (100)`

export const differenceLine = ({ table, key, kind, columns, position }: RowDifference): string => {
  const where = Object.entries(key)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
  const at = position === null || 'position' in key ? '' : `, event at position ${position}`
  const what =
    kind === 'altered'
      ? `altered in ${columns.join(', ')}`
      : kind === 'added'
        ? 'is there, and the log says nothing of it'
        : 'is missing'
  return `${table} ${where}: ${what}${at}`
}

const progressTo = (io: Io) => {
  const every = process.stderr.isTTY ? 100 : 5_000
  let shown = performance.now()
  return (progress: VerifyProgress): void => {
    const now = performance.now()
    if (now - shown < every) return
    shown = now
    let line: string
    if (progress.phase === 'rows') line = `comparing ${progress.table}: ${progress.rows} rows`
    else if (progress.phase === 'moments')
      line = `kept moments of ${progress.stream}: ${progress.events} so far`
    else {
      const { phase, events, position, target, seconds } = progress
      const share = position !== null && target ? Number((position * 1000n) / target) / 1000 : 0
      const left = share > 0.01 && share < 1 ? `, ${Math.ceil((seconds * (1 - share)) / share)} s left` : ''
      line = `${phase}: ${events} events, ${Math.round(events / Math.max(seconds, 0.001))} a second, ${(100 * Math.min(1, share)).toFixed(0)} %${left}`
    }
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`)
    else io.err(line)
  }
}

export const verify: Command['run'] = async (args, io) => {
  let given: { checkpoint?: string[]; key?: string[]; limit?: string }
  try {
    given = parseArgs({
      args: [...args],
      options: {
        checkpoint: { type: 'string', multiple: true },
        key: { type: 'string', multiple: true },
        limit: { type: 'string' },
      },
    }).values
  } catch (error) {
    io.err(`${(error as Error).message}\n\n${usage}`)
    return 2
  }
  const keys = readKeys(given.key ?? [])
  const to = connections()
  if (typeof keys === 'string' || E.isLeft(to)) {
    io.err(typeof keys === 'string' ? keys : E.isLeft(to) ? to.left : '')
    return 1
  }
  const verifiers = keysFor(to.right, keys)
  const checkpoints = (given.checkpoint ?? []).map((name) => ({ name, note: readFileSync(name, 'utf8') }))
  const { databaseUrl } = to.right
  await migrate(databaseUrl)
  const log = openedLog(to.right)
  try {
    const began = performance.now()
    const done = await verifyLog({
      log,
      databaseUrl,
      verifiers,
      checkpoints,
      limit: Number(given.limit ?? 100),
      onProgress: progressTo(io),
    })
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    const seconds = (performance.now() - began) / 1_000
    io.out(
      `${done.events} events in ${seconds.toFixed(1)} s, ${Math.round(done.events / seconds)} a second, up to ${done.position ?? 'the start'}`,
    )
    io.out(`tree of ${done.size} leaves, root ${done.root.toString('base64')}`)
    for (const { from, size, detail } of done.failures)
      io.err(`checkpoint${size === null ? '' : ` of ${size}`} (${from}): ${detail}`)
    io.out(`${done.checkpoints} checkpoints, ${done.failures.length} failures`)
    if (verifiers.length === 0) io.err('No key: signatures were not looked at (AUDIT_SIGNING_KEY, or --key).')
    if (done.compared === null) io.out('Nothing was ever projected: there are no rows to compare.')
    else {
      const { differences, found, rows, tables } = done.compared
      for (const difference of differences) io.err(differenceLine(difference))
      if (found > differences.length) io.err(`… and ${found - differences.length} more`)
      io.out(`${rows} rows of ${tables} tables, ${found} differences`)
    }
    const { kept } = done
    for (const { stream, revision, detail } of kept.faults)
      io.err(`event ${revision} of ${stream}: ${detail}`)
    io.out(`${kept.events} kept moments and marks, ${kept.faults.length} of them wrong`)
    return done.failures.length + kept.faults.length + (done.compared?.found ?? 0) > 0 ? 1 : 0
  } finally {
    await log.close()
  }
}
