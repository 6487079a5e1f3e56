/** The room that a member means by a name. */
import * as E from 'fp-ts/lib/Either.js'
import type { Content } from '../../../domain/ports.ts'
import type { Described } from '../../refusals.ts'
import { fullBucket, type TokenRate, take } from '../../token-bucket.ts'
import type { Member } from '../member.ts'
import { findRoom, isNameOf, type Room, wrongRoom } from './places.ts'

/** How often a socket may have a name looked up. */
const NAMES: TokenRate = { perSecond: 1, burst: 20 }

/** With a ticket, only the ticket's room is possible. */
export const roomFor = async (
  member: Member,
  name: string,
  { content, clock }: { readonly content: Content; readonly clock: { readonly now: () => number } },
): Promise<E.Either<Described, Room>> => {
  const { ticket } = member
  if (ticket !== null) return isNameOf(name, ticket) ? E.right(ticket) : E.left(wrongRoom(ticket))
  member.names ??= fullBucket(NAMES, clock.now())
  if (!take(member.names, NAMES, clock.now()))
    return E.left({ status: 429, code: 'slow_down', error: 'Too fast: try again in 1 s.', retry_after: 1 })
  return findRoom(name, member.caller, content)
}
