/** How members leave: one by one, all at once when the server stops, and those who may no longer know of their space. */
import { spaceKey } from '../../../domain/names.ts'
import type { Content } from '../../../domain/ports.ts'
import { type Logger, reasonOf } from '../../observing.ts'
import { told } from '../answers.ts'
import type { Ephemeral } from '../ephemeral/parts.ts'
import type { Member } from '../member.ts'
import type { Membership } from '../membership.ts'
import { GOING } from './gate.ts'

export type Going = {
  readonly depart: (member: Member, reason: string) => void
  readonly sendAllElsewhere: () => void
  /** Checks members from now on, whenever the content changes; returns what ends that. */
  readonly watchContent: (content: Content) => (() => void) | undefined
}

export const createGoing = (deps: {
  readonly members: Map<string, Member>
  readonly membership: Membership
  readonly ephemeral: Ephemeral
  readonly logger: Logger
}): Going => {
  const { members, membership, ephemeral, logger } = deps

  const depart = (member: Member, reason: string): void => {
    // Somebody who was sent away has left already.
    if (!members.delete(member.line.id)) return
    ephemeral.forget(member)
    membership
      .gone(member, reason === 'ping timeout' ? 'expired' : 'disconnected')
      .catch((error) => logger.error({ error: reasonOf(error) }, 'a departure failed'))
  }
  const sendAllElsewhere = (): void => {
    for (const member of [...members.values()]) {
      member.line.tell('space-error', told(GOING))
      // A polling connection is closed with its next request, but its session is over now.
      depart(member, 'sent elsewhere')
      member.line.sendElsewhere()
    }
  }

  const watchContent: Going['watchContent'] = (content) =>
    content.onChange?.((space) => {
      const key = space === null ? null : spaceKey(space)
      for (const member of members.values()) {
        const isIn = member.place !== null && (key === null || member.place.hold.live.key === key)
        // A session that is being joined is checked once it is in.
        if (isIn || member.busy !== null)
          membership
            .recheck(member)
            .catch((error) => logger.error({ error: reasonOf(error) }, 'access could not be looked at again'))
      }
    })

  return { depart, sendAllElsewhere, watchContent }
}
