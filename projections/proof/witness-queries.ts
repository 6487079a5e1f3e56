/** Queries about the log's witnesses. */
import * as t from 'io-ts'
import { sql } from 'slonik'
import type { Statement } from '../projection.ts'
import { decimal, iso, nullable, type Query, query } from '../query.ts'
import type { CosigningFault } from './witnesses.ts'

const fault = t.keyof({ unreachable: null, refused: null, ahead: null })
const kept = t.type({
  witness: t.string,
  number: decimal,
  size: decimal,
  cosigned_at: nullable(iso),
  asked_at: nullable(iso),
  fault: nullable<CosigningFault>(fault as t.Type<CosigningFault, CosigningFault, unknown>),
  why: nullable(t.string as t.Type<string, string, unknown>),
})
export type KeptWitness = t.TypeOf<typeof kept>
export const keptWitnesses = (vkey: string): Query<KeptWitness> =>
  query(
    sql.unsafe`SELECT witness, number, size, cosigned_at, asked_at, fault, why FROM proof_witnesses WHERE vkey = ${vkey}
      ORDER BY witness LIMIT 1000`,
    kept as t.Type<KeptWitness, KeptWitness, unknown>,
  )

type CosignatureLine = { readonly line: string }
/** The cosignatures of one checkpoint, by its number. */
export const cosignaturesOf = (
  vkey: string,
  number: number,
  witnesses: ReadonlyArray<string>,
): Query<CosignatureLine> =>
  query(
    sql.unsafe`SELECT line FROM proof_cosignatures WHERE vkey = ${vkey} AND number = ${String(number)}::int8
      AND witness = ANY (${sql.array(witnesses, 'text')}) ORDER BY array_position(${sql.array(witnesses, 'text')}, witness)
      LIMIT 1000`,
    t.type({ line: t.string }) as t.Type<CosignatureLine, CosignatureLine, unknown>,
  )

/** In seconds. */
export type AskingPace = { readonly again: number; readonly claim: number }
type Claimed = { readonly size: string }
/** Claims the asking for this server: returns a row if the witness was not asked about this checkpoint, or not for a
 *  while, and no other server is asking it now. */
export const claimAsking = (
  { vkey, witness, number }: { vkey: string; witness: string; number: number },
  { again, claim }: AskingPace,
): Query<Claimed> =>
  query(
    sql.unsafe`INSERT INTO proof_witnesses (vkey, witness, asking_until)
      VALUES (${vkey}, ${witness}, now() + make_interval(secs => ${claim}))
      ON CONFLICT (vkey, witness) DO UPDATE SET asking_until = excluded.asking_until
        WHERE proof_witnesses.asking_until < now() AND (proof_witnesses.number < ${String(number)}::int8
          OR proof_witnesses.asked_at < now() - make_interval(secs => ${again}))
      RETURNING size`,
    t.type({ size: decimal }) as t.Type<Claimed, Claimed, unknown>,
  )

type AskedOf = { readonly vkey: string; readonly witness: string; readonly number: number }
/** `at`: ISO 8601, by the witness's clock. */
export const keepCosigned = (
  { vkey, witness, number }: AskedOf,
  { size, at, line }: { readonly size: number; readonly at: string; readonly line: string },
): ReadonlyArray<Statement> => [
  sql.unsafe`INSERT INTO proof_cosignatures (vkey, witness, number, line)
    VALUES (${vkey}, ${witness}, ${String(number)}::int8, ${line})
    ON CONFLICT (vkey, witness, number) DO UPDATE SET line = excluded.line`,
  sql.unsafe`UPDATE proof_witnesses SET asking_until = '-infinity', asked_at = now(), number = ${String(number)}::int8,
      size = ${String(size)}::int8, cosigned_at = ${at}::timestamptz, fault = NULL, why = NULL
    WHERE vkey = ${vkey} AND witness = ${witness}`,
  // Only cosignatures of the last few checkpoints are served.
  sql.unsafe`DELETE FROM proof_cosignatures WHERE vkey = ${vkey} AND witness = ${witness}
    AND number < ${String(number - 100)}::int8`,
]
/** `size`: the size that the witness says it cosigned last, if it says so. */
export const keepNotCosigned = (
  { vkey, witness, number }: AskedOf,
  {
    fault,
    why,
    size,
  }: { readonly fault: CosigningFault; readonly why: string; readonly size: number | null },
): Statement =>
  sql.unsafe`UPDATE proof_witnesses SET asking_until = '-infinity', asked_at = now(), number = ${String(number)}::int8,
      fault = ${fault}, why = ${why}, size = coalesce(${size === null ? null : String(size)}::int8, size)
    WHERE vkey = ${vkey} AND witness = ${witness}`
/** The asking failed: the witness may be asked again at once. */
export const dropAsking = ({ vkey, witness }: Omit<AskedOf, 'number'>): Statement =>
  sql.unsafe`UPDATE proof_witnesses SET asking_until = '-infinity' WHERE vkey = ${vkey} AND witness = ${witness}`
