/** A fold over one of a room's streams whose result is kept at intervals, so that one is kept near any moment. */
import type { Decoded } from '../../domain/codec.ts'
import type { Ref } from './refs.ts'

/** `apply` never fails and consumes the state that it is given (see `Decider`). The result of `toJson` contains nothing
 *  personal: it is on the log in plain text, for good. */
export type Folding<S> = {
  readonly kind: 'space' | 'chat'
  readonly initial: () => S
  readonly fork: (state: S) => S
  readonly apply: (state: S, decoded: Decoded, ref: Ref) => S
  /** How many things the state holds, which is what keeping it costs. */
  readonly entries: (state: S) => number
  /** The result shares nothing that `apply` writes to. */
  readonly toJson: (state: S) => unknown
  /** Reads what this version of the program or an older one wrote; null for anything else. What was added later (a
   *  setting, a mark) has its initial value: an older program had no event that says otherwise. */
  readonly fromJson: (json: unknown) => S | null
}
