/** Socket.IO's connections: each becomes a member, and each of its packets a request. */
import type { Server, Socket } from 'socket.io'
import type { Ack } from '../answers.ts'
import { connectionOf } from '../connection.ts'
import { easyrtcAnswer } from '../gateway/easyrtc.ts'
import { isEasyrtcEvent } from '../gateway/languages.ts'
import type { MoveGathering } from '../gathering.ts'
import type { Member } from '../member.ts'
import { isTooLarge } from '../oversized.ts'
import type { createReceive } from '../receiving.ts'
import { sendElsewhere } from '../sending/closing.ts'
import type { createTurns } from '../turns.ts'
import type { Gate } from './gate.ts'
import type { createGoing } from './going.ts'
import type { createHandshake } from './handshake.ts'
import { forgetHandshake } from './letting-go.ts'
import type { createTokens } from './tokens.ts'

/** How long the name of a namespace may be. */
const LONGEST_NAMESPACE = 128

type Receive = ReturnType<typeof createReceive>
type Turns = ReturnType<typeof createTurns>

const createReceivePacket =
  (receive: Receive, turns: Turns, gathering: MoveGathering) =>
  (member: Member, socket: Socket, packet: ReadonlyArray<unknown>): void => {
    gathering.asked()
    turns.took(member.turn, connectionOf(socket))
    const last = packet.length > 1 ? packet[packet.length - 1] : undefined
    const ack = typeof last === 'function' ? (last as Ack) : null
    const payload = packet[1] === last && ack !== null ? undefined : packet[1]
    const name = typeof packet[0] === 'string' ? packet[0] : ''
    const asked = isTooLarge(name) ? String(payload) : name
    const isEasyrtc = ack !== null && isEasyrtcEvent(asked)
    receive(member, name, payload, isEasyrtc ? (given) => ack(easyrtcAnswer(given) as never) : ack)
  }

export const acceptConnections = ({
  io,
  members,
  receive,
  turns,
  gathering,
  tokens,
  gate,
  going,
  handshake,
}: {
  readonly io: Server
  readonly members: Map<string, Member>
  readonly receive: Receive
  readonly turns: Turns
  readonly gathering: MoveGathering
  readonly tokens: ReturnType<typeof createTokens>
  readonly gate: Gate
  readonly going: ReturnType<typeof createGoing>
  readonly handshake: ReturnType<typeof createHandshake>
}): void => {
  const receivePacket = createReceivePacket(receive, turns, gathering)
  function onDisconnect(this: Socket, reason: string): void {
    going.depart(this.data as Member, reason)
  }
  /** Takes the place of Socket.IO's own method, for all sockets. */
  function dispatch(this: Socket, packet: ReadonlyArray<unknown>): void {
    receivePacket(this.data as Member, this, packet)
  }

  const onConnection = (socket: Socket): void => {
    const member = socket.data as Member
    members.set(member.line.id, member)
    tokens.watch(member)
    forgetHandshake(socket)
    // This avoids an event emitter, spreading into arguments something that a client may make as long as it likes, and
    // a listener for each socket.
    Object.assign(socket, { dispatch })
    socket.on('disconnect', onDisconnect)
    if (gate.isClosing()) sendElsewhere(socket)
  }
  // Clients take the path of the address that they are given for a namespace: a member is the same in each.
  const namespaces = io.of((name, _auth, next) => next(null, name.length <= LONGEST_NAMESPACE))
  for (const namespace of [io, namespaces]) {
    namespace.use(handshake.letIn)
    namespace.on('connection', onConnection)
  }
}
