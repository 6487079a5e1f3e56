/** The session tokens of the sockets here: when one ends, its socket is notified and closed. */
import type { Clock } from '../../../domain/ports.ts'
import type { Auth } from '../../auth/authenticate.ts'
import { describeError } from '../../refusals.ts'
import { told } from '../answers.ts'
import { createExpiring } from '../expiring.ts'
import type { Member } from '../member.ts'

export type SocketTokens = {
  /** A token with which a guest who came without one stays the same guest; null if it is not needed. */
  readonly tokenFor: (member: Member) => string | null
  /** The same for a guest who waits for a seat; entering makes another. */
  readonly tokenToWait: (member: Member) => string | null
  /** Closes the member's socket when its token ends. */
  readonly watch: (member: Member) => void
  readonly stop: () => void
}

const endToken = ({ line }: Member): void => {
  line.tell('space-error', told(describeError({ _tag: 'TokenExpired' })))
  line.close()
}

export const createTokens = (deps: {
  readonly members: ReadonlyMap<string, Member>
  readonly auth: Pick<Auth, 'onEnded' | 'issue'>
  readonly clock: Clock
}): SocketTokens => {
  const { members, auth, clock } = deps
  const stopHearing = auth.onEnded((sid) => {
    for (const member of [...members.values()]) if (member.token?.sid === sid) endToken(member)
  })
  const expiring = createExpiring(clock, (now) => {
    let earliest = Number.POSITIVE_INFINITY
    for (const member of [...members.values()]) {
      const end = member.token?.expiresAt ?? Number.POSITIVE_INFINITY
      if (end <= now) endToken(member)
      else earliest = Math.min(earliest, end)
    }
    return earliest
  })

  return {
    tokenFor: (member) => {
      if (member.caller.kind !== 'guest' || member.token !== null) return null
      const { token, sid, expiresAt } = auth.issue(member.caller)
      member.token = { sid, expiresAt }
      expiring.watch(expiresAt)
      return token
    },
    tokenToWait: ({ caller, token }) =>
      caller.kind === 'guest' && token === null ? auth.issue(caller).token : null,
    watch: ({ token }) => {
      if (token !== null) expiring.watch(token.expiresAt)
    },
    stop: () => {
      stopHearing()
      expiring.stop()
    },
  }
}
