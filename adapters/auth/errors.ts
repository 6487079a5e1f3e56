/** Why a caller could not be identified. */
export type AuthError =
  /** The proof is wrong: a bad signature, used up, another account's, expired or revoked. `detail` is for the logs. */
  /** `hint` is for the caller: a sentence about what it can correct. */
  | { readonly _tag: 'InvalidProof'; readonly detail: string; readonly hint?: string }
  | { readonly _tag: 'TokenExpired' }
  /** This address sent too many wrong proofs lately. */
  | { readonly _tag: 'TooManyProofs'; readonly retryAfterSeconds: number }
  | { readonly _tag: 'HiveUnavailable'; readonly cause: string }
  /** The store of used challenges can't be reached, so it is not known which were used. */
  | { readonly _tag: 'AuthStoreUnavailable'; readonly cause: string }

export const invalidProof = (detail: string, hint?: string): AuthError => ({
  _tag: 'InvalidProof',
  detail,
  ...(hint === undefined ? {} : { hint }),
})
