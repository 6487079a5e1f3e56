/** How somebody got their role, back to the content's owner. */
import type { Decoded } from '../../../domain/codec.ts'
import type { Actor } from '../../../domain/identity.ts'
import { type SpaceRef, spaceKey } from '../../../domain/names.ts'
import { accessOf } from '../../../domain/space/access.ts'
import type { ContentFacts } from '../../../domain/space/commands.ts'
import { factsOf } from '../../../domain/space/facts.ts'
import { whoIs } from '../names.ts'
import type { Ref } from '../refs.ts'
import { says } from '../sentences.ts'
import type { Standing } from '../space-standing.ts'
import { type RefView, refView } from '../view.ts'
import type { Cause, RoleInForce } from './cause.ts'
import type { PastStates } from './past.ts'

const ROLES = {
  owner: 'owner',
  admin: 'admin',
  moderate: 'moderator',
  access: 'guest of the owner’s choice',
  none: 'nobody in particular',
}

const sentence = (
  who: string,
  role: keyof typeof ROLES,
  via: RoleInForce['via'],
  facts: ContentFacts,
): string => {
  switch (via) {
    case 'system':
      return `${who} acts for the service itself and outranks everybody.`
    case 'content':
      return role === 'owner'
        ? `${who} was the owner: the content of the space is theirs.`
        : `${who} had access: the content itself lets them in.`
    case 'grant':
      return role === 'access'
        ? `${who} had been given access to the space.`
        : `${who} was ${ROLES[role]} of the space.`
    case 'public':
      return `${who} had no role: the space was open to anyone.`
    case 'none':
      return facts.exists
        ? `${who} had no role, and the space was private: to them it did not exist.`
        : `The content of the space did not exist (any more), so to ${who} neither did the space.`
    default: {
      const never: never = via
      return never
    }
  }
}

/** Grants lead back to older ones, so a chain ends; none is followed further than this. */
const LONGEST = 64

/** Somebody in a space at a moment, and what the content says about them. */
type Acting = {
  readonly actor: Actor
  readonly facts: ContentFacts
  readonly standing: Standing
  readonly at: string
}

export type Rights = {
  /** The role of `actor` in the space at that moment. */
  readonly of: (acting: Acting) => Promise<RoleInForce>
  /** The event at `ref`, and what gave its actor the right to act. Null if it is gone. */
  readonly cause: (ref: Ref | null | undefined) => Promise<Cause | null>
}

export const createRights = (past: PastStates, space: SpaceRef): Rights => {
  const right = async ({ actor, facts, standing, at }: Acting, depth: number): Promise<RoleInForce> => {
    const { state, refs } = standing
    const { role: given, via } = accessOf(state, actor, facts, at)
    const role = via === 'system' ? 'system' : (given ?? 'none')
    const ref = via === 'grant' ? refs.grants.get(actor.id) : undefined
    const because = ref === undefined || depth >= LONGEST ? null : await causeOf(ref, depth + 1)
    return {
      actor,
      role,
      via,
      says: sentence(whoIs(actor), role === 'system' ? 'owner' : role, via, facts),
      because,
    }
  }

  const findCause = async (ref: Ref, depth: number): Promise<Cause | null> => {
    const decoded = await past.eventAt(space, 'space', ref.revision)
    if (decoded === null) return null
    const standing = await past.standingAt(space, ref.revision - 1)
    const { metadata } = decoded
    const facts = factsOf(
      { type: metadata.command.type as 'Ban' },
      metadata.content,
      standing.state.opened,
      metadata.grounds,
    )
    const by = await right({ actor: metadata.actor, facts, standing, at: metadata.at }, depth)
    return {
      ...(refView(ref) as RefView),
      type: decoded.event.type,
      at: metadata.at,
      says: `On ${metadata.at} ${says(decoded, standing.state)}.`,
      by,
    }
  }
  const causeOf = (ref: Ref, depth: number): Promise<Cause | null> => {
    const key = `${spaceKey(space)} ${ref.revision}`
    const known = past.causes.get(key)
    if (known !== undefined) return known
    const found = findCause(ref, depth)
    past.causes.set(key, found)
    return found
  }

  return {
    of: (acting) => right(acting, 0),
    cause: (ref) => (ref === null || ref === undefined ? Promise.resolve(null) : causeOf(ref, 0)),
  }
}

/** The chain as sentences, the nearest first. */
export const chainOf = (right: RoleInForce): ReadonlyArray<string> =>
  right.because === null ? [right.says] : [right.says, right.because.says, ...chainOf(right.because.by)]

export const eventView = (decoded: Decoded) => ({
  event_id: decoded.id,
  stream: decoded.stream,
  revision: String(decoded.revision),
  position: String(decoded.position),
  type: decoded.event.type,
  at: decoded.metadata.at,
})
