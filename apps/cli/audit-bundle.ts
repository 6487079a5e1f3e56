/** `presence audit export` and `presence audit check` */
import { once } from 'node:events'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { parseSpaceKey } from '../../domain/names.ts'
import { readTime } from '../../domain/time.ts'
import { checkBundle } from '../../projections/proof/bundle.ts'
import { readKeys, signerFor } from './audit-keys.ts'
import { exportBundleTo } from './bundle-export.ts'
import type { Command } from './command.ts'
import { connections } from './connections.ts'

const exportUsage = `presence audit export --space TYPE:ID [--from TIME] [--to TIME] -o FILE

Writes a room's events with the proof that they are in the log, a signed checkpoint, and the state at both ends, in one
file that presence audit check verifies anywhere. What is personal stays sealed. It is signed with AUDIT_SIGNING_KEY.

  --from, --to   ISO 8601, in UTC where no zone is given; from the room's beginning, and up to now, where they are left out`

const checkUsage = `presence audit check FILE --key VKEY|FILE

Whether a file of presence audit export is what the log has, with nothing missing within it. Needs no server, no
database and no network. The key is what GET /api/audit/key gave, got by a way that you trust.`

export const exportBundle: Command['run'] = async (args, io) => {
  const wrongly = (sentence: string): number => {
    io.err(`${sentence}\n\n${exportUsage}`)
    return 2
  }
  let given: { space?: string; from?: string; to?: string; out?: string }
  try {
    given = parseArgs({
      args: [...args],
      options: {
        space: { type: 'string' },
        from: { type: 'string' },
        to: { type: 'string' },
        out: { type: 'string', short: 'o' },
      },
    }).values
  } catch (error) {
    return wrongly((error as Error).message)
  }
  const space = parseSpaceKey(given.space ?? '')
  if (E.isLeft(space)) return wrongly(`--space: ${space.left.detail}`)
  const timeOf = (text: string | undefined): Date | null => (text === undefined ? null : readTime(text))
  const [from, to] = [timeOf(given.from), timeOf(given.to)]
  if ((from === null && given.from !== undefined) || (to === null && given.to !== undefined))
    return wrongly('--from and --to are times: 2026-01-31T12:00:00Z, or 2026-01-31.')
  if (from !== null && to !== null && to < from) return wrongly('--to is before --from.')
  const file = given.out
  if (file === undefined) return wrongly('Where to? Give -o FILE.')
  const connected = connections()
  if (E.isLeft(connected)) {
    io.err(connected.left)
    return 1
  }
  const signer = signerFor(connected.right)
  if (signer === null) {
    io.err('AUDIT_SIGNING_KEY is not set: a bundle is signed with it.')
    return 1
  }
  const { databaseUrl, eventStoreUrl } = connected.right
  const log = connectEventLog({ url: eventStoreUrl })
  const out = createWriteStream(`${file}.part`, { mode: 0o600 })
  // Said where it is met: a full disk, a folder that is not there.
  const failed = new Promise<never>((_, reject) => out.once('error', reject))
  failed.catch(() => {})
  try {
    await Promise.race([once(out, 'open'), failed])
    const began = performance.now()
    const done = await exportBundleTo({
      log,
      databaseUrl,
      signer,
      space: space.right,
      from,
      // Of what is yet to come nothing can be said.
      to: to !== null && to.getTime() > Date.now() ? null : to,
      write: async (text) => {
        if (!out.write(text)) await Promise.race([once(out, 'drain'), failed])
      },
      onProgress: (events) => {
        if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${events} events`)
      },
    })
    out.end()
    await Promise.race([finished(out), failed])
    await rename(`${file}.part`, file)
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    io.out(
      `${done.events} events, ${done.bytes} bytes, of a log of ${done.size} events, in ${seconds} s: ${file}`,
    )
    return 0
  } catch (error) {
    out.destroy()
    await rm(`${file}.part`, { force: true })
    io.err((error as Error).message)
    return 1
  } finally {
    await log.close()
  }
}

/** A file's bytes between line feeds; the last is what stands behind the last of them. */
export async function* linesOf(file: string): AsyncGenerator<Buffer, void> {
  let rest: Buffer[] = []
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>) {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      yield Buffer.concat([...rest, chunk.subarray(from, at)])
      rest = []
      from = at + 1
    }
    rest.push(Buffer.from(chunk.subarray(from)))
  }
  yield Buffer.concat(rest)
}

export const checkBundleFile: Command['run'] = async (args, io) => {
  let given: { values: { key?: string[] }; positionals: string[] }
  try {
    given = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { key: { type: 'string', multiple: true } },
    })
  } catch (error) {
    io.err(`${(error as Error).message}\n\n${checkUsage}`)
    return 2
  }
  const [file, ...rest] = given.positionals
  if (file === undefined || rest.length > 0 || given.values.key === undefined) {
    io.err(checkUsage)
    return 2
  }
  const keys = readKeys(given.values.key)
  if (typeof keys === 'string' || keys.length === 0) {
    io.err(typeof keys === 'string' ? keys : 'There is no key in the file.')
    return 1
  }
  let best: Awaited<ReturnType<typeof checkBundle>> | null = null
  try {
    // A file may hold the keys of several logs, or of several years: one of them is enough.
    for (const key of keys) {
      const checked = await checkBundle(linesOf(file), key)
      if (best === null || checked.faults.length < best.faults.length) best = checked
      if (checked.faults.length === 0) break
    }
  } catch (error) {
    io.err((error as Error).message)
    return 1
  }
  const { faults, header, checkpoint, events } = best!
  for (const { line, part, event, detail } of faults)
    io.err(`line ${line}, ${part}${event === null ? '' : ` ${event}`}: ${detail}`)
  if (header !== null && checkpoint !== null) {
    const when = `${header.from ?? 'its beginning'} to ${header.to ?? 'the checkpoint'}`
    io.out(`${events} events of ${header.space}, ${when}`)
    io.out(
      `log ${checkpoint.origin}, checkpoint of ${checkpoint.size} events, ${checkpoint.root.toString('base64')}`,
    )
  }
  io.out(
    faults.length === 0
      ? 'It holds: every event is in the log, and none is missing.'
      : `${faults.length} faults`,
  )
  return faults.length === 0 ? 0 : 1
}
