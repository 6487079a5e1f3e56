/** The proof in a delivery that an event is in the log: the answer of `GET /api/audit/proof/inclusion`. */
import * as E from 'fp-ts/lib/Either.js'
import type { Proofs } from '../../projections/proof/proofs.ts'

const or = <A>(either: E.Either<{ readonly _tag: string }, A>): A => {
  if (E.isLeft(either)) throw new Error(either.left._tag)
  return either.right
}

/** Rejects if there is none yet. */
export const inclusionOf = async (proofs: Proofs, position: string) => {
  const found = or(await proofs.find({ position })())
  if (found === null) throw new Error('it is not in the tree yet')
  const leaf = Number(found.leaf)
  const issue = or(await proofs.checkpoint(leaf + 1)())
  if (issue.kind !== 'issued') throw new Error('no checkpoint is signed')
  const { size, note } = issue.checkpoint
  const { leaf: hash, proof } = or(await proofs.inclusion(leaf, size)())
  return {
    leaf_index: leaf,
    leaf_hash: hash.toString('base64'),
    size,
    proof: proof.map((one) => one.toString('base64')),
    checkpoint: note,
  }
}
