/** The server to compare with: a plain Socket.IO server with the same events that checks nothing and stores nothing. With BOUND_EVENTSTORE,
 *  the address of an event store, it seals what is said, tells a message once it is stored, and follows the log, where those of other
 *  servers would be. That is the least that one of several servers with a sealed log can do: it decides, folds, limits and checks nothing. */

import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Server } from 'socket.io'
import type { SubjectKey } from '../../adapters/privacy/seal.ts'

const http = createServer()
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false })
type User = {
  socketId: string
  sessionId: string
  userAccount: string
  position: unknown
  connected_at: string
}
/** Tells nobody who is in the room. */
const isSilent = process.env.PLAIN_SILENT === '1'
const logUrl = process.env.BOUND_EVENTSTORE
const sealedLogAt = async (url: string) => {
  const { connectEventLog } = await import('../../adapters/eventstore/index.ts')
  const { sealedLog } = await import('../../adapters/privacy/sealed-log.ts')
  const keys = new Map<string, SubjectKey>()
  const keyOf = (subject: string): SubjectKey => {
    const found = keys.get(subject)
    if (found !== undefined) return found
    const made = { generation: 1, key: createSecretKey(randomBytes(32)) }
    keys.set(subject, made)
    return made
  }
  return sealedLog(connectEventLog({ url }), {
    sealingNow: keyOf,
    sealing: async (subjects) => new Map(subjects.map((subject) => [subject, keyOf(subject)])),
    opening: async () => new Map(),
  })
}
const log = logUrl === undefined ? null : await sealedLogAt(logUrl)
const follow = async (from: NonNullable<typeof log>): Promise<void> => {
  // Nobody else writes here, so all that comes was told already.
  for await (const _ of from.subscribe({
    ...{ after: 'end', prefixes: ['chat-'], gatherMs: 5 },
    ...{ given: from.given, wants: () => true },
  }));
}
if (log !== null) void follow(log)
type Said = {
  readonly message_id: string
  readonly user_account: string
  readonly content: string
  readonly created_at: string
}
/** Resolves once the log has it. */
const store = async (to: NonNullable<typeof log>, room: string, message: Said): Promise<void> => {
  const { message_id: messageId, user_account: id, content, created_at: at } = message
  const command = { id: messageId, type: 'PostMessage' }
  const metadata = {
    ...{ $correlationId: messageId, $causationId: messageId, command, actor: { kind: 'account', id } },
    ...{ node: 'bound', at, schema: 1, client: { ip: '127.0.0.1', userAgent: 'bench' } },
  }
  const data = { messageId, content, subspace: 'main' }
  const event = { id: randomUUID(), type: 'MessagePosted', data, metadata }
  const stored = await to.append(`chat-${room}`, 'any', [event])()
  if (stored._tag === 'Left') throw new Error(`not stored: ${stored.left._tag}`)
}
const rooms = new Map<string, Map<string, User>>()

io.on('connection', (socket) => {
  let room = ''
  const account = String(socket.handshake.auth.account ?? 'someone')
  socket.on('join-space', (asked, ack) => {
    room = `${asked.spaceType}:${asked.spaceId}:main`
    if (isSilent) {
      socket.join(room)
      ack?.({ ok: true })
      return
    }
    const users = rooms.get(room) ?? new Map<string, User>()
    rooms.set(room, users)
    const user = {
      socketId: socket.id,
      sessionId: randomUUID(),
      userAccount: account,
      position: null,
      connected_at: new Date().toISOString(),
    }
    users.set(socket.id, user)
    socket.to(room).emit('user-joined', { ...user, timestamp: Date.now() })
    socket.join(room)
    socket.emit('space-joined', {
      success: true,
      ...asked,
      sessionId: user.sessionId,
      users: [...users.values()],
    })
    ack?.({ ok: true, sessionId: user.sessionId })
  })
  socket.on('chat-message', (said, ack) => {
    const message = {
      message_id: said.message_id ?? randomUUID(),
      user_account: account,
      content: said.content,
      created_at: new Date().toISOString(),
    }
    const tell = (): void => {
      io.to(room).emit('chat-message', message)
      ack?.({ ok: true, message_id: message.message_id })
    }
    if (log === null) tell()
    else store(log, room, message).then(tell, () => ack?.({ ok: false, code: 'not_stored' }))
  })
  socket.on('aframe-update', (entityData) => {
    const timestamp = new Date().toISOString()
    socket
      .to(room)
      .emit('aframe-update', { socketId: socket.id, userAccount: account, entityData, timestamp })
  })
  socket.on('disconnect', () => {
    const user = rooms.get(room)?.get(socket.id)
    rooms.get(room)?.delete(socket.id)
    if (user) io.to(room).emit('user-left', { ...user, reason: 'disconnected' })
  })
})
http.listen(0, '127.0.0.1', () => {
  const { port } = http.address() as { port: number }
  console.log(`listening on http://127.0.0.1:${port}`)
})
process.on('SIGTERM', () => process.exit(0))
process.stdin.on('end', () => process.exit(0)).resume()
