/** Which sessions a join replaces: those of the same person whose line is gone although nobody has noticed yet. */
import type { Caller } from '../../domain/identity.ts'
import type { Session } from '../../domain/space/state.ts'
import type { LiveSpace } from './live-space.ts'
import type { JoinSpacePayload } from './payloads.ts'

/** How long (ms) a line has to show that somebody is there. */
const PROBE_MS = 1_000

const isOf = (caller: Caller, { account, guest }: Session): boolean =>
  caller.kind === 'account' ? account === caller.id : account === null && guest === caller.id

/** Sessions that the client names, that no longer have a socket in this process, or whose socket does not answer. A
 *  session of another process can't be asked: if the client says that it was here (`since`), and there is exactly one
 *  such session, and no end of one of theirs has been seen, it is that one. A second window says none of this, and
 *  replaces nobody. */
export const staleSessions = async (
  live: LiveSpace,
  caller: Caller,
  asked: JoinSpacePayload,
  boot: string,
): Promise<ReadonlyArray<string>> => {
  const own: Session[] = []
  for (const sessionId of live.state.own.get(caller.id) ?? []) {
    const session = live.state.sessions.get(sessionId)
    if (session !== undefined && isOf(caller, session)) own.push(session)
  }
  if (own.length === 0) return []
  const isFull = live.state.sessions.size + live.state.held.size >= live.state.settings.max_users
  const isBack = asked.since != null
  const isStale = async (session: Session): Promise<boolean> => {
    if (session.sessionId === asked.replaces) return true
    if (session.boot !== boot) return false
    const occupant = live.occupants.get(session.sessionId)
    if (occupant === undefined) return true
    return (isBack || isFull) && asked.replaces == null && !(await occupant.isThere(PROBE_MS))
  }
  const answers = await Promise.all(own.map(isStale))
  const stale = own.filter((_, i) => answers[i]).map(({ sessionId }) => sessionId)
  const elsewhere = own.filter((session) => session.boot !== boot)
  const isTheOne = stale.length === 0 && isBack && elsewhere.length === 1 && !live.state.left.has(caller.id)
  return isTheOne ? [elsewhere[0]!.sessionId] : stale
}
