/** Presence is a lease: a session lives as long as the boot (one run of one process) that holds it goes on renewing. */
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'

export type LeasesUnavailable = { readonly _tag: 'LeasesUnavailable'; readonly cause: string }

export type Lease = {
  readonly boot: string
  /** Empty for a boot that is known only from its sessions. */
  readonly node: string
  /** Milliseconds since it was renewed, by the store's clock: the clocks of processes differ. */
  readonly idleMs: number
  /** The boot that ends the sessions that this one left behind. */
  readonly takenBy: string | null
}

export interface LeaseStore {
  /** Renews the boot's lease, or creates it. `wasTaken`: another process took this boot for dead in the meantime. */
  readonly renew: (
    boot: string,
    node: string,
  ) => TaskEither<LeasesUnavailable, { readonly wasTaken: boolean }>
  readonly all: () => TaskEither<LeasesUnavailable, ReadonlyArray<Lease>>
  /** True for one taker only: the lease had not been renewed for `ttlMs`, and nobody else had taken it within `ttlMs`.
   *  A boot without a lease gets one that starts now, and the answer is false. */
  readonly take: (boot: string, by: string, ttlMs: number) => TaskEither<LeasesUnavailable, boolean>
  /** Deletes the lease of `boot`, if it is `by`'s own or was taken by it. */
  readonly release: (boot: string, by: string) => TaskEither<LeasesUnavailable, void>
}
