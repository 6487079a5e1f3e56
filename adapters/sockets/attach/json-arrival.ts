/** Finds out who connects over a plain WebSocket, as in Socket.IO's handshake. */
import * as E from 'fp-ts/lib/Either.js'
import { proofOfRequest } from '../../auth/proof.ts'
import { told } from '../answers.ts'
import { type createArriving, newMember } from '../arriving.ts'
import type { createJsonSockets } from '../gateway/json.ts'
import type { Member } from '../member.ts'
import { CROWDED, type Gate } from './gate.ts'
import type { SocketTokens } from './tokens.ts'

export const jsonArrival =
  (deps: {
    readonly gate: Gate
    readonly arriving: ReturnType<typeof createArriving>
    readonly pace: Parameters<typeof newMember>[2]
    readonly members: Map<string, Member>
    readonly tokens: SocketTokens
  }): Parameters<typeof createJsonSockets>[0]['arrive'] =>
  async (line, request, carrier) => {
    const { gate, arriving, pace, members, tokens } = deps
    const client = gate.clientAt(request)
    const visit = gate.came(client)
    carrier.onClose(() => visit.gone())
    if (!visit.admit()) {
      gate.tellCrowded()
      return E.left(told(CROWDED))
    }
    const query = new URLSearchParams((request.url ?? '').split('?')[1]).getAll('ticket')
    const shown = {
      ticket: query.length < 2 ? query[0] : query,
      proof: proofOfRequest(request.headers),
      client,
      carrier: () => carrier,
    }
    const arrived = await arriving(shown)
    if (E.isLeft(arrived)) return E.left(told(arrived.left))
    const member = newMember(line, arrived.right, pace)
    members.set(line.id, member)
    tokens.watch(member)
    if (gate.isClosing()) line.sendElsewhere()
    return E.right(member)
  }
