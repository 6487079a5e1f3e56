/** `presence audit export` and `presence audit check` */
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { isArchive } from '../../../adapters/archive/folder.ts'
import { linesOf } from '../../../adapters/text-file.ts'
import { parseSpaceKey } from '../../../domain/names.ts'
import { readEnd, readTime } from '../../../domain/time.ts'
import { type Fault, MAX_FAULTS } from '../../../projections/proof/bundle-checking.ts'
import { checkBundle } from '../../../projections/proof/check-bundle.ts'
import { cosignedAt, parseCosignerKey } from '../../../projections/proof/cosignature.ts'
import type { Verifier } from '../../../projections/proof/note.ts'
import { exportBundleTo } from '../../operations/export/bundle.ts'
import { counted, Misused, type Run } from '../command.ts'
import { connections } from '../connections.ts'
import { fileError } from '../file-errors.ts'
import { storedLog } from '../opened-log.ts'
import { type Output, openOutput } from '../output-file.ts'
import { progressTo } from '../progress.ts'
import { reached } from '../reached.ts'
import { plain, shown } from '../shown.ts'
import { checkArchiveFolder } from './archive-check.ts'
import { evidenceInto } from './evidence.ts'
import { readKeys, signerFor } from './key-arguments.ts'
import { beside, type MotionFile, motionBeside, motionHeld } from './motion-file.ts'

export const exportUsage = `presence audit export --space TYPE:ID [--from TIME] [--to TIME] [--html [--words-of NAME]… [--no-words]] -o FILE [--force]

Writes a room's events with the proof that they are in the log, a signed checkpoint, and the state at both ends, in one
file that presence audit check verifies anywhere. What is personal stays sealed. It is signed with AUDIT_SIGNING_KEY.

  --motion FILE  writes the kept motion of these events to FILE, sealed as it is: presence audit check --motion FILE proves it
  --from, --to   ISO 8601, in UTC where no zone is given; from the room's beginning, and up to now, where they are left out
  --html         one file that opens in any browser without a network, checks itself, plays the room and shows what was said
  --words-of     with --html, shows the words of this account or guest alone; the others' are withheld, and the proof is whole
  --no-words     with --html, shows nobody's words
  -o, --out FILE  - for the standard output
  --force        write over FILE where it is there already`

export const checkUsage = `presence audit check FILE|FOLDER --key VKEY|FILE [--witness VKEY|FILE]… [--motion FILE]

Whether a file of presence audit export, or an archive of presence log archive, is what the log has, with nothing missing within it. Needs no server, no
database and no network. The key is what GET /api/audit/key gave, got by a way that you trust.

  --witness  a witness's key, as presence witness prints it: it must have cosigned the checkpoint. Then the file's events are in the
             one log that the witness saw, whoever has the log's key. Several, or a file of them: all must have

Ends with 0 where it holds, 1 where it does not, and 2 where it could not be looked at.`

export const exportBundle: Run = async (args, io) => {
  const { values: given } = parseArgs({
    args: [...args],
    options: {
      space: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      html: { type: 'boolean' },
      'words-of': { type: 'string', multiple: true },
      'no-words': { type: 'boolean' },
      motion: { type: 'string' },
      out: { type: 'string', short: 'o' },
      force: { type: 'boolean' },
    },
  })
  if (given.space === undefined) throw new Misused('Which room? Give --space TYPE:ID.')
  const space = parseSpaceKey(given.space)
  if (E.isLeft(space)) throw new Misused(`--space: ${space.left.detail}`)
  const from = given.from === undefined ? null : readTime(given.from)
  const to = given.to === undefined ? null : readEnd(given.to)
  if ((from === null && given.from !== undefined) || (to === null && given.to !== undefined))
    throw new Misused('--from and --to are times: 2026-01-31T12:00:00Z, or 2026-01-31.')
  if (from !== null && to !== null && to < from) throw new Misused('--to is before --from.')
  const wordsOf = given['words-of'] ?? null
  const shows = given['no-words'] === true ? [] : wordsOf
  if (given.html !== true && (wordsOf !== null || shows !== null))
    throw new Misused('--words-of and --no-words are for --html: a bundle shows nobody’s words.')
  const file = given.out
  if (file === undefined) throw new Misused('Where to? Give -o FILE.')
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
  let out: Output
  let motion: MotionFile | null = null
  try {
    const force = given.force === true
    out = await openOutput(file, { force })
    motion = given.motion === undefined ? null : await motionBeside(given.motion, force)
  } catch (error) {
    io.err((error as Error).message)
    return 1
  }
  const { databaseUrl, eventStoreUrl, witnesses } = connected.right
  const log = storedLog(eventStoreUrl)
  const evidence =
    given.html === true ? evidenceInto({ to: connected.right, signer, write: out.write, shows }) : null
  const progress = progressTo(io)
  try {
    const answers = await reached()
    if (E.isLeft(answers)) throw new Error(answers.left)
    const began = performance.now()
    const done = await exportBundleTo({
      log,
      databaseUrl,
      signer,
      witnesses,
      space: space.right,
      from,
      // Nothing can be said about the future.
      to: to !== null && to.getTime() > Date.now() ? null : to,
      write: beside(evidence?.take ?? out.write, motion),
      onProgress: (events) => progress.at({ what: 'exporting', more: `${events} events` }),
    }).finally(progress.end)
    const words = (await evidence?.done()) ?? ''
    await out.done()
    const moved = (await motion?.done(databaseUrl)) ?? ''
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    const { events, bytes, size } = done
    const say = out.isDirect ? io.err : io.out
    io.data?.({ file, space: given.space, ...done })
    say(
      `${counted(events, 'event')}, ${counted(bytes, 'byte')}, of a log of ${counted(size, 'event')}, in ${seconds} s: ${file}${words}${moved}`,
    )
    return 0
  } catch (error) {
    io.err((error as Error).message)
    return 1
  } finally {
    await out.abandon()
    await motion?.abandon()
    await log.close()
  }
}

/** When a witness cosigned the checkpoint, in ISO 8601; null if it did not. */
const timeOf = (note: string | null, key: Verifier): string | null => {
  const cosigned = note === null ? null : cosignedAt(note, key)
  return cosigned === null ? null : new Date(1_000 * cosigned.seconds).toISOString()
}
const notCosigned = ({ name }: { readonly name: string }): Fault => ({
  line: 2,
  part: 'checkpoint',
  event: null,
  detail: `The witness ${name} did not cosign it.`,
})

export const checkBundleFile: Run = async (args, io) => {
  const given = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      key: { type: 'string', multiple: true },
      witness: { type: 'string', multiple: true },
      motion: { type: 'string' },
    },
  })
  const [file, ...rest] = given.positionals
  if (file === undefined || rest.length > 0) throw new Misused('Name one file.')
  if (given.values.key === undefined)
    throw new Misused('By which key? Give --key: without it nobody is known to have signed anything.')
  const keys = readKeys(given.values.key)
  if (typeof keys === 'string' || keys.length === 0) {
    io.err(typeof keys === 'string' ? keys : 'There is no key in the file.')
    return 2
  }
  const witnesses = readKeys(given.values.witness ?? [], parseCosignerKey)
  if (typeof witnesses === 'string') {
    io.err(witnesses)
    return 2
  }
  if (isArchive(file)) {
    if (witnesses.length > 0) throw new Misused('--witness is for a file of presence audit export.')
    try {
      return await checkArchiveFolder(file, keys, io)
    } catch (error) {
      io.err(fileError(error, file))
      return 2
    }
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
    io.err(fileError(error, file))
    return 2
  }
  const { header, checkpoint, note, events } = best!
  const cosigned = witnesses.map((key) => ({ name: key.name, at: timeOf(note, key) }))
  const faults = [...best!.faults, ...cosigned.filter(({ at }) => at === null).map(notCosigned)]
  if (header === null && checkpoint === null && events === 0) {
    io.err(`${file} is no file of presence audit export, or its first lines were altered.`)
    return 1
  }
  const moved = given.values.motion === undefined ? null : await motionHeld(file, given.values.motion, io)
  if (moved === 'unreadable') return 2
  io.data?.({
    holds: faults.length === 0 && (moved?.faults.length ?? 0) === 0,
    faults,
    ...(moved === null ? {} : { motion: moved }),
    ...(witnesses.length === 0 ? {} : { witnesses: cosigned }),
    events,
    header,
    checkpoint: checkpoint && { ...checkpoint, root: checkpoint.root.toString('base64') },
  })
  for (const { line, part, event, detail } of faults)
    io.err(plain(`line ${line}, ${part}${event === null ? '' : ` ${event}`}: ${detail}`))
  if (header !== null && checkpoint !== null) {
    const when = `${header.from === null ? 'its beginning' : shown(header.from)} to ${header.to === null ? 'the checkpoint' : shown(header.to)}`
    io.out(`${counted(events, 'event')} of ${shown(header.space)}, ${when}`)
    io.out(
      `log ${shown(checkpoint.origin)}, checkpoint of ${counted(checkpoint.size, 'event')}, ${checkpoint.root.toString('base64')}`,
    )
  }
  for (const { name, at } of cosigned)
    if (at !== null) io.out(`cosigned by the witness ${shown(name)} at ${at}`)
  if (header !== null && checkpoint === null)
    io.err(`Is it the right key? The file says that it is of the log ${shown(header.origin)}.`)
  io.out(
    faults.length === 0
      ? 'It holds: every event is in the log, and none is missing.'
      : `It does not hold: ${counted(faults.length, 'fault')}${faults.length < MAX_FAULTS ? '' : ' or more'}.`,
  )
  return faults.length === 0 && (moved?.faults.length ?? 0) === 0 ? 0 : 1
}
