/** The guests of one network have a share of a room's seats. Those beyond it stay while there is room; in a full room they
 *  give way to newcomers, newest first. */
import { type DecisionContext, isOwn } from './decision-context.ts'
import { AT_ONCE_WITH_WORDS } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceState } from './state.ts'

/** The tag of this machine's own addresses, as of a proxy that does not say where people come from. Half of a small
 *  room is not too much for everybody behind it. */
export const THIS_MACHINE = 'local'
const WORDS = 'The room is full, and many guests of your network are in it.'

export const shareOf = ({ settings }: Pick<SpaceState, 'settings'>, network: string): number =>
  network === THIS_MACHINE
    ? settings.guests_of_network
    : Math.min(settings.guests_of_network, Math.ceil(settings.max_users / 2))

/** Sessions of guests by their network, oldest first. Sessions from before networks were kept belong to none. */
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

/** How many guests of each network are in, without the sessions of `gone`. */
export const guestCounts = ({ sessions }: SpaceState, gone: ReadonlySet<string>): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { account, network, sessionId } of sessions.values())
    if (account === null && network !== undefined && !gone.has(sessionId))
      counts.set(network, (counts.get(network) ?? 0) + 1)
  return counts
}

const hasHadItsShare = (
  state: SpaceState,
  network: string | undefined,
  all: ReadonlyMap<string, ReadonlyArray<string>>,
): boolean => network !== undefined && (all.get(network)?.length ?? 0) >= shareOf(state, network)

/** Picks as many sessions as are `needed`: each time the newest of the network that is furthest beyond its share; null
 *  if there are too few. They give way to an account, and to somebody who was just here (`isOneOfUs`), wherever these
 *  come from. */
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

/** Ends a session that gives way; the event names nobody, since nobody did it. */
export const shownOut = ({ at }: DecisionContext, sessionId: string): SpaceEvent => ({
  type: 'SessionLeft',
  data: { sessionId, reason: 'kicked', by: null, note: WORDS, until: null, at },
})
