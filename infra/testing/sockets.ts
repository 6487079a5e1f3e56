/** Nodes with real sockets over real HTTP, on one log, for the tests of sockets. A made-up token says who somebody is:
 *  `account:alice`, `guest:9f2c04ab17de`, or nothing for a new guest. */
import { createSecretKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { io as connect, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import type { Test } from 'uvu'
import { newGuest } from '../../adapters/auth/authenticate.ts'
import { invalidProof } from '../../adapters/auth/errors.ts'
import { createTickets, memoryTickets, type TicketStore } from '../../adapters/auth/tickets.ts'
import { attachSockets, type Sockets, type SocketsDeps } from '../../adapters/sockets/attach.ts'
import { createCommands } from '../../apps/commands/commands.ts'
import type { Caller } from '../../domain/identity.ts'
import type { Commands, Content, EventLog } from '../../domain/ports.ts'
import { type MemoryLog, memoryLog } from './memory-log.ts'

// biome-ignore lint/suspicious/noExplicitAny: whatever the server sent; the test says what it must be
type Json = any
export type Heard = { readonly event: string; readonly payload: Json }
export type Answer = {
  ok: boolean
  code?: string
  error?: string
  retry_after?: number
  [field: string]: Json
}

export type Client = {
  readonly socket: Socket
  readonly id: string
  /** Everything from the server, in order. */
  readonly heard: Heard[]
  readonly of: (event: string) => ReadonlyArray<Json>
  /** Sends and waits for the acknowledgement. */
  readonly ask: (event: string, payload?: unknown) => Promise<Answer>
  /** Waits until something heard, before or after this call, is what is wanted. */
  readonly until: (what: string, wanted: (heard: Heard) => boolean) => Promise<Heard>
  readonly disconnected: Promise<string>
  readonly close: () => void
}

export type TestNode = {
  readonly url: string
  readonly sockets: Sockets
  readonly commands: Commands
  readonly errors: string[]
  readonly endSession: (sid: string) => void
  /** Of a join by one who is called so (`alice`, or a guest) to this room of a post. */
  readonly ticketFor: (id: string, spaceId: string, subspace?: string) => string
  readonly connect: (
    token?: string | null,
    options?: Partial<ManagerOptions & SocketOptions>,
  ) => Promise<Client>
  /** Its sessions have `ms` to end; 2,000 unless given. */
  readonly stop: (ms?: number) => Promise<void>
}

const TIMEOUT_MS = 5_000

export const clientOf = (url: string, options: Partial<ManagerOptions & SocketOptions>): Promise<Client> => {
  const socket = connect(url, {
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    ...options,
  })
  const heard: Heard[] = []
  const waiting = new Set<() => void>()
  socket.onAny((event: string, payload: unknown) => {
    heard.push({ event, payload })
    for (const look of waiting) look()
  })
  const disconnected = new Promise<string>((resolve) => {
    socket.once('disconnect', (reason) => resolve(reason))
  })
  const client: Client = {
    socket,
    get id() {
      return socket.id ?? ''
    },
    heard,
    of: (event) => heard.filter((one) => one.event === event).map(({ payload }) => payload),
    ask: (event, payload) => socket.timeout(TIMEOUT_MS * 3).emitWithAck(event, payload),
    until: (what, wanted) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look)
          const names = heard.map(({ event }) => event).join(', ')
          reject(new Error(`${what} did not come; heard: ${names.slice(0, 500)}`))
        }, TIMEOUT_MS)
        const look = () => {
          const found = heard.find(wanted)
          if (found === undefined) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    disconnected,
    close: () => {
      socket.disconnect()
    },
  }
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(client))
    socket.once('connect_error', reject)
    // Passing trouble is no refusal: the connection is cut, and the close frame says why.
    socket.io.once('close', (_reason, details) => {
      if (!socket.active) return
      const { code, reason } = (details as { context?: { code?: number; reason?: string } })?.context ?? {}
      reject(Object.assign(new Error(`cut: ${code} ${reason}`), { passing: reason }))
    })
  })
}

const openContent: Content = {
  factsFor: (space, by) =>
    TE.right(
      space.id.includes('nowhere')
        ? { exists: false, title: '', owner: null, visibility: 'private', role: null }
        : {
            exists: true,
            title: space.id,
            owner: 'alice',
            visibility: 'public',
            role: by?.kind === 'account' && by.id === 'alice' ? 'owner' : null,
          },
    ),
}

/** Closes each connection that polls now: engine.io waits 30 s for its next request, and a test would wait with it. */
const closePollers = (engine: object): void => {
  const { clients } = engine as { readonly clients: Readonly<Record<string, { readonly transport: object }>> }
  for (const { transport } of Object.values(clients))
    (transport as { readonly shouldClose?: (() => void) | null }).shouldClose?.()
}

export const testNode = async (
  log: EventLog,
  options: Partial<SocketsDeps> & {
    readonly name?: string
    /** Default: 127.0.0.1, and any port that is free. */
    readonly host?: string
    readonly port?: number
    readonly ticketStore?: TicketStore
    readonly wrap?: (commands: Commands) => Commands
  } = {},
): Promise<TestNode> => {
  const errors: string[] = []
  const logger: SocketsDeps['logger'] = {
    info: () => {},
    warn: () => {},
    error: (fields, message) => errors.push(`${message} ${JSON.stringify(fields)}`),
  }
  const clock = options.clock ?? { now: () => Math.floor(performance.timeOrigin + performance.now()) }
  const ids = { uuid: () => crypto.randomUUID() }
  const node = { id: options.name ?? 'node-1', boot: crypto.randomUUID() }
  const inner = createCommands({
    log,
    content: openContent,
    clock,
    ids,
    node,
    messageLookup: (_, messageIds) => TE.right(new Map(messageIds.map((id) => [id, null]))),
    logger,
    limits: 'off',
    onAccepted: (kind, space, accepted) => sockets.tellAccepted(kind, space, accepted),
  })
  const commands = options.wrap?.(inner) ?? inner
  const listeners = new Set<(sid: string) => void>()
  const tickets = createTickets({
    key: createSecretKey(Buffer.alloc(32, 7)),
    store: options.ticketStore ?? memoryTickets(),
    clock,
    isRevoked: () => TE.right(false),
  })
  const auth: SocketsDeps['auth'] = {
    authenticate: (proof) => async () => {
      if (E.isLeft(proof)) return E.left(invalidProof(proof.left))
      const shown = proof.right.shown[0]
      const token = shown?.form === 'token' ? shown.token : null
      if (token === 'wrong') return E.left(invalidProof('wrong'))
      const name = token?.split(':')[1]
      const caller: Caller =
        token === null || name === undefined
          ? { kind: 'guest', id: newGuest() }
          : token.startsWith('guest:')
            ? { kind: 'guest', id: token }
            : { kind: 'account', id: name }
      const session = token === null ? null : { token, sid: token, expiresAt: Number.MAX_SAFE_INTEGER }
      return E.right({ caller, via: token === null ? 'none' : 'token', session })
    },
    issue: ({ id }) => ({ token: id, sid: id, expiresAt: Number.MAX_SAFE_INTEGER }),
    tickets,
    onEnded: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const http = createServer((_, response) => response.end())
  const sockets = attachSockets(http, {
    commands,
    auth,
    content: openContent,
    log,
    node,
    clock,
    ids,
    logger,
    origins: [],
    ...options,
  })
  const host = options.host ?? '127.0.0.1'
  sockets.io.engine.on('headers', (headers: Record<string, string>) => {
    headers['x-test-node'] = node.id
  })
  http.listen(options.port ?? 0, host)
  await once(http, 'listening')
  const url = `http://${host}:${(http.address() as AddressInfo).port}`
  const clients: Client[] = []
  return {
    url,
    sockets,
    commands,
    errors,
    ticketFor: (id, spaceId, subspace = 'main') =>
      tickets.issue({
        caller: id.startsWith('guest:') ? { kind: 'guest', id } : { kind: 'account', id },
        session: { sid: `of ${id}`, expiresAt: Number.MAX_SAFE_INTEGER },
        space: { type: 'post', id: spaceId },
        subspace,
      }),
    endSession: (sid) => {
      for (const listener of listeners) listener(sid)
    },
    connect: async (token = null, more = {}) => {
      const client = await clientOf(url, { ...(token === null ? {} : { auth: { token } }), ...more })
      clients.push(client)
      return client
    },
    stop: async (ms = 2_000) => {
      for (const client of clients) client.close()
      await sockets.close(ms)
      closePollers(sockets.io.engine)
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      await inner.drain()
    },
  }
}

/** What most tests of sockets start from: one node on a log of its own, before each test anew. It must log no error. */
export type OneNode = { node: TestNode; log: MemoryLog }
export const eachOnOneNode = (test: Test<OneNode>, options?: Parameters<typeof testNode>[1]): void => {
  test.before.each(async (context) => {
    context.log = memoryLog()
    context.node = await testNode(context.log, options)
  })
  test.after.each(async ({ node }) => {
    await node.stop()
    if (node.errors.length > 0) throw new Error(node.errors.join('; '))
  })
}
export const ALICES_POST = { spaceType: 'post', spaceId: 'alice/my-post' } as const
