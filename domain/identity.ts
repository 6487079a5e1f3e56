/** Who acts. A caller is an account if it proved that, a service if it showed an API key, and otherwise a guest. The
 *  system acts too. */
import * as t from 'io-ts'
import { isAccount, isGuest, isService } from './names.ts'

export type AccountId = string
/** `guest:` and 12 lower-case hex digits. */
export type GuestId = string

export const Caller = t.union([
  t.type({ kind: t.literal('account'), id: t.string }),
  // `claimed` is a name the guest gave and did not prove: shown to nobody as proved.
  t.intersection([t.type({ kind: t.literal('guest'), id: t.string }), t.partial({ claimed: t.string })]),
  // A bot or a backend, identified by an API key: it may do what the key was granted.
  t.type({ kind: t.literal('service'), id: t.string }),
])
export type Caller = t.TypeOf<typeof Caller>

export const Actor = t.union([
  t.type({ kind: t.literal('account'), id: t.string }),
  t.type({ kind: t.literal('guest'), id: t.string }),
  t.type({ kind: t.literal('system'), id: t.string }),
  t.type({ kind: t.literal('service'), id: t.string }),
])
export type Actor = t.TypeOf<typeof Actor>

/** An account name, a guest id or a service, wherever any of them is possible (bans, mutes). */
export type Subject = string
export const isSubject = (s: string): boolean => isAccount(s) || isGuest(s) || isService(s)

export const accountOf = (actor: Actor | Caller): AccountId | null =>
  actor.kind === 'account' ? actor.id : null
/** The name of whoever wrote, unless it was a guest: an account, or a service under its own name, which no account can have. */
export const writerOf = (actor: Actor | Caller): string | null =>
  actor.kind === 'account' || actor.kind === 'service' ? actor.id : null
export const guestOf = (actor: Actor | Caller): GuestId | null => (actor.kind === 'guest' ? actor.id : null)
