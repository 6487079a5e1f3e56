/** Join a space of DLUX Presence: `const room = await join('post:alice/my-post')`. */
import { PresenceError } from './errors.ts'
import { type Login, logIn } from './login.ts'
import { replayMotion as framesOf, type ReplayedFrame, type ReplayOptions } from './replay.ts'
import { Room, type Where } from './room.ts'
import { type Entry, type QueuePlace, Session } from './session.ts'
import { type Transport, webTransport } from './transport.ts'

export { type PresenceCode, PresenceError } from './errors.ts'
export type { Login, Proof } from './login.ts'
export type { Move, Pose, Quaternion, Vector } from './moves.ts'
export type { Demands, Proofs, WitnessDemand } from './proof.ts'
export type { ReplayedFrame, ReplayOptions } from './replay.ts'
export { type Identity, type Message, type PastMessage, Room, type RoomEvents, type User } from './room.ts'
export type { Entity } from './scene.ts'
export type { Line, LineEvents, Transport } from './transport.ts'
export type { Code, Sent, Told } from './wire.ts'

export type JoinOptions = {
  /** `https://HOST`; by default the server that this script came from, else the page's own. */
  readonly server?: string
  readonly subspace?: string
  /** A session token that you already have. */
  readonly token?: string
  /** How to log in without a token; `auto` by default. */
  readonly login?: Login
  /** The account to sign in as, for Keychain. */
  readonly account?: string
  readonly position?: { readonly x: number; readonly y: number; readonly z: number }
  readonly avatar?: unknown
  /** Where the token is kept for the next page: `sessionStorage` by default, null for nowhere. */
  readonly storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> | null
  readonly transport?: Transport
  /** Every seat is taken and the room has a queue: told where one stands, until it is one’s turn and one is in. */
  readonly onQueue?: (place: QueuePlace) => void
}

const SPACE = /^(post|document|community|global):([^:]+)(?::(main(?:-.+)?))?$/
/** `type:id[:subspace]`; the type of a post may be left out. */
export const whereOf = (space: string, subspace?: string): Where => {
  const [, type, id, named] = SPACE.exec(space) ?? SPACE.exec(`post:${space}`) ?? []
  if (type === undefined || id === undefined)
    throw new PresenceError('invalid_space', `“${space}” is no space: type:id, such as post:alice/my-post.`)
  return { type, id, subspace: subspace ?? named ?? 'main' }
}

/** The page's own post, found as DLUX's wallet finds it: `/@author/permlink` in its address; the lobby if there is
 *  none. */
export const spaceOfPage = (path: string): string => {
  const [, author, permlink] = /\/@([^/]+)\/([^/?#]+)/.exec(path) ?? []
  return author === undefined ? 'global:lobby' : `post:${author}/${permlink}`
}

let scriptServer: string | null = null
/** Where the page's script came from: that is the server unless another is named. */
export const cameFrom = (origin: string): void => {
  scriptServer = origin
}
const storageHere = (): JoinOptions['storage'] => {
  try {
    return globalThis.sessionStorage ?? null
  } catch {
    // A frame that is not allowed to store anything.
    return null
  }
}

const serverOf = ({ server }: Pick<JoinOptions, 'server'>): string =>
  (server ?? scriptServer ?? globalThis.location?.origin ?? '').replace(/\/$/, '')
/** Where the token is stored. */
const keyOf = (server: string): string => `dlux-presence ${server}`

/** Asks for a seat and a ticket with whatever proof there is, and keeps the returned token for the next time. */
const entrance = (transport: Transport, where: Where, options: JoinOptions & { readonly server: string }) => {
  const storage = options.storage === undefined ? storageHere() : options.storage
  const key = keyOf(options.server)
  let token = options.token ?? storage?.getItem(key) ?? null
  const keep = (next: string | null): void => {
    token = next
    if (next === null) storage?.removeItem(key)
    else storage?.setItem(key, next)
  }
  const ask = async (): Promise<Entry> =>
    (await transport.call(`/api/spaces/${where.type}/${encodeURIComponent(where.id)}/join`, {
      method: 'POST',
      token,
      body: { subspace: where.subspace },
    })) as Entry
  const enter = async (): Promise<Entry> => {
    if (token === null) {
      const made = await logIn(transport, options.login ?? 'auto', options.account ?? null)
      if (made !== null) keep(made)
    }
    let entry: Entry
    try {
      entry = await ask()
    } catch (error) {
      const isOver =
        error instanceof PresenceError && (error.code === 'token_expired' || error.code === 'invalid_proof')
      // A token that the page provided has to be renewed by the page.
      if (!isOver || token === null || options.token !== undefined) throw error
      keep(null)
      return enter()
    }
    if (typeof entry.session_token === 'string') keep(entry.session_token)
    return entry
  }
  return { enter, token: () => token }
}

/** Resolves once the user is in the room; rejects with a `PresenceError` that has the server's code. */
export const join = async (space: string, options: JoinOptions = {}): Promise<Room> => {
  const where = whereOf(space, options.subspace)
  const server = serverOf(options)
  const transport = options.transport ?? webTransport(server)
  const { enter, token } = entrance(transport, where, { ...options, server })
  const { position, avatar } = options
  const now = () => performance.now()
  const session = new Session({
    transport,
    enter,
    greeting: () => ({
      scene: 'packed',
      users: 'paged',
      ...(position === undefined ? {} : { position }),
      ...(avatar === undefined ? {} : { avatar_data: avatar }),
    }),
    onJoined: (joined, isAgain) => room.joined(joined, isAgain),
    onMessage: (type, message) => room.heard(type, message),
    onBytes: (bytes) => room.framed(bytes),
    onCut: () => room.cut(),
    ...(options.onQueue === undefined ? {} : { onQueue: options.onQueue }),
    onEnd: (why) => room.ended(why),
    now,
  })
  const room = new Room({ session, transport, where, token, server, now })
  await session.start()
  return room
}

/** The motion of a room that kept it, for its moderators and for auditors: `for await (const { moved } of replayMotion(space, { from, to }))`. */
export const replayMotion = (
  space: string,
  options: ReplayOptions & Pick<JoinOptions, 'server' | 'subspace' | 'token' | 'transport' | 'storage'>,
): AsyncGenerator<ReplayedFrame, void, void> => {
  const server = serverOf(options)
  const storage = options.storage === undefined ? storageHere() : options.storage
  const token = options.token ?? storage?.getItem(keyOf(server)) ?? null
  return framesOf(options.transport ?? webTransport(server), token, whereOf(space, options.subspace), options)
}
