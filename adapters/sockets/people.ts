/** Pages of who is in the socket's own room. */
import type { Clock } from '../../domain/ports.ts'
import { fullBucket, type TokenRate, take } from '../token-bucket.ts'
import { type Answer, done, failed, notInRoom } from './answers.ts'
import { PAGE_OF_PEOPLE } from './crowds.ts'
import { pageOf } from './live-space.ts'
import type { Member } from './member.ts'

/** How many pages a socket may ask for: 20,000 people are 100 pages. */
const PAGES: TokenRate = { perSecond: 10, burst: 120 }

export const usersPage =
  (clock: Clock) =>
  (member: Member, asked: { readonly after?: string | null | undefined }): Answer => {
    const { place } = member
    if (place === null) return notInRoom
    const now = clock.now()
    member.pages ??= fullBucket(PAGES, now)
    if (!take(member.pages, PAGES, now))
      return failed({ _tag: 'Refused', refusal: { _tag: 'SlowDown', retryAfterSeconds: 1 } })
    const { live } = place.hold
    const page = pageOf(live, place.subspace, asked.after ?? null, PAGE_OF_PEOPLE)
    return done({ ...page, revision: String(live.spaceSeq.last) })
  }
