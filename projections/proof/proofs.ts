/** What can be asked of the log's tree, as a port. */
import type { ReadResult } from '../read-models.ts'
import type { Hash } from './merkle.ts'
import type { Audited } from './queries.ts'
import type { Tile } from './tiles.ts'

/** A signed checkpoint, as it was issued. */
export type SignedCheckpoint = { readonly size: number; readonly note: string }

/** `altered`: the tables' tree does not begin with the tree that was signed before, so nothing more is signed. */
export type Issue =
  | { readonly kind: 'issued'; readonly checkpoint: SignedCheckpoint }
  | { readonly kind: 'altered' }

export interface Proofs {
  /** The key that checkpoints are signed with, as verifiers write it. */
  readonly vkey: string
  /** The newest checkpoint. A new one is made if the log has grown since and the last is some time old or has fewer
   *  than `atLeast` leaves. */
  readonly checkpoint: (atLeast?: number) => ReadResult<Issue>
  /** How many leaves the newest checkpoint covers, of those that were issued; 0 before the first. Signs none. */
  readonly covered: () => ReadResult<number>
  readonly size: () => ReadResult<number>
  /** Null if there is no such event, or if it is not in the tree yet. */
  readonly find: (
    by: { readonly position: string } | { readonly event: string },
  ) => ReadResult<Audited | null>
  /** The leaf's hash and its proof in the tree of `size` leaves, which is at most today's. */
  readonly inclusion: (
    leaf: number,
    size: number,
  ) => ReadResult<{ readonly leaf: Hash; readonly proof: ReadonlyArray<Hash> }>
  /** A tile's hashes, one after the other; null where no checkpoint covers all of them. */
  readonly tile: (tile: Tile) => ReadResult<Buffer | null>
  readonly consistency: (from: number, to: number) => ReadResult<ReadonlyArray<Hash>>
}
