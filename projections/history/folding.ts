/** A fold over one of a room's streams whose result is kept every so often, so that any moment of it is near one. */
import type { Decoded } from '../../domain/codec.ts'
import type { Ref } from './refs.ts'

/** `apply` never fails and consumes the state it is given (see `Decider`). What `toJson` gives holds nothing personal:
 *  it stands on the log in plain, for good. */
export type Folding<S> = {
  readonly kind: 'space' | 'chat'
  readonly initial: () => S
  readonly fork: (state: S) => S
  readonly apply: (state: S, decoded: Decoded, ref: Ref) => S
  /** How many things it holds: what keeping it costs. */
  readonly entries: (state: S) => number
  /** Shares nothing that `apply` writes to. */
  readonly toJson: (state: S) => unknown
  /** What a program of this version or an older one wrote; null for anything else. What came later than what is read (a
   *  setting, a mark) is as every space begins: an older program had no event that says otherwise. */
  readonly fromJson: (json: unknown) => S | null
}
