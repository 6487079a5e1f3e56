/** What an explanation names as causes: the event that set something, and what gave its actor the right to. */
import type { Actor } from '../../../domain/identity.ts'
import type { RefView } from '../view.ts'

/** The event that set something, as a sentence, and what gave its actor the right to do so. */
export type Cause = RefView & {
  readonly type: string
  readonly at: string
  readonly says: string
  readonly by: RoleInForce
}

/** The `role` in force and where it came from. `because` is the grant, if it came from one. */
export type RoleInForce = {
  readonly actor: Actor
  readonly role: 'owner' | 'admin' | 'moderate' | 'access' | 'none' | 'system'
  readonly via: 'content' | 'grant' | 'public' | 'system' | 'none'
  readonly says: string
  readonly because: Cause | null
}
