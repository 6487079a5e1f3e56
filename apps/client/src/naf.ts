/** networked-aframe's adapter `dlux`: `<a-scene networked-scene="adapter: dlux; room: post:alice/my-post; audio: true">`. */
import { join } from './index.ts'
import type { Room } from './room.ts'

type Listener = (clientId: string, type?: string, data?: unknown, target?: string) => void
// biome-ignore lint/suspicious/noExplicitAny: networked-aframe's global, which has no types
type Naf = any
const naf = (): Naf => (globalThis as { NAF?: Naf }).NAF

/** The owner of an entity that lasts, for networked-aframe. */
const SCENE = 'scene'
const SHOW_MS = 100
const KEEP_MS = 500
type Moved = { readonly networkId: string; readonly components: Readonly<Record<string, unknown>> }

class DluxAdapter {
  #server = ''
  #room = ''
  #audio = false
  #joined: Room | null = null
  #me = ''
  readonly #known = new Set<string>()
  /** How pinned entities were moved here and not told yet. */
  #changed: Record<string, Readonly<Record<string, unknown>>> = {}
  #timer: ReturnType<typeof setTimeout> | undefined
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
    room.on('scene-changed', () => this.#showSoon())
    this.#succeeded(this.#me)
    this.#look()
    this.#showSoon()
    if (this.#audio) room.voice.start().catch((error) => console.warn(`presence: ${error.message}`))
  }
  disconnect(): void {
    void this.#joined?.leave()
  }

  /** Newcomers are sent everything; entities of people who left go. */
  #look(): void {
    const ids = [...(this.#joined?.users.keys() ?? [])].filter((id) => id !== this.#joined?.me?.socketId)
    this.#occupants(Object.fromEntries(ids.map((id) => [id, true as const])))
    for (const id of [...this.#known].filter((known) => !ids.includes(known))) {
      this.#known.delete(id)
      this.#closed(id)
      this.#showSoon()
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
  /** After a lost connection the user has another id, which now owns what the user owned. */
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

  // ── what lasts ─────────────────────────────────────────────────────────────────────────────────────────
  /** Makes a networked-aframe entity last: it is there after everybody has left. */
  async pin(networkId: string): Promise<void> {
    const room = this.#joined
    const networked = naf().entities.getEntity(networkId)?.components.networked
    if (room === null || networked === undefined) throw new Error(`There is no entity ${networkId}.`)
    const { template, components } = networked.createSyncData(networked.gatherComponentsData(true), true)
    if (!room.entities.has(networkId))
      await room.spawn({ id: networkId, template, components: JSON.parse(JSON.stringify(components)) })
    await room.pin(networkId)
  }
  async unpin(networkId: string): Promise<void> {
    await this.#joined?.unpin(networkId)
  }
  /** Once networked-aframe has removed the entities of people who left. */
  #showSoon(): void {
    setTimeout(() => this.#showPinned(), SHOW_MS)
  }
  /** In the form in which its own clients announce an entity, from somebody who never leaves. */
  #showPinned(): void {
    for (const [id, { pinned, template, components }] of this.#joined?.entities ?? []) {
      if (!pinned || template === null || naf().entities.hasEntity(id)) continue
      const whose = { networkId: id, owner: SCENE, creator: SCENE, lastOwnerTime: 0 }
      const rest = { template, persistent: false, parent: null, components, isFirstSync: true }
      this.#received(SCENE, 'u', { ...whose, ...rest })
    }
  }
  /** Tells the scene too about a pinned entity that is moved here, so that its state at rest is stored. */
  #keep(type: string, data: unknown): void {
    const all = type === 'um' ? (data as { d?: ReadonlyArray<Moved> }).d : type === 'u' ? [data as Moved] : []
    for (const { networkId, components } of all ?? [])
      if (this.#joined?.entities.get(networkId)?.pinned === true)
        this.#changed[networkId] = { ...this.#changed[networkId], ...components }
    if (Object.keys(this.#changed).length === 0) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      const changed = this.#changed
      this.#changed = {}
      void this.#joined?.change(changed).catch(() => {})
    }, KEEP_MS)
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
    if (to === undefined) this.#keep(type, data)
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

/** Registers the adapter if the page has networked-aframe. */
export const registerAdapter = (): void => {
  naf()?.adapters.register('dlux', DluxAdapter)
}
