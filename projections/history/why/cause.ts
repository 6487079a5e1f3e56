/** What an explanation names as causes: the event that set something, and by what right. */
import type { Actor } from '../../../domain/identity.ts'
import type { RefView } from '../view.ts'

/** The event that set something, in a sentence, and by what right whoever did it could. */
export type Cause = RefView & {
  readonly type: string
  readonly at: string
  readonly says: string
  readonly by: RoleInForce
}

/** `role` in force and where it came from. `because` is the grant, where it is one. */
export type RoleInForce = {
  readonly actor: Actor
  readonly role: 'owner' | 'admin' | 'moderate' | 'access' | 'none' | 'system'
  readonly via: 'content' | 'grant' | 'public' | 'system' | 'none'
  readonly says: string
  readonly because: Cause | null
}
