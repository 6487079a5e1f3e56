/** networked-aframe's adapter `dlux`: `<a-scene networked-scene="adapter: dlux; room: post:alice/my-post; audio: true">`. */
import { join } from './index.ts'
import type { Room } from './room.ts'

type Listener = (clientId: string, type?: string, data?: unknown, target?: string) => void
// biome-ignore lint/suspicious/noExplicitAny: networked-aframe's global, which has no types
type Naf = any
const naf = (): Naf => (globalThis as { NAF?: Naf }).NAF

class DluxAdapter {
  #server = ''
  #room = ''
  #audio = false
  #joined: Room | null = null
  #me = ''
  readonly #known = new Set<string>()
  #succeeded: (id: string) => void = () => {}
  #failed: (code: string, sentence: string) => void = () => {}
  #occupants: (occupants: Readonly<Record<string, true>>) => void = () => {}
  #opened: Listener = () => {}
  #closed: Listener = () => {}
  #received: Listener = () => {}

  setServerUrl(url: string): void {
    this.#server = url
  }
  setApp(): void {}
  setRoom(room: string): void {
    this.#room = room
  }
  setWebRtcOptions({ audio }: { readonly audio?: boolean }): void {
    this.#audio = audio === true
  }
  setServerConnectListeners(
    succeeded: (id: string) => void,
    failed: (code: string, sentence: string) => void,
  ): void {
    this.#succeeded = succeeded
    this.#failed = failed
  }
  setRoomOccupantListener(listener: (occupants: Readonly<Record<string, true>>) => void): void {
    this.#occupants = listener
  }
  setDataChannelListeners(opened: Listener, closed: Listener, received: Listener): void {
    this.#opened = opened
    this.#closed = closed
    this.#received = received
  }

  async connect(): Promise<void> {
    // NAF's default, `/`, is the server that this script came from.
    const server = /^https?:/.test(this.#server) ? { server: this.#server } : {}
    let room: Room
    try {
      room = await join(this.#room, server)
    } catch (error) {
      const { code, message } = error as { code?: string; message?: string }
      console.warn(`presence: ${message}`)
      this.#failed(code ?? 'internal', message ?? String(error))
      return
    }
    this.#joined = room
    this.#me = room.me?.socketId ?? ''
    room.on('room-data', ({ type, data, fromSocketId, to }) => this.#received(fromSocketId, type, data, to))
    room.on('users', () => this.#look())
    room.on('back', () => this.#becomeAnother())
    room.on('end', () => this.#leaveAll())
    this.#succeeded(this.#me)
    this.#look()
    if (this.#audio) room.voice.start().catch((error) => console.warn(`presence: ${error.message}`))
  }
  disconnect(): void {
    void this.#joined?.leave()
  }

  /** Who came is sent everything; what those owned who left goes. */
  #look(): void {
    const ids = [...(this.#joined?.users.keys() ?? [])].filter((id) => id !== this.#joined?.me?.socketId)
    this.#occupants(Object.fromEntries(ids.map((id) => [id, true as const])))
    for (const id of [...this.#known].filter((known) => !ids.includes(known))) {
      this.#known.delete(id)
      this.#closed(id)
    }
    for (const id of ids.filter((one) => !this.#known.has(one))) {
      this.#known.add(id)
      this.#opened(id)
    }
  }
  #leaveAll(): void {
    for (const id of this.#known) this.#closed(id)
    this.#known.clear()
    this.#occupants({})
  }
  /** After a cut one has another id: what one owned is owned by it. */
  #becomeAnother(): void {
    const { clientId: before, entities } = naf()
    const now = this.#joined?.me?.socketId ?? ''
    if (now === before) return
    this.#me = now
    naf().clientId = now
    for (const entity of Object.values(entities?.entities ?? {}) as Naf[]) {
      const { owner, creator } = entity.components?.networked?.data ?? {}
      if (owner !== before) continue
      entity.setAttribute('networked', { owner: now, ...(creator === before ? { creator: now } : {}) })
    }
    this.#known.clear()
    this.#look()
  }

  shouldStartConnectionTo(): boolean {
    return true
  }
  startStreamConnection(): void {}
  closeStreamConnection(): void {}
  getConnectStatus(clientId: string): unknown {
    const { IS_CONNECTED, NOT_CONNECTED } = naf().adapters
    return this.#joined?.users.has(clientId) ? IS_CONNECTED : NOT_CONNECTED
  }
  async getMediaStream(clientId: string): Promise<MediaStream> {
    const room = this.#joined
    for (;;) {
      const stream = room?.voice.streams.get(clientId)
      if (stream !== undefined) return stream
      if (!room?.users.has(clientId)) throw new Error(`${clientId} is not here.`)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  enableMicrophone(on: boolean): void {
    const { voice } = this.#joined ?? {}
    void (on ? voice?.start() : voice?.stop())?.catch(() => {})
  }
  getServerTime(): number {
    return Date.now()
  }

  #send(type: string, data: unknown, to?: string): void {
    this.#joined?.roomData(type, data, to).catch((error) => {
      // Another update comes.
      if (error?.code !== 'disconnected' && error?.code !== 'slow_down')
        console.warn(`presence: ${error.message}`)
    })
  }
  sendData(to: string, type: string, data: unknown): void {
    this.#send(type, data, to)
  }
  sendDataGuaranteed(to: string, type: string, data: unknown): void {
    this.#send(type, data, to)
  }
  broadcastData(type: string, data: unknown): void {
    this.#send(type, data)
  }
  broadcastDataGuaranteed(type: string, data: unknown): void {
    this.#send(type, data)
  }
}

/** Where the page has networked-aframe. */
export const registerAdapter = (): void => {
  naf()?.adapters.register('dlux', DluxAdapter)
}
