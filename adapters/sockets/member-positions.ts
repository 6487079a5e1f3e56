/** The latest position that each member of a room sent, for people who come later. It is never on the log. */
import { isPosition, type Position, type SharedPositions } from '../redis/position.ts'
import type { LiveSpace } from './live-space.ts'
import type { Member } from './member.ts'

export interface MemberPositions {
  /** Takes the position from a scene update's own `position`. */
  readonly moved: (member: Member, entityData: Readonly<Record<string, unknown>>) => void
  /** Takes the position from what networked-aframe's clients say about their own avatar. */
  readonly told: (member: Member, type: string, data: unknown) => void
  /** Fetches what other processes know about this space, before somebody enters it. */
  readonly learn: (live: LiveSpace) => Promise<void>
  readonly forget: (live: LiveSpace, sessionId: string) => void
}

type Json = Readonly<Record<string, unknown>>
const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The entities in a message of networked-aframe; the first component of each is its position. */
const entitiesIn = (type: string, data: unknown): ReadonlyArray<Json> => {
  if (!isJson(data)) return []
  if (type === 'u') return [data]
  return type === 'um' && Array.isArray(data.d) ? data.d.filter(isJson) : []
}

export const createMemberPositions = (shared: SharedPositions | null): MemberPositions => {
  const note = (member: Member, position: unknown): void => {
    const { place } = member
    if (place === null || !isPosition(position)) return
    const { live } = place.hold
    const at: Position = { x: position.x, y: position.y, z: position.z }
    live.positions.set(place.sessionId, at)
    shared?.put(live.key, place.sessionId, at)
  }

  /** A member's avatar is the first thing that it created and owns and that has no parent. */
  const tellsOf = (member: Member, entity: Json): void => {
    const { networkId, owner, creator, parent, components } = entity
    const { id } = member.line
    if (typeof networkId !== 'string' || networkId.length > 64 || owner !== id) return
    const isOwn = (creator === undefined || creator === id) && (parent === undefined || parent === null)
    if (member.body === null && isOwn) member.body = networkId
    if (member.body === networkId && isJson(components)) note(member, components['0'])
  }

  return {
    moved: (member, { position }) => note(member, position),
    told: (member, type, data) => {
      if (type === 'r' && isJson(data) && data.networkId === member.body) member.body = null
      for (const entity of entitiesIn(type, data)) tellsOf(member, entity)
    },
    learn: async (live) => {
      if (shared === null) return
      const known = await shared.of(live.key)
      for (const [sessionId, position] of known)
        if (live.state.sessions.has(sessionId) && !live.occupants.has(sessionId))
          live.positions.set(sessionId, position)
      for (const sessionId of live.positions.keys())
        if (!live.state.sessions.has(sessionId)) live.positions.delete(sessionId)
    },
    forget: (live, sessionId) => {
      live.positions.delete(sessionId)
      shared?.remove(live.key, sessionId)
    },
  }
}
