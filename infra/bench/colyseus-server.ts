/** Colyseus' own server with a room of movers in it, started by the bench from the folder that it was fetched into. */
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { type Library, PARTS, RATE, stateOf } from './colyseus-state.ts'

const require = createRequire(process.argv[2] ?? '')
// biome-ignore lint/correctness/noUndeclaredDependencies: the bench fetches it when it is first asked for
const core: Library = require('@colyseus/core')
// biome-ignore lint/correctness/noUndeclaredDependencies: the bench fetches it when it is first asked for
const { WebSocketTransport }: Library = require('@colyseus/ws-transport')
// biome-ignore lint/correctness/noUndeclaredDependencies: the bench fetches it when it is first asked for
const { Mover, State } = stateOf(require('@colyseus/schema'))

class Movers extends core.Room {
  onCreate(): void {
    this.maxClients = 1_000
    this.patchRate = 1_000 / RATE
    this.state = new State()
    this.onMessage(0, (client: { sessionId: string }, bytes: Uint8Array) => {
      const { buffer, byteOffset } = Uint8Array.from(bytes)
      const view = new DataView(buffer, byteOffset)
      const mover = this.state.movers.get(client.sessionId)
      for (const [n, part] of PARTS.entries()) mover[part] = view.getFloat32(n * 4, true)
    })
  }
  onJoin({ sessionId }: { sessionId: string }): void {
    this.state.movers.set(sessionId, new Mover())
  }
  onLeave({ sessionId }: { sessionId: string }): void {
    this.state.movers.delete(sessionId)
  }
}

const http = createServer()
const server = new core.Server({
  transport: new WebSocketTransport({ server: http, maxPayload: 65_536 }),
  greet: false,
})
server.define('movers', Movers)
await server.listen(0, '127.0.0.1')
const { port } = http.address() as { port: number }
console.log(`listening on http://127.0.0.1:${port}`)
process.stdin.on('end', () => process.exit(0)).resume()
