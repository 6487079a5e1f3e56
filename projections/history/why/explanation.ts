/** The types of an explanation: why an act was accepted or refused. */
import type { ChatRefusal } from '../../../domain/chat/refusals.ts'
import type { Actor } from '../../../domain/identity.ts'
import type { RoleInForce } from './cause.ts'
import type { eventView } from './right.ts'
import type { Rule } from './rules.ts'

/** `nothing`: it had been carried out already, or there was nothing to do. */
export type Verdict = {
  readonly outcome: 'accepted' | 'refused' | 'nothing'
  /** The code of the refusal (docs/contract.md), null for none. */
  readonly code: string | null
  readonly refusal: ChatRefusal | null
  readonly events: ReadonlyArray<{ readonly type: string; readonly data: unknown }>
}

export type Explanation = {
  readonly command: { readonly type: string; readonly fields: Readonly<Record<string, unknown>> }
  readonly actor: Actor
  readonly at: string
  /** What happened according to the log; null for a question about what could have. */
  readonly happened: {
    readonly outcome: 'accepted' | 'refused'
    readonly code: string | null
    readonly events: ReadonlyArray<ReturnType<typeof eventView>>
  } | null
  /** What the rules say about it; null if the log does not hold enough of the command. */
  readonly verdict: Verdict | null
  /** Whether the two agree; null if one of them is missing. */
  readonly agrees: boolean | null
  readonly right: RoleInForce
  readonly rules: ReadonlyArray<Rule>
  /** The explanation in words, sentence by sentence. */
  readonly says: ReadonlyArray<string>
  /** What the log can't tell, in sentences. */
  readonly gaps: ReadonlyArray<string>
}
