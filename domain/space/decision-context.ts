/** What every family of commands gets to decide on, computed once. */
import type * as E from 'fp-ts/lib/Either.js'
import { type Access, accessOf, type By } from './access.ts'
import type { ContentFacts, DecisionInput } from './commands.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceRefusal } from './refusals.ts'
import type { Session, SpaceState } from './state.ts'

export type Decision = E.Either<SpaceRefusal, ReadonlyArray<SpaceEvent>>

export type DecisionContext = {
  readonly state: SpaceState
  readonly by: By
  readonly at: string
  readonly content: ContentFacts
  readonly access: Access
  readonly rules: number | undefined
}

export const contextOf = (
  state: SpaceState,
  { by, at, content, rules }: DecisionInput<unknown>,
): DecisionContext => ({
  state,
  by,
  at,
  content,
  access: accessOf(state, by, content, at),
  rules,
})

/** The account or guest to whom a session belongs. */
export const subjectOf = (session: Session): string => session.account ?? session.guest ?? ''

/** Whether the session is the caller's own. */
export const isOwn = (context: DecisionContext, session: Session): boolean =>
  context.by.kind === 'account'
    ? session.account === context.by.id
    : context.by.kind === 'guest' && session.account === null && session.guest === context.by.id

/** The actor as events name it: who it is, without what a guest merely claims. */
export const actorOf = (by: By): { readonly kind: By['kind']; readonly id: string } => ({
  kind: by.kind,
  id: by.id,
})
