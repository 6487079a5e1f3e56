/** Tickets for sockets: a join's answer puts one into `websocket_url`, for clients that can send nothing else. Only
 *  this service can read from it who comes and where to. It is not the session's token, and is valid for one connection
 *  at a time. */
import { createCipheriv, createDecipheriv, createHash, type KeyObject, randomBytes } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import * as t from 'io-ts'
import { Caller } from '../../domain/identity.ts'
import { parseSpace, parseSubspace, type SpaceRef } from '../../domain/names.ts'
import type { Clock } from '../../domain/ports.ts'
import { networkOf } from '../addresses.ts'
import { type AuthError, invalidProof } from './errors.ts'

/** How long a ticket may be used first: as long as the seat is held. */
export const TICKET_MS = 60_000
/** How long after its connection ended the same client may use it again. */
export const AGAIN_MS = 600_000

export type Ticket = {
  readonly caller: Caller
  /** The session that the ticket was made in, with its end in ms since the epoch: when the session ends, so does the
   *  ticket's connection. */
  readonly session: { readonly sid: string; readonly expiresAt: number }
  readonly space: SpaceRef
  readonly subspace: string
}
/** The client that uses a ticket, by what stays the same when it connects again. */
export type TicketClient = { readonly ip?: string | undefined; readonly userAgent?: string | undefined }

/** The tickets that were used, on any node. Each call returns whether it succeeded. */
export type TicketStore = {
  /** The first use, before `until`. */
  readonly first: (use: TicketUse) => TaskEither<AuthError, boolean>
  /** A later use: by the same client, while nobody is connected with it. */
  readonly again: (use: TicketUse) => TaskEither<AuthError, boolean>
  /** The connection of `boot` is over. */
  readonly over: (id: string, boot: string, now: number) => TaskEither<AuthError, void>
}
export type TicketUse = {
  readonly id: string
  readonly client: string
  readonly boot: string
  readonly now: number
  readonly end: number
}

export type Redeemed = Ticket & { readonly id: string }
export type Tickets = {
  readonly issue: (ticket: Ticket) => string
  /** Left: the ticket is not ours, expired, used up, or another client's. */
  readonly redeem: (text: unknown, client: TicketClient, boot: string) => TaskEither<AuthError, Redeemed>
  /** The ticket's id, without using it; null if it is not ours. */
  readonly idOf: (text: unknown) => string | null
  readonly over: (id: string, boot: string) => TaskEither<AuthError, void>
}

const Sealed = t.type({
  by: Caller,
  sid: t.string,
  exp: t.number,
  type: t.string,
  id: t.string,
  subspace: t.string,
  until: t.number,
})

const digest = (text: string): string => createHash('sha256').update(text, 'utf8').digest('base64url')
const clientDigest = ({ ip, userAgent }: TicketClient): string =>
  digest(`${ip === undefined ? '' : networkOf(ip)}\n${userAgent ?? ''}`)

const IV = 12
const TAG = 16
const seal = (key: KeyObject, text: string): string => {
  const iv = randomBytes(IV)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
}
const open = (key: KeyObject, text: unknown): t.TypeOf<typeof Sealed> | null => {
  if (typeof text !== 'string' || text.length > 2_048 || !/^[A-Za-z0-9_-]+$/.test(text)) return null
  const bytes = Buffer.from(text, 'base64url')
  // base64url has spare bits, and a ticket must have one spelling.
  if (bytes.length <= IV + TAG || bytes.toString('base64url') !== text) return null
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV))
    decipher.setAuthTag(bytes.subarray(IV, IV + TAG))
    const plain = Buffer.concat([decipher.update(bytes.subarray(IV + TAG)), decipher.final()])
    const json: unknown = JSON.parse(plain.toString('utf8'))
    return Sealed.is(json) ? json : null
  } catch {
    return null
  }
}

/** `key` has 32 bytes, the same on every node. */
export const createTickets = (deps: {
  readonly key: KeyObject
  readonly store: TicketStore
  readonly clock: Clock
  readonly isRevoked: (sid: string) => TaskEither<AuthError, boolean>
}): Tickets => {
  const { key, store, clock } = deps
  const idOf = (text: string): string => digest(text)

  const read = (text: unknown): E.Either<AuthError, Redeemed & { readonly until: number }> => {
    const sealed = open(key, text)
    if (sealed === null) return E.left(invalidProof('the ticket is not ours'))
    const space = parseSpace(sealed.type, sealed.id)
    const subspace = parseSubspace(sealed.subspace)
    if (E.isLeft(space) || E.isLeft(subspace)) return E.left(invalidProof('the ticket names no room'))
    return E.right({
      id: idOf(String(text)),
      caller: sealed.by,
      session: { sid: sealed.sid, expiresAt: sealed.exp },
      space: space.right,
      subspace: subspace.right,
      until: sealed.until,
    })
  }

  return {
    issue: ({ caller, session, space, subspace }) =>
      seal(
        key,
        JSON.stringify({
          by: caller,
          sid: session.sid,
          exp: session.expiresAt,
          type: space.type,
          id: space.id,
          subspace,
          until: clock.now() + TICKET_MS,
        }),
      ),
    redeem: (text, client, boot) => async () => {
      const ticket = read(text)
      if (E.isLeft(ticket)) return ticket
      const { until, ...redeemed } = ticket.right
      const now = clock.now()
      if (now >= redeemed.session.expiresAt) return E.left({ _tag: 'TokenExpired' })
      const ended = await deps.isRevoked(redeemed.session.sid)()
      if (E.isLeft(ended)) return ended
      if (ended.right) return E.left(invalidProof('the session has ended'))
      const use: TicketUse = {
        id: redeemed.id,
        client: clientDigest(client),
        boot,
        now,
        end: redeemed.session.expiresAt,
      }
      if (now < until) {
        const first = await store.first(use)()
        if (E.isLeft(first)) return first
        if (first.right) return E.right(redeemed)
      }
      const again = await store.again(use)()
      if (E.isLeft(again)) return again
      return again.right
        ? E.right(redeemed)
        : E.left(invalidProof('the ticket is too old, or was used before'))
    },
    idOf: (text) => (open(key, text) === null ? null : idOf(String(text))),
    over: (id, boot) => store.over(id, boot, clock.now()),
  }
}

/** For a single process. */
export const memoryTickets = (): TicketStore => {
  const used = new Map<string, { client: string; boot: string | null; until: number }>()
  const sweep = (now: number): void => {
    for (const [id, { until }] of used) if (until <= now) used.delete(id)
  }
  return {
    first:
      ({ id, client, boot, now, end }) =>
      async () => {
        if (used.has(id)) return E.right(false)
        sweep(now)
        used.set(id, { client, boot, until: end })
        return E.right(true)
      },
    again:
      ({ id, client, boot, now, end }) =>
      async () => {
        const one = used.get(id)
        if (one === undefined || one.client !== client || one.boot !== null || now >= one.until)
          return E.right(false)
        used.set(id, { client, boot, until: end })
        return E.right(true)
      },
    over: (id, boot, now) => async () => {
      const one = used.get(id)
      if (one?.boot === boot) used.set(id, { ...one, boot: null, until: now + AGAIN_MS })
      return E.right(undefined)
    },
  }
}
