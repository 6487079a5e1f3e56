/** What a crowd that joins can't cost less than: a plain Socket.IO server that checks and decides nothing, but appends each join to an
 *  event store (those that come together in one append), and then tells of people in pages and counts, as often as this project's does. */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Server, type Socket } from 'socket.io'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import type { NewEvent } from '../../domain/ports.ts'

const http = createServer()
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false })
const log = connectEventLog({ url: process.env.BOUND_EVENTSTORE! })

const ROOM = 'everybody'
const STREAM = `space-global:bound-${randomUUID()}`
const PAGE = 200
/** How long comings are collected, and counts (ms): this project does so in a room of some 400 and more. */
const COLLECTED_MS = 20
const COUNTED_MS = 250
const MOST_JOINED = 5

type Coming = {
  readonly socket: Socket
  readonly account: string
  readonly asked: Readonly<Record<string, unknown>>
  readonly ack: (answer: object) => void
}
const users: object[] = []
let comings: Coming[] = []
let isAppending = false
let entered: Coming[] = []
let counted = 0

const joinedEvent = ({ socket, account }: Coming): NewEvent => {
  const at = new Date().toISOString()
  const id = randomUUID()
  const data = {
    ...{
      sessionId: randomUUID(),
      socketId: socket.id,
      account,
      guest: null,
      claimed: null,
      subspace: 'main',
    },
    ...{ position: null, avatarData: null, boot: 'bound', at },
  }
  const command = { id, type: 'JoinSpace' }
  const metadata = {
    ...{ $correlationId: id, $causationId: id, command, actor: { kind: 'account', id: account } },
    ...{ node: 'bound', at, schema: 1, client: { ip: '127.0.0.1', userAgent: 'bench' } },
  }
  return { id, type: 'SessionJoined', data, metadata }
}

const append = async (): Promise<void> => {
  if (isAppending) return
  isAppending = true
  await new Promise(setImmediate)
  while (comings.length > 0) {
    const group = comings
    comings = []
    const events = group.map(joinedEvent)
    const appended = await log.append(STREAM, 'any', events)()
    if (appended._tag === 'Left') throw new Error(appended.left._tag)
    if (entered.length === 0) setTimeout(enter, COLLECTED_MS)
    entered.push(...group)
    for (const { data } of events) users.push(data as object)
  }
  isAppending = false
}

/** They all get the same page, encoded once. */
const enter = (): void => {
  const group = entered
  entered = []
  const ids = group.map(({ socket }) => socket.id)
  io.to(ids).emit('space-joined', {
    success: true,
    ...group[0]!.asked,
    users_total: users.length,
    users: users.slice(-PAGE),
  })
  for (const { socket, ack } of group) {
    void socket.join(ROOM)
    ack({ ok: true, sessionId: randomUUID() })
  }
}
const count = (): void => {
  if (users.length === counted) return
  const joined = users.slice(Math.max(counted, users.length - MOST_JOINED))
  io.to(ROOM).emit('crowd-changed', {
    count: users.length,
    joined,
    left: [],
    more: true,
    timestamp: Date.now(),
  })
  counted = users.length
}
setInterval(count, COUNTED_MS)

io.on('connection', (socket) => {
  const account = String(socket.handshake.auth.account ?? 'someone')
  socket.on('join-space', (asked, ack) => {
    comings.push({ socket, account, asked, ack })
    void append()
  })
})
http.listen(0, '127.0.0.1', () => {
  const { port } = http.address() as { port: number }
  console.log(`listening on http://127.0.0.1:${port}`)
})
process.on('SIGTERM', () => process.exit(0))
process.stdin.on('end', () => process.exit(0)).resume()
