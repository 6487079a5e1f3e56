/** Who may do what to an entity. */
import * as E from 'fp-ts/lib/Either.js'
import type { SpaceSettings } from '../settings.ts'
import { rank } from '../space/access.ts'
import type { SpaceRefusal } from '../space/refusals.ts'
import type { Role } from '../space/roles.ts'
import type { Entity, Ownership } from './entity.ts'

/** Who is asking: their socket, their account or guest id, and their role in the space. */
export type SceneActor = { readonly socketId: string; readonly subject: string; readonly role: Role | null }
export type SceneAct = 'spawn' | 'draw' | 'pin' | 'delete'
type Answer = E.Either<SpaceRefusal, void>

/** An entity with such a component is a drawing. */
export const STROKE = 'stroke'

const yes: Answer = E.right(undefined)
const forbidden = (needs: Role | 'self'): Answer => E.left({ _tag: 'Forbidden', needs })

export const may = (actor: Pick<SceneActor, 'role'>, settings: SpaceSettings, act: SceneAct): Answer => {
  const needs = settings[`scene_${act}`]
  return needs === 'everyone' || rank(actor.role) >= rank(needs) ? yes : forbidden(needs)
}

const ownershipOf = ({ made }: Entity, settings: SpaceSettings): Ownership =>
  made?.value.ownership ?? settings.scene_ownership

/** The entity's owner; null once they have left. */
export type Whose = { readonly owner: string | null }

/** Who may change it: its owner; anyone, if it may be taken freely. */
export const mayChange = (
  entity: Entity,
  { owner }: Whose,
  actor: SceneActor,
  settings: SpaceSettings,
): Answer =>
  owner === null || owner === actor.socketId || ownershipOf(entity, settings) === 'free'
    ? yes
    : forbidden('self')

/** Whether somebody may take it at once, or has to ask its owner for it. */
export const mayTake = (
  entity: Entity,
  { owner }: Whose,
  actor: SceneActor,
  settings: SpaceSettings,
): E.Either<SpaceRefusal, 'takes' | 'asks'> => {
  if (owner === null || owner === actor.socketId) return E.right('takes')
  switch (ownershipOf(entity, settings)) {
    case 'free':
      return E.right('takes')
    case 'ask':
      return E.right('asks')
    case 'locked':
      return E.map((): 'takes' => 'takes')(may(actor, settings, 'delete'))
    default:
      throw new Error('no such rule')
  }
}

/** Who may remove it: whoever made or owns it, and others as the setting says. */
export const mayRemove = (
  { made }: Entity,
  { owner }: Whose,
  actor: SceneActor,
  settings: SpaceSettings,
): Answer =>
  owner === actor.socketId || made?.value.by === actor.subject ? yes : may(actor, settings, 'delete')
