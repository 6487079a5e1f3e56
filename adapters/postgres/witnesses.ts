/** The log's witnesses: whichever server comes first sends each checkpoint to them, and their answers are kept in tables. */
import { setTimeout as delay } from 'node:timers/promises'
import type { DatabasePool } from 'slonik'
import { numberOf } from '../../projections/proof/issued.ts'
import { consistencyProof } from '../../projections/proof/merkle.ts'
import { checkpointIn, type Verifier } from '../../projections/proof/note.ts'
import {
  type IssuedCheckpoint,
  newestCheckpoint,
  numberedCheckpoint,
} from '../../projections/proof/queries.ts'
import {
  type AskingPace,
  claimAsking,
  cosignaturesOf,
  dropAsking,
  keepCosigned,
  keepNotCosigned,
  keptWitnesses,
} from '../../projections/proof/witness-queries.ts'
import type { Witnesses, WitnessPlace, WitnessState } from '../../projections/proof/witnesses.ts'
import { askWitness, type Cosigning } from '../witnesses/ask.ts'
import { nodesOf } from './proofs.ts'
import { askingOf, rowsOf } from './query.ts'

export type WitnessOptions = {
  readonly pool: DatabasePool
  readonly log: Verifier
  readonly places: ReadonlyArray<WitnessPlace>
  /** Called when a witness's answer about the log changes. `told`: null once the witness cosigns. */
  readonly onChange?: (place: WitnessPlace, told: Extract<Cosigning, { kind: 'not cosigned' }> | null) => void
  readonly pace?: AskingPace
}

export type AskedWitnesses = Witnesses & {
  /** Sends the newest checkpoint to the witnesses that have not answered about it, or not for a while. */
  readonly ask: () => Promise<void>
  /** Has our newest checkpoint, `note`, cosigned, and returns it with the signatures. Waits some seconds for the
   *  witnesses that another server is asking. */
  readonly cosign: (note: string) => Promise<string>
}

/** `again`: a cosignature says that the log is still the same, so witnesses are asked again even if nothing happens.
 *  `claim`: a server that dies while it asks holds up the others no longer than this. */
const PACE: AskingPace = { again: 60, claim: 20 }
/** How often this server checks whether a witness answered another server, and how many milliseconds apart. */
const LOOKS = 14
const LOOK_MS = 500

export const createWitnesses = ({
  pool,
  log,
  places,
  onChange,
  pace = PACE,
}: WitnessOptions): AskedWitnesses => {
  const { vkey } = log
  const asking = askingOf(pool)
  const nodes = nodesOf(pool)
  const newest = async () => (await rowsOf(pool, newestCheckpoint(vkey)))[0]
  /** What each witness answered last to this server, so that a change is reported once. */
  const said = new Map<string, string | null>()

  const keep = async (place: WitnessPlace, of: IssuedCheckpoint, told: Cosigning): Promise<void> => {
    const at = { vkey, witness: place.key.vkey, number: Number(of.number) }
    if (told.kind === 'later') return void (await pool.query(dropAsking(at)))
    if (told.kind === 'not cosigned') await pool.query(keepNotCosigned(at, told))
    else {
      const cosigned = { size: Number(of.size), at: new Date(1_000 * told.seconds).toISOString() }
      const statements = keepCosigned(at, { ...cosigned, line: told.line })
      await pool.transaction(async (transaction) => {
        for (const statement of statements) await transaction.query(statement)
      })
    }
    const fault = told.kind === 'cosigned' ? null : told.fault
    if ((said.get(place.url) ?? null) !== fault) onChange?.(place, told.kind === 'cosigned' ? null : told)
    said.set(place.url, fault)
  }

  const askOne = async (place: WitnessPlace, of: IssuedCheckpoint): Promise<void> => {
    const at = { vkey, witness: place.key.vkey, number: Number(of.number) }
    const [claimed] = await rowsOf(pool, claimAsking(at, pace))
    if (claimed === undefined) return
    const size = Number(of.size)
    const told = await askWitness(
      place,
      {
        note: of.note,
        size,
        covered: async () => Number((await newest())?.size ?? 0),
        proofFrom: (old) => consistencyProof(old, size, nodes),
      },
      Number(claimed.size),
    )
    await keep(place, of, told)
  }

  const kept = async (): Promise<ReadonlyMap<string, Awaited<ReturnType<typeof rows>>[number]>> =>
    new Map((await rows()).map((row) => [row.witness, row]))
  const rows = () => rowsOf(pool, keptWitnesses(vkey))

  const linesUnder = async (number: number): Promise<string> => {
    const witnesses = places.map(({ key }) => key.vkey)
    return (await rowsOf(pool, cosignaturesOf(vkey, number, witnesses))).map(({ line }) => line).join('')
  }

  const cosigned = async (): Promise<string | null> => {
    if (places.length === 0) return null
    const known = await kept()
    // Until all witnesses were asked about it, a checkpoint has fewer signatures than it will have.
    const numbers = places.map(({ key }) => Number(known.get(key.vkey)?.number ?? 0)).filter((n) => n > 0)
    const number = Math.min(...numbers)
    const [of] = numbers.length === 0 ? [] : await rowsOf(pool, numberedCheckpoint(vkey, number))
    if (of === undefined) return (await newest())?.note ?? null
    return of.note + (await linesUnder(number))
  }

  const states = async (): Promise<ReadonlyArray<WitnessState>> => {
    const known = await kept()
    return places.map(({ url, key }) => {
      const row = known.get(key.vkey)
      return {
        name: key.name,
        key: key.vkey,
        url,
        size: Number(row?.size ?? 0),
        cosigned_at: row?.cosigned_at ?? null,
        asked_at: row?.asked_at ?? null,
        fault: row?.fault ?? null,
        why: row?.why ?? null,
      }
    })
  }

  const ask = async (): Promise<void> => {
    const of = await newest()
    if (of === undefined) return
    const all = await Promise.allSettled(places.map((place) => askOne(place, of)))
    const failed = all.find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  const cosign = async (note: string): Promise<string> => {
    const checkpoint = checkpointIn(note)
    const number = checkpoint === null ? null : numberOf(checkpoint)
    if (number === null) return note
    for (let attempt = 0; attempt < LOOKS; attempt += 1) {
      await ask()
      const known = await kept()
      if (places.every(({ key }) => Number(known.get(key.vkey)?.number ?? 0) >= number)) break
      await delay(LOOK_MS)
    }
    return note + (await linesUnder(number))
  }

  return { cosigned: () => asking(cosigned), states: () => asking(states), ask, cosign }
}
