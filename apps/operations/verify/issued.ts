/** Checks whether an issued checkpoint is missing from the table: by its number, and by what is on the log besides. */
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { issuedIn, issuedStream, numberOf } from '../../../projections/proof/issued.ts'
import { checkpointIn, openCheckpoint, type Verifier } from '../../../projections/proof/note.ts'
import { newestOfEach, numberedAfter, wentBackNotes } from '../../../projections/proof/queries.ts'
import {
  lostBy,
  openWentBack,
  together,
  type WentBack,
  wentBackIn,
} from '../../../projections/proof/went-back.ts'
import type { CheckpointFailure } from './checkpoint-failure.ts'

const PAGE = 500

/** The streams of the known keys, and how many events each has now. */
export type IssuedStreams = ReadonlyArray<{ readonly vkey: string; readonly events: number }>

export const issuedStreams = async (
  log: EventLog,
  databaseUrl: string,
  verifiers: ReadonlyArray<Verifier>,
): Promise<IssuedStreams> => {
  const session = await connectSession(databaseUrl, 'presence audit verify')
  try {
    const rows = await session.run(sql.unsafe`SELECT DISTINCT vkey FROM proof_checkpoints`)
    const vkeys = new Set([...verifiers.map(({ vkey }) => vkey), ...rows.map(({ vkey }) => String(vkey))])
    const streams: Array<{ vkey: string; events: number }> = []
    for (const vkey of vkeys) {
      const end = await log.readStream(issuedStream(vkey), { direction: 'backwards', limit: 1 })()
      if (E.isLeft(end)) throw new Error(`The log can't be read: ${end.left._tag}.`)
      streams.push({ vkey, events: end.right[0] === undefined ? 0 : Number(end.right[0].revision) + 1 })
    }
    return streams
  } finally {
    await session.close()
  }
}

/** What the log says about a key's numbers: it has those up to `upTo`, except the ranges in `out`. */
export type Covered = { readonly upTo: number; readonly out: ReadonlyArray<readonly [number, number]> }

/** Checks that each checkpoint on the log has its row. */
export const holdIssued = async (
  session: DatabaseSession,
  log: EventLog,
  streams: IssuedStreams,
  verifiers: ReadonlyArray<Verifier>,
): Promise<{
  readonly failures: ReadonlyArray<CheckpointFailure>
  readonly covered: ReadonlyMap<string, Covered>
}> => {
  const failures: CheckpointFailure[] = []
  const covered = new Map<string, Covered>()
  for (const { vkey, events } of streams) {
    const out: Array<readonly [number, number]> = []
    let upTo = 0
    const stream = issuedStream(vkey)
    const verifier = verifiers.find((one) => one.vkey === vkey)
    for (let from = 0; from < events; from += PAGE) {
      const page = await log.readStream(stream, {
        from: BigInt(from),
        limit: Math.min(PAGE, events - from),
      })()
      if (E.isLeft(page)) throw new Error(`The log can't be read: ${page.left._tag}.`)
      const issued = page.right.map(({ data }) => issuedIn(data))
      const numbers = issued.flatMap((one) => (one === null ? [] : [one.number])).filter(Number.isSafeInteger)
      const rows = await session.run(sql.unsafe`SELECT number, note FROM proof_checkpoints
        WHERE vkey = ${vkey} AND number = ANY(${sql.array(numbers.map(String), 'int8')})`)
      const notes = new Map(rows.map(({ number, note }) => [Number(number), String(note)]))
      for (const [i, one] of issued.entries()) {
        const fail = (what: CheckpointFailure['what'], size: number | null, detail: string): void =>
          void failures.push({ from: stream, size, what, detail })
        const at = `Event ${from + i}`
        if (one === null) {
          fail('malformed', null, `${at} is no checkpoint.`)
          continue
        }
        const { number, note } = one
        const size = Number(note.split('\n')[1] ?? Number.NaN) || null
        const signed = verifier === undefined ? null : openCheckpoint(note, verifier)
        if (verifier !== undefined && (signed === null || (numberOf(signed) ?? number) !== number)) {
          fail('signature', size, `${at} is no checkpoint that the key signed as number ${number}.`)
          continue
        }
        if (number > upTo + 1) out.push([upTo + 1, number - 1])
        upTo = Math.max(upTo, number)
        const row = notes.get(number)
        if (row === undefined)
          fail(
            'missing',
            size,
            `It was issued as number ${number}, and its row is gone from proof_checkpoints.`,
          )
        else if (row !== note)
          fail('row', size, `The row of number ${number} in proof_checkpoints has another note.`)
      }
    }
    covered.set(vkey, { upTo, out })
  }
  return { failures, covered }
}

type Row = { readonly number: number; readonly size: number; readonly vkey: string; readonly note: string }
type Before = { readonly number: number; readonly size: number }

/** Finds numbers that are missing in the rows, and sizes that decrease although nothing says that the log went back.
 *  What the log shows itself is not reported again. Rows come by key and number. */
const gapsIn = (covered: ReadonlyMap<string, Covered>, wentBack: ReadonlyArray<WentBack>) => {
  const last = new Map<string, Before>()
  return (rows: ReadonlyArray<Row>): ReadonlyArray<CheckpointFailure> =>
    rows.flatMap(({ number, size, vkey, note }) => {
      const before = last.get(vkey) ?? { number: 0, size: 0 }
      const checkpoint = checkpointIn(note)
      const isLost = checkpoint !== null && lostBy(wentBack, checkpoint) !== null
      last.set(vkey, { number, size: isLost ? before.size : size })
      const failed = (what: CheckpointFailure['what'], detail: string): CheckpointFailure => ({
        from: 'proof_checkpoints',
        size,
        what,
        detail,
      })
      const { upTo, out } = covered.get(vkey) ?? { upTo: 0, out: [] }
      const gone = [...out, [upTo + 1, number - 1] as const].flatMap(([low, high]) => {
        const [from, to] = [Math.max(low, before.number + 1), Math.min(high, number - 1)]
        if (from > to) return []
        const which = from === to ? `Number ${from} is` : `Numbers ${from} to ${to} are`
        return [failed('missing', `${which} gone from before it: checkpoints that were issued.`)]
      })
      if (size >= before.size) return gone
      return [
        ...gone,
        failed('row', `Its number is ${number}, and one before it is of ${before.size} events.`),
      ]
    })
}

/** Checks that each number of each key has its row, and that none has fewer events than those before. */
export const holdNumbers = async (
  session: DatabaseSession,
  covered: ReadonlyMap<string, Covered>,
  wentBack: ReadonlyArray<WentBack>,
): Promise<ReadonlyArray<CheckpointFailure>> => {
  const gaps = gapsIn(covered, wentBack)
  const failures: CheckpointFailure[] = []
  let place = { vkey: '', number: '0' }
  for (;;) {
    const page = (await session.run(numberedAfter(place, PAGE))).map((row) => ({
      number: Number(row.number),
      size: Number(row.size),
      vkey: String(row.vkey),
      note: String(row.note),
    }))
    failures.push(...gaps(page))
    const end = page.at(-1)
    if (end === undefined || page.length < PAGE) return failures
    place = { vkey: end.vkey, number: String(end.number) }
  }
}

/** What a key has signed about the log going back: in its newest checkpoint, and in what waits for the next. Without a
 *  key, signatures are not checked here either. */
export const wentBackOf = async (
  session: DatabaseSession,
  verifiers: ReadonlyArray<Verifier>,
): Promise<ReadonlyArray<WentBack>> => {
  const newest = (await session.run(newestOfEach())).flatMap(({ note }) => {
    const opened = verifiers.flatMap((verifier) => openCheckpoint(String(note), verifier) ?? [])
    const checkpoint = verifiers.length === 0 ? checkpointIn(String(note)) : opened[0]
    return checkpoint === undefined || checkpoint === null ? [] : wentBackIn(checkpoint)
  })
  const waiting = (await session.run(wentBackNotes().statement)).flatMap(({ note }) =>
    verifiers.flatMap((verifier) => openWentBack(String(note), verifier) ?? []),
  )
  return together(newest, waiting)
}
