/** Why a caller could not be told who it is. */
export type AuthError =
  /** Given and wrong: bad signature, used up, another account's, out of time, revoked. `detail` is for the logs. */
  /** `hint` is for the caller: what it can mend, in a sentence. */
  | { readonly _tag: 'InvalidProof'; readonly detail: string; readonly hint?: string }
  | { readonly _tag: 'TokenExpired' }
  /** This address was wrong too often of late. */
  | { readonly _tag: 'TooManyProofs'; readonly retryAfterSeconds: number }
  | { readonly _tag: 'HiveUnavailable'; readonly cause: string }
  /** The store of used challenges can't be reached, so nothing can be said to serve once. */
  | { readonly _tag: 'AuthStoreUnavailable'; readonly cause: string }

export const invalidProof = (detail: string, hint?: string): AuthError => ({
  _tag: 'InvalidProof',
  detail,
  ...(hint === undefined ? {} : { hint }),
})
