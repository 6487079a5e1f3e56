/** Of one network's guests a room has a share of its seats: those beyond it stay while there is room, and give way, the
 *  newest first, to whoever comes when it is full. */
import { type DecisionContext, isOwn } from './decision-context.ts'
import { AT_ONCE_WITH_WORDS } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceState } from './state.ts'

/** The tag of this machine's own addresses. A proxy that says of nobody where they come from has one: half of a small
 *  room is not too much for all who come by it. */
export const THIS_MACHINE = 'local'
const WORDS = 'The room is full, and many guests of your network are in it.'

const shareOf = ({ settings }: SpaceState, network: string): number =>
  network === THIS_MACHINE
    ? settings.guests_of_network
    : Math.min(settings.guests_of_network, Math.ceil(settings.max_users / 2))

/** Sessions of guests by their network, the oldest first. Those of before a network was kept are of none. */
const guestsByNetwork = ({ sessions }: SpaceState): Map<string, string[]> => {
  const all = new Map<string, string[]>()
  for (const { account, network, sessionId } of sessions.values()) {
    if (account !== null || network === undefined) continue
    const known = all.get(network)
    if (known === undefined) all.set(network, [sessionId])
    else known.push(sessionId)
  }
  return all
}

const hasHadItsShare = (
  state: SpaceState,
  network: string | undefined,
  all: ReadonlyMap<string, ReadonlyArray<string>>,
): boolean => network !== undefined && (all.get(network)?.length ?? 0) >= shareOf(state, network)

/** As many sessions as are `needed`, each time the newest of the network that has the most beyond its share; null where
 *  there are not so many. To an account and to one who was just here (`isOneOfUs`) they give way wherever it comes from. */
export const sessionsThatGiveWay = (
  context: DecisionContext,
  needed: number,
  comes: { readonly network: string | undefined; readonly isOneOfUs: boolean },
): ReadonlyArray<string> | null => {
  if (needed > AT_ONCE_WITH_WORDS) return null
  const { state } = context
  const all = guestsByNetwork(state)
  if (!comes.isOneOfUs && hasHadItsShare(state, comes.network, all)) return null
  const giving: string[] = []
  const beyond = [...all].map(([name, guests]) => ({ guests, share: shareOf(state, name) }))
  while (giving.length < needed) {
    beyond.sort((a, b) => b.guests.length - b.share - (a.guests.length - a.share))
    const most = beyond[0]
    if (most === undefined || most.guests.length <= most.share) return null
    const sessionId = most.guests.pop()!
    if (!isOwn(context, state.sessions.get(sessionId)!)) giving.push(sessionId)
  }
  return giving
}

/** It is no blame, and nobody's doing. */
export const shownOut = ({ at }: DecisionContext, sessionId: string): SpaceEvent => ({
  type: 'SessionLeft',
  data: { sessionId, reason: 'kicked', by: null, note: WORDS, until: null, at },
})
