/** Finds out who connects, by their proof or by the ticket of a join, and what is known about them. */
import * as E from 'fp-ts/lib/Either.js'
import type { Clock } from '../../domain/ports.ts'
import type { Auth } from '../auth/authenticate.ts'
import { invalidProof } from '../auth/errors.ts'
import type { ReadProof } from '../auth/proof.ts'
import type { Redeemed } from '../auth/tickets.ts'
import { type Described, describeError } from '../refusals.ts'
import { fullBucket, type TokenRate } from '../token-bucket.ts'
import type { Line } from './line.ts'
import type { Member } from './member.ts'
import { newTurn } from './turns.ts'

const KEYS_ARE_FOR_REST = 'an API key is for REST alone'

export type ArrivalAuth = Pick<Auth, 'authenticate'> & Partial<Pick<Auth, 'tickets'>>

/** One connection that a ticket lets in: its sockets share the ticket. */
export type Carrier = {
  /** Whether its client still answers. */
  readonly isThere: () => Promise<boolean>
  readonly end: () => void
  readonly onClose: (listener: () => void) => void
}
export type HandshakeProof = {
  /** What was sent as `ticket`; undefined if nothing was. */
  readonly ticket: unknown
  readonly proof: ReadProof
  readonly client: Member['client']
  /** Asked for if there is a ticket: there are thousands of connections, and most have none. */
  readonly carrier: () => Carrier
}
export type MemberIdentity = Pick<Member, 'caller' | 'token' | 'client' | 'ticket'>

export const createArriving = (deps: {
  readonly auth: ArrivalAuth
  readonly boot: string
}): ((shown: HandshakeProof) => Promise<E.Either<Described, MemberIdentity>>) => {
  const { auth, boot } = deps
  /** The ticket by which each open connection was let in. */
  const redeemedBy = new WeakMap<Carrier, Promise<E.Either<Described, Redeemed>>>()
  const holders = new Map<string, { readonly carrier: Carrier; over: () => Promise<void> }>()

  const hold = (tickets: NonNullable<ArrivalAuth['tickets']>, id: string, carrier: Carrier): void => {
    let ending: Promise<void> | null = null
    const over = (): Promise<void> => {
      ending ??= tickets
        .over(id, boot)()
        .then(() => {
          if (holders.get(id)?.carrier === carrier) holders.delete(id)
        })
      return ending
    }
    holders.set(id, { carrier, over })
    carrier.onClose(() => void over())
  }

  const redeem = async (
    { ticket, client }: HandshakeProof,
    carrier: Carrier,
  ): Promise<E.Either<Described, Redeemed>> => {
    const { tickets } = auth
    if (tickets === undefined) return E.left(describeError(invalidProof('no tickets are taken here')))
    const from = { ip: client?.ip, userAgent: client?.userAgent }
    let redeemed = await tickets.redeem(ticket, from, boot)()
    const id = tickets.idOf(ticket)
    const holder = id === null ? undefined : holders.get(id)
    // Its client may have lost a connection that still looks open here.
    if (E.isLeft(redeemed) && holder !== undefined && !(await holder.carrier.isThere())) {
      holder.carrier.end()
      await holder.over()
      redeemed = await tickets.redeem(ticket, from, boot)()
    }
    if (E.isLeft(redeemed)) return E.left(describeError(redeemed.left))
    hold(tickets, redeemed.right.id, carrier)
    return redeemed
  }

  const byTicket = async (shown: HandshakeProof): Promise<E.Either<Described, Redeemed>> => {
    const carrier = shown.carrier()
    const underway = redeemedBy.get(carrier) ?? redeem(shown, carrier)
    redeemedBy.set(carrier, underway)
    return underway
  }

  return async (shown) => {
    const { client, proof } = shown
    const isShown = E.isLeft(proof) || proof.right.shown.length > 0
    if (shown.ticket === undefined || isShown) {
      const who = await auth.authenticate(proof, undefined, client?.ip)()
      if (E.isLeft(who)) return E.left(describeError(who.left))
      if (who.right.via === 'key') return E.left(describeError(invalidProof('an API key', KEYS_ARE_FOR_REST)))
      const { caller, session, until } = who.right
      // A signature has no session that could end, but an age beyond which it proves nothing.
      const bySignature = until === undefined ? null : { sid: '', expiresAt: until }
      const token = session === null ? bySignature : { sid: session.sid, expiresAt: session.expiresAt }
      if (shown.ticket === undefined) return E.right({ caller, token, client, ticket: null })
      const ticket = await byTicket(shown)
      if (E.isLeft(ticket)) return ticket
      if (ticket.right.caller.id !== caller.id)
        return E.left(describeError(invalidProof('a proof and a ticket of two callers')))
      return E.right({ caller, token, client, ticket: ticket.right })
    }
    const ticket = await byTicket(shown)
    if (E.isLeft(ticket)) return ticket
    const { caller, session } = ticket.right
    return E.right({ caller, token: session, client, ticket: ticket.right })
  }
}

export const newMember = (
  line: Line,
  arrived: MemberIdentity,
  { packets, clock }: { readonly packets: TokenRate; readonly clock: Clock },
): Member => ({
  ...arrived,
  line,
  place: null,
  busy: null,
  isGone: false,
  bucket: fullBucket(packets, clock.now()),
  network: undefined,
  turn: newTurn(),
  excess: 0,
  pending: 0,
  again: null,
  signals: null,
  names: null,
  body: null,
  data: null,
  isPacked: false,
  isPaged: false,
  pages: null,
  spawns: null,
  aframe: null,
})
