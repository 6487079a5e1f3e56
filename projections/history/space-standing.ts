/** A space's standing: its state by the domain's own fold, and which event set each part of it. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import { fromSnapshot, toSnapshot } from '../../domain/space/snapshot.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import type { Folding } from './folding.ts'
import { forkRefs, noRefs, noteRef, PackedRefs, packRefs, type Refs, unpackRefs } from './refs.ts'

export type Standing = { readonly state: SpaceState; readonly refs: Refs }

const StoredStanding = t.type({ state: t.unknown, refs: PackedRefs })

/** Avatars are personal: a kept moment contains none, so no moment shows one. The same goes for an entity's components,
 *  which are in the event that sets them. */
const plain = (event: SpaceEvent): SpaceEvent => {
  switch (event.type) {
    case 'SessionJoined':
      return { ...event, data: { ...event.data, avatarData: null } }
    case 'EntityPinned':
      return { ...event, data: { ...event.data, components: {} } }
    case 'EntityChanged':
      return { ...event, data: { ...event.data, components: {} } }
    default:
      return event
  }
}

export const standing: Folding<Standing> = {
  kind: 'space',
  initial: () => ({ state: spaceDecider.initial(), refs: noRefs() }),
  fork: ({ state, refs }) => ({ state: spaceDecider.fork(state), refs: forkRefs(refs) }),
  apply: ({ state, refs }, decoded, ref) => {
    if (decoded.kind !== 'space') return { state, refs }
    const after = spaceDecider.evolve(state, plain(decoded.event))
    noteRef(refs, decoded.event, ref, after)
    return { state: after, refs }
  },
  entries: ({ state }) =>
    state.sessions.size +
    state.held.size +
    state.grants.size +
    state.bans.size +
    state.mutes.size +
    state.pinned.size +
    state.queue.size,
  toJson: ({ state, refs }) => ({ state: toSnapshot(state), refs: packRefs(refs) }),
  fromJson: (json) => {
    if (!StoredStanding.is(json)) return null
    const state = fromSnapshot(json.state)
    return E.isLeft(state) ? null : { state: state.right, refs: unpackRefs(json.refs) }
  },
}
