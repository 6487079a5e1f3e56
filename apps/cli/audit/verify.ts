/** `presence audit verify` */
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import { readSmallFile } from '../../../adapters/text-file.ts'
import type { RowDifference } from '../../operations/verify/differing-rows.ts'
import {
  type Verified,
  type VerifyOptions,
  type VerifyProgress,
  verifyLog,
} from '../../operations/verify/verify.ts'
import { counted, type Io, type Run } from '../command.ts'
import type { Connections } from '../connections.ts'
import { fileError } from '../file-errors.ts'
import { openedLog } from '../opened-log.ts'
import { progressTo, type Shown } from '../progress.ts'
import { reached } from '../reached.ts'
import { plain, shown } from '../shown.ts'
import { keysFor, readKeys } from './key-arguments.ts'

export const verifyUsage = `presence audit verify [--checkpoint FILE]… [--key VKEY|FILE]… [--limit N]

Makes every event's leaf, the tree, the chain and every table anew from the log, and compares: each row of each table,
what each table is with what the migrations make, each checkpoint that was issued, and each moment that is kept of a room. Names what differs, and ends with 1 where
something does, with 2 where it could not be looked at.

  --checkpoint FILE   a checkpoint from elsewhere, to hold the log against too
  --key VKEY|FILE     a key that checkpoints may be signed with, besides AUDIT_SIGNING_KEY's
  --limit N           name at most so many rows of a table (100)`

const differenceLine = ({ table, key, kind, columns, position }: RowDifference): string => {
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

const shownOf = (progress: VerifyProgress): Shown => {
  if (progress.phase === 'rows') return { what: `comparing ${progress.table}`, more: `${progress.rows} rows` }
  if (progress.phase === 'moments')
    return { what: `kept moments of ${progress.stream}`, more: `${progress.events} so far` }
  const { phase, events, position, target, seconds } = progress
  const share = position !== null && target ? Number((position * 1000n) / target) / 1000 : 0
  const left = share > 0.01 && share < 1 ? `, ${Math.ceil((seconds * (1 - share)) / share)} s left` : ''
  const rate = Math.round(events / Math.max(seconds, 0.001))
  return { what: phase, share, more: `${events} events, ${rate} a second${left}` }
}

export const verify: Run = async (args, io) => {
  const { values: given } = parseArgs({
    args: [...args],
    options: {
      checkpoint: { type: 'string', multiple: true },
      key: { type: 'string', multiple: true },
      limit: { type: 'string' },
    },
  })
  const keys = readKeys(given.key ?? [])
  const to = await reached()
  const wrongly = (sentence: string): number => {
    io.err(sentence)
    return 2
  }
  if (typeof keys === 'string') return wrongly(keys)
  const limit = Number(given.limit ?? 100)
  if (!Number.isSafeInteger(limit) || limit < 0) return wrongly('--limit takes a number of rows.')
  const checkpoints: Array<{ readonly name: string; readonly note: string }> = []
  for (const name of given.checkpoint ?? [])
    try {
      checkpoints.push({ name, note: readSmallFile(name) })
    } catch (error) {
      return wrongly(fileError(error, name))
    }
  if (E.isLeft(to)) return wrongly(to.left)
  const verifiers = keysFor(to.right, keys)
  try {
    return await verifyAll(to.right, { verifiers, checkpoints, limit }, io)
  } catch (error) {
    return wrongly((error as Error).message)
  }
}

const tellWentBack = ({ wentBack, lost, failures }: Verified, io: Io): void => {
  for (const { events, at } of wentBack)
    io.out(`the log went back to ${counted(events, 'event')} before ${at}, as its key says`)
  if (lost.count > 0)
    io.out(
      `${counted(lost.count, 'checkpoint')} of what it lost then${lost.files.length === 0 ? '' : `, ${lost.files.map(shown).join(' and ')} among them`}: no second history`,
    )
  if (failures.some(({ what }) => what === 'root'))
    io.err(
      'Was an older backup of the log put back? Then say so: presence audit went-back. If not, it was altered.',
    )
}

const verifyAll = async (
  to: Connections,
  { verifiers, checkpoints, limit }: Required<Pick<VerifyOptions, 'verifiers' | 'checkpoints' | 'limit'>>,
  io: Io,
): Promise<number> => {
  const { databaseUrl } = to
  await migrate(databaseUrl)
  const log = openedLog(to)
  const progress = progressTo(io)
  try {
    const began = performance.now()
    const done = await verifyLog({
      log,
      databaseUrl,
      verifiers,
      checkpoints,
      limit,
      missingKeys: log.missingKeys,
      onProgress: (at) => progress.at(shownOf(at)),
    }).finally(progress.end)
    io.data?.({ ...done, root: done.root.toString('base64') })
    const seconds = (performance.now() - began) / 1_000
    io.out(
      `${counted(done.events, 'event')} in ${seconds.toFixed(1)} s, ${Math.round(done.events / seconds)} a second, up to ${done.position ?? 'the start'}`,
    )
    io.out(`tree of ${done.size} leaves, root ${done.root.toString('base64')}`)
    for (const { from, size, detail } of done.failures)
      io.err(plain(`checkpoint${size === null ? '' : ` of ${size}`} (${from}): ${detail}`))
    io.out(`${counted(done.checkpoints, 'checkpoint')}, ${counted(done.failures.length, 'failure')}`)
    if (done.moved > 0)
      io.out(
        `${counted(done.moved, 'checkpoint')} of before the events were moved here from another log: the leaves are the same, in other places`,
      )
    tellWentBack(done, io)
    if (verifiers.length === 0) io.err('No key: signatures were not looked at (AUDIT_SIGNING_KEY, or --key).')
    if (done.otherLog !== null) io.err(plain(done.otherLog))
    for (const fault of done.shape) io.err(plain(fault))
    if (done.shape.length > 0)
      io.out(`${counted(done.shape.length, 'difference')} between the tables and what the migrations make`)
    if (done.compared === null) io.out('Nothing was ever projected: there are no rows to compare.')
    else {
      const { differences, found, rows, tables } = done.compared
      for (const difference of differences) io.err(plain(differenceLine(difference)))
      if (found > differences.length) io.err(`… and ${found - differences.length} more`)
      io.out(`${counted(rows, 'row')} of ${counted(tables, 'table')}, ${counted(found, 'difference')}`)
    }
    if (done.parkedStreams > 0)
      io.err(
        `${counted(done.parkedStreams, 'parked stream')}: what waits there is in no table (presence parked).`,
      )
    const { kept } = done
    for (const { stream, revision, detail } of kept.faults)
      io.err(plain(`event ${revision} of ${stream}: ${detail}`))
    io.out(`${kept.events} kept moments and marks, ${kept.faults.length} of them wrong`)
    for (const fault of done.motion.faults) io.err(plain(fault))
    if (done.motion.blocks > 0 || done.motion.faults.length > 0)
      io.out(
        `${counted(done.motion.blocks, 'block')} of motion, ${counted(done.motion.faults.length, 'fault')}`,
      )
    for (const fault of done.keys) io.err(plain(fault))
    if (done.keys.length > 0) io.out(`${counted(done.keys.length, 'fault')} in the keys of people`)
    const wrong =
      done.keys.length +
      done.shape.length +
      done.failures.length +
      kept.faults.length +
      done.motion.faults.length +
      (done.compared?.found ?? 0)
    io.out(wrong === 0 ? 'It holds.' : `It does not hold: ${counted(wrong, 'fault')}.`)
    return wrong === 0 ? 0 : 1
  } finally {
    await log.close()
  }
}
