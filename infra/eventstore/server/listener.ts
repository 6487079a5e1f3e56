/** One TCP port for gRPC (HTTP/2) and plain HTTP: the first bytes tell which. */
import type { RequestListener } from 'node:http'
import type { Http2Server } from 'node:http2'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTls, TLSSocket, type TlsOptions } from 'node:tls'

// Not imported: an import of it also loads the client of fetch and WebSocket, which would lengthen each start.
const { createServer: createHttp } = process.getBuiltinModule('node:http')

export type Listener = { readonly port: number; readonly close: () => Promise<void> }

const HANDSHAKE_MS = 20_000
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2')

const sort = (socket: Socket, http2: Http2Server, http1: ReturnType<typeof createHttp>): void => {
  const look = () => {
    const bytes: Buffer | null = socket.read()
    if (bytes === null) return
    socket.removeListener('readable', look)
    socket.unshift(bytes)
    const length = Math.min(bytes.length, HTTP2_PREFACE.length)
    const isHttp2 = HTTP2_PREFACE.compare(bytes, 0, length, 0, length) === 0
    ;(isHttp2 ? http2 : http1).emit('connection', socket)
  }
  socket.on('readable', look)
}

/** Rejects if the port is taken. */
export const listen = async (
  { host, port, tls }: { readonly host: string; readonly port: number; readonly tls?: TlsOptions },
  http2: Http2Server,
  onRequest: RequestListener,
): Promise<Listener> => {
  const http1 = createHttp(onRequest)
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  }
  const accept = (socket: Socket) => {
    track(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    // Over TLS the handshake has settled the protocol.
    if (socket instanceof TLSSocket) (socket.alpnProtocol === 'h2' ? http2 : http1).emit('connection', socket)
    else sort(socket, http2, http1)
  }
  const server: Server =
    tls === undefined
      ? createServer(accept)
      : createTls({ ...tls, ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: HANDSHAKE_MS })
          // Otherwise closing the node would wait for a connection that never sends anything.
          .on('connection', track)
          .on('secureConnection', accept)
          .on('tlsClientError', () => {})
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
        http1.close()
      }),
  }
}
