/** Spaces and callers as the API shows them. */
import type { Caller } from '../../domain/identity.ts'
import { MAIN, type SpaceRef } from '../../domain/names.ts'
import type { Accepted } from '../../domain/ports.ts'
import { settingsIn } from '../../domain/settings.ts'
import { marksIn, shownMarks } from '../../domain/space/session.ts'
import type { SessionRow, SpaceRow } from '../../projections/read-models.ts'
import type { VisibleSpace } from './space-gate.ts'

export const identityOf = (caller: Caller) => ({
  kind: caller.kind,
  id: caller.id,
  verified: caller.kind !== 'guest',
  ...(caller.kind === 'guest' && caller.claimed !== undefined ? { claimed: caller.claimed } : {}),
})

/** What the answer to every write has. */
export const written = (accepted: Accepted<unknown>) => ({
  success: true,
  position: String(accepted.position),
  revision: String(accepted.revision),
})

/** Seats in the form that the panel uses. */
export const capacityOf = (used: number, total: number) => ({
  used,
  total,
  available: Math.max(0, total - used),
  premiumBonus: 0,
})

/** Through an SFU, or from browser to browser. */
export const voiceRouteOf = ({ state }: VisibleSpace, subspace: string): 'sfu' | 'mesh' =>
  state.routes.has(subspace) ? 'sfu' : 'mesh'

const named = (space: SpaceRef, of: VisibleSpace) => ({
  space_type: space.type,
  space_id: space.id,
  title: of.content.title,
  owner: of.content.owner,
  visibility: of.content.visibility,
})

/** A space from the tables. One in which nothing ever happened may have no row: then the content's facts are shown.
 *  `users` is null for a caller who may not enter, who sees only how many there are. */
export const spaceView = (
  of: VisibleSpace,
  row: SpaceRow | null,
  users: ReadonlyArray<SessionRow> | null,
  positions: ReadonlyMap<string, unknown> = new Map(),
): Readonly<Record<string, unknown>> => ({
  ...named(of.space, of),
  description: row?.description ?? '',
  type: row?.type ?? of.space.type,
  // The list and the count must agree, whatever happens between two reads.
  active_users: users?.length ?? row?.active_users ?? 0,
  connected_users: (users ?? []).map((user) => ({
    session_id: user.session_id,
    socket_id: user.socket_id,
    user_account: user.user_account,
    guest_id: user.guest_id,
    subspace: user.subspace,
    connected_at: user.connected_at,
    // The position that they reported last, which is not on the log.
    position: positions.get(user.session_id) ?? user.position,
    ...shownMarks(marksIn({ ...user.marks, voice: user.voice_enabled })),
  })),
  voice_route: users === null ? null : voiceRouteOf(of, MAIN),
  ...settingsIn(row ?? of.state.settings),
  created_at: row?.created_at ?? null,
})

/** A space from the log's own state, for somebody who has just been let in. */
export const spaceNow = (of: VisibleSpace, subspace: string): Readonly<Record<string, unknown>> => ({
  ...named(of.space, of),
  active_users: of.state.sessions.size,
  voice_route: voiceRouteOf(of, subspace),
  ...settingsIn(of.state.settings),
})
