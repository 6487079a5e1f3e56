/** Socket.IO's own client as a load, beside the light one: what a load costs tells how far its figures are the server's. */
import { io } from 'socket.io-client'
import type { BenchClient, Connect } from './client.ts'

export const connectOfficial: Connect = (url, auth) =>
  new Promise((resolve, reject) => {
    const socket = io(url, {
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      ...(auth === null ? {} : { auth }),
    })
    socket.once('connect_error', reject)
    socket.once('connect', () => {
      const client: BenchClient = {
        id: socket.id!,
        onPacket: null,
        closed: false,
        emit: (event, payload, ack) => {
          if (ack === undefined) socket.emit(event, payload)
          else socket.emit(event, payload, ack)
        },
        close: () => void socket.disconnect(),
      }
      socket.onAny((...packet) => client.onPacket?.(`42${JSON.stringify(packet)}`))
      socket.once('disconnect', () => {
        client.closed = true
      })
      resolve(client)
    })
  })
