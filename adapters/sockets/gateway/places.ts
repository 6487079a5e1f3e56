/** Which room a client means: reads names as DLUX's clients and networked-aframe's authors write them. */
import * as E from 'fp-ts/lib/Either.js'
import type { Caller } from '../../../domain/identity.ts'
import {
  isAccount,
  parseSpace,
  parseSubspace,
  roomKey,
  SPACE_TYPES,
  type SpaceRef,
  spaceKey,
} from '../../../domain/names.ts'
import type { Content } from '../../../domain/ports.ts'
import { type Described, describeError, invalid } from '../../refusals.ts'

export type Room = { readonly space: SpaceRef; readonly subspace: string }

const HOW = 'Name the room type:id or type:id:subspace, for example post:alice/my-post:main.'
const notFound = (why: string): Described => ({
  status: 404,
  code: 'space_not_found',
  error: `${why} ${HOW}`,
})

/** A name is divided in at most this many ways, since each is looked up. */
const MAX_CUTS = 24
const MAX_NAME = 400

const roomOf = (type: string, id: string, subspace: string): Room | null => {
  const space = parseSpace(type, id)
  const sub = parseSubspace(subspace)
  return E.isRight(space) && E.isRight(sub) ? { space: space.right, subspace: sub.right } : null
}

/** `id`, `id:main` or `id:main-chess`. */
const withSubspace = (type: string, rest: string): Room | null => {
  const colon = rest.lastIndexOf(':')
  const last = colon < 0 ? null : roomOf(type, rest.slice(0, colon), rest.slice(colon + 1))
  return last ?? roomOf(type, rest, '')
}

/** The room that a name says explicitly: `type:id[:subspace]`, or `author/permlink[:subspace]`. */
const namedRoom = (name: string): Room | null => {
  const colon = name.indexOf(':')
  const type = name.slice(0, Math.max(0, colon))
  if ((SPACE_TYPES as ReadonlyArray<string>).includes(type)) return withSubspace(type, name.slice(colon + 1))
  return name.includes('/') ? withSubspace('post', name) : null
}

/** The rooms that `alice-my-post-main` may mean: authors and permlinks may contain hyphens, too, so it can be divided in several ways. */
const cutsOf = (name: string): ReadonlyArray<Room> => {
  const parts = name.split('-')
  const cuts: Room[] = []
  for (let author = 1; author < parts.length; author += 1) {
    const name = parts.slice(0, author).join('-')
    if (name.length > 16) break
    if (!isAccount(name)) continue
    for (let end = author + 1; end <= parts.length; end += 1) {
      if (end < parts.length && parts[end] !== 'main') continue
      const id = `${name}/${parts.slice(author, end).join('-')}`
      const room = roomOf('post', id, parts.slice(end).join('-'))
      if (room !== null) cuts.push(room)
    }
  }
  return cuts
}

/** Whether a name is one of the room's: with a ticket, the name must be one of its room's. */
export const isNameOf = (name: string, { space, subspace }: Room): boolean => {
  const bare = [spaceKey(space), ...(space.type === 'post' ? [space.id, space.id.replace('/', '-')] : [])]
  const full = [
    roomKey(space, subspace),
    ...(space.type === 'post'
      ? [`${space.id}:${subspace}`, `${space.id.replace('/', '-')}-${subspace}`]
      : []),
  ]
  return full.includes(name) || (subspace === 'main' && bare.includes(name))
}

export const isSameRoom = (a: Room, b: Room): boolean =>
  roomKey(a.space, a.subspace) === roomKey(b.space, b.subspace)

export const wrongRoom = ({ space, subspace }: Room): Described =>
  invalid('room', `This ticket is for ${roomKey(space, subspace)} alone: join again for another room.`)

/** Finds a room by its name alone. If the name can be read in several ways, it is the room that exists and that the caller may know of. */
export const findRoom = async (
  name: string,
  by: Caller,
  content: Pick<Content, 'factsFor'>,
): Promise<E.Either<Described, Room>> => {
  if (name.length === 0 || name.length > MAX_NAME) return E.left(notFound('There is no such space.'))
  const named = namedRoom(name)
  if (named !== null) return E.right(named)
  const cuts = cutsOf(name)
  if (cuts.length > MAX_CUTS) return E.left(notFound('This name can be read in too many ways.'))
  const known: Room[] = []
  for (const cut of cuts) {
    const facts = await content.factsFor(cut.space, by)()
    if (E.isLeft(facts)) return E.left(describeError(facts.left))
    const { exists, visibility, role } = facts.right
    if (exists && (visibility === 'public' || role !== null)) known.push(cut)
  }
  const [only, another] = known
  if (only === undefined) return E.left(notFound('There is no such space.'))
  return another === undefined ? E.right(only) : E.left(notFound('This name fits more than one space.'))
}
