/** Who acts. A caller is an account only if it proved so; anything else is a guest; the rest is the system. */
import * as t from 'io-ts'
import { isAccount, isGuest } from './names.ts'

export type AccountId = string
/** `guest:` and 12 lower-case hex digits. */
export type GuestId = string

export const Caller = t.union([
  t.type({ kind: t.literal('account'), id: t.string }),
  // `claimed` is a name the guest gave and did not prove: shown to nobody as proved.
  t.intersection([t.type({ kind: t.literal('guest'), id: t.string }), t.partial({ claimed: t.string })]),
])
export type Caller = t.TypeOf<typeof Caller>

export const Actor = t.union([
  t.type({ kind: t.literal('account'), id: t.string }),
  t.type({ kind: t.literal('guest'), id: t.string }),
  t.type({ kind: t.literal('system'), id: t.string }),
])
export type Actor = t.TypeOf<typeof Actor>

/** An account name or a guest id, where either may stand (bans, mutes). */
export type Subject = string
export const isSubject = (s: string): boolean => isAccount(s) || isGuest(s)

export const accountOf = (actor: Actor | Caller): AccountId | null =>
  actor.kind === 'account' ? actor.id : null
export const guestOf = (actor: Actor | Caller): GuestId | null => (actor.kind === 'guest' ? actor.id : null)
