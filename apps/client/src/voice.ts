/** Voices, from browser to browser: whoever speaks sends an offer to everybody else in the room, by perfect
 *  negotiation, and repairs lost connections. Somebody who may not speak falls silent at once, here and for
 *  everybody else. */
import { asPresenceError, PresenceError } from './errors.ts'
import type { Pose } from './moves.ts'
import type { SfuDeps, SfuVoice } from './sfu.ts'
import type { Json } from './transport.ts'
import type { Told } from './wire.ts'

type Signal = 'webrtc-offer' | 'webrtc-answer' | 'webrtc-ice-candidate'
type Other = { readonly socketId: string; readonly sessionId?: unknown; readonly voice_enabled?: unknown }
export type VoiceDeps = {
  readonly me: () => string
  readonly others: () => ReadonlyArray<Other>
  readonly iceServers: () => ReadonlyArray<RTCIceServer>
  /** Tells the room that the user's voice is on or off; rejects if the user may not speak. */
  readonly ask: (enabled: boolean) => Promise<Json>
  readonly signal: (event: Signal, payload: Json) => void
  readonly onChange: (enabled: boolean, why: PresenceError | null) => void
  /** For rooms whose voice goes through a media server: its module, and what is asked of the server for it. Without it,
   *  such rooms are silent. */
  readonly sfu?: Pick<SfuDeps, 'connect' | 'signal'> & {
    readonly load: () => Promise<{ readonly connectSfu: (deps: SfuDeps) => Promise<SfuVoice> }>
  }
}
/** What a room says about its voice when one enters. */
export type Route = { readonly voice_route?: unknown; readonly voice_relay?: unknown }
/** A description or a candidate, with the connections that it belongs to: a newer one on the other side starts over. */
type Tagged = {
  readonly type?: RTCSdpType
  readonly sdp?: string
  readonly candidate?: string
  readonly sdpMid?: string | null
  readonly sdpMLineIndex?: number | null
  readonly connection?: string
  readonly of?: string
}

/** A mesh: each speaker sends to everybody. Larger rooms want a relay. */
const MOST_SPEAKERS = 8
const MOST_LISTENERS = 30
const LEVEL_OF_SPEECH = 0.01
/** How long the first answer to an offer may take, and how often an offer is repeated, each time after twice as long. */
const UNANSWERED_MS = 2_000
const MOST_REPEATS = 4

/** One person's voice as it is played. */
type Heard = { readonly id: string; stream: MediaStream | null; isHushed: boolean; panner: PannerNode | null }

class Peer implements Heard {
  readonly id = Math.random().toString(36).slice(2, 12)
  readonly connection: RTCPeerConnection
  stream: MediaStream | null = null
  /** The person's voice is off: whatever comes over the connection is not played. */
  isHushed = false
  panner: PannerNode | null = null
  /** The other side's connection, once known. */
  theirs: string | null = null
  isOffering = false
  ignoresOffer = false
  unanswered: ReturnType<typeof setTimeout> | undefined
  #isClosed = false
  #tellClosed = () => {}
  readonly #closed = new Promise<void>((resolve) => {
    this.#tellClosed = resolve
  })
  constructor(iceServers: ReadonlyArray<RTCIceServer>) {
    this.connection = new RTCPeerConnection({ iceServers: [...iceServers] })
  }
  /** What the browser has begun to do with the connection; rejects if the connection is closed meanwhile, of which the browser
   *  itself never tells (WebRTC 1.0, 4.4.1.2: a closed connection leaves such promises as they are). */
  async done<T>(operation: Promise<T>): Promise<T> {
    const result = await Promise.race([operation, this.#closed])
    if (this.#isClosed) throw new PresenceError('disconnected', 'The connection to hear somebody was closed.')
    return result as T
  }
  /** With what the other side knows the two connections by. */
  tagged(more: Tagged): Tagged {
    return { ...more, connection: this.id, ...(this.theirs === null ? {} : { of: this.theirs }) }
  }
  close(): void {
    clearTimeout(this.unanswered)
    this.connection.onnegotiationneeded = null
    this.connection.ontrack = null
    this.connection.close()
    this.#isClosed = true
    this.#tellClosed()
  }
}

export class Voice {
  readonly #deps: VoiceDeps
  readonly #peers = new Map<string, Peer>()
  /** Voices through the media server, by session id. */
  readonly #carried = new Map<string, Heard>()
  /** Whether the room's voice goes through the media server, and whether there is one. */
  #isRouted = false
  #hasRelay = false
  #sfu: SfuVoice | null = null
  /** What it told before it was ready. */
  #early: Json[] = []
  /** Counts connections to it: what an earlier one says is not listened to. */
  #sfuCount = 0
  #sfuTimer: ReturnType<typeof setTimeout> | undefined
  #mine: MediaStream | null = null
  #context: AudioContext | null = null
  #isPositional = false
  /** The last signal of each person that is still being taken, by socket id. */
  readonly #turns = new Map<string, Promise<void>>()

  constructor(deps: VoiceDeps) {
    this.#deps = deps
  }
  get enabled(): boolean {
    return this.#mine !== null
  }
  /** Whether voices come through the room's media server, not from browser to browser. */
  get isThroughServer(): boolean {
    return this.#isRouted
  }
  /** Everybody who is connected for voice, by socket id. */
  get connections(): ReadonlyMap<string, RTCPeerConnection> {
    return new Map([...this.#peers].map(([id, { connection }]) => [id, connection]))
  }
  /** Others' voices as they come, by socket id. */
  get streams(): ReadonlyMap<string, MediaStream> {
    const all = this.#heardBySocket()
    return new Map(all.flatMap(([id, { stream }]) => (stream === null ? [] : [[id, stream]])))
  }

  /** Asks for the microphone, unless a stream is given, and tells the room. */
  async start(given?: MediaStream): Promise<void> {
    if (this.enabled) return
    const speakers = this.#deps.others().filter(({ voice_enabled }) => voice_enabled === true)
    if (speakers.length >= MOST_SPEAKERS && !this.#isRouted && !this.#hasRelay)
      throw new PresenceError('voice_full', `${MOST_SPEAKERS} people speak here already.`)
    const stream =
      given ??
      (await navigator.mediaDevices
        ?.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } })
        .catch(() => null))
    if (!stream) throw new PresenceError('microphone', 'There is no microphone, or it may not be used.')
    try {
      await this.#deps.ask(true)
    } catch (error) {
      if (given === undefined) stopTracks(stream)
      throw error
    }
    this.#mine = stream
    this.#deps.onChange(true, null)
    this.#speak()
  }
  async stop(): Promise<void> {
    if (!this.enabled) return
    this.#silence(null)
    await this.#deps.ask(false).catch(() => {})
  }
  /** How loud somebody is, from 0 to 1; null if nothing comes from them. */
  level(socketId: string): number | null {
    if (this.#sfu !== null) return this.#sfu.level(this.#sessionOf(socketId) ?? '')
    const [receiver] = this.#peers.get(socketId)?.connection.getReceivers() ?? []
    return receiver?.getSynchronizationSources()[0]?.audioLevel ?? null
  }
  isSpeaking(socketId: string): boolean {
    return (this.level(socketId) ?? 0) > LEVEL_OF_SPEECH
  }
  /** Each voice comes from where its speaker stands. Call it as often as the ear moves. */
  hearFrom(ear: Pose, placeOf: (socketId: string) => Pose | null): void {
    this.#isPositional = true
    if (this.#context === null) return
    const { listener } = this.#context
    const { x, y, z, w } = ear.rotation ?? { x: 0, y: 0, z: 0, w: 1 }
    // -Z turned by the quaternion: where the face looks.
    const forward = { x: -2 * (x * z + w * y), y: -2 * (y * z - w * x), z: -(1 - 2 * (x * x + y * y)) }
    const { position: at } = ear
    if (listener.positionX) {
      listener.positionX.value = at.x
      listener.positionY.value = at.y
      listener.positionZ.value = at.z
      listener.forwardX.value = forward.x
      listener.forwardY.value = forward.y
      listener.forwardZ.value = forward.z
    } else {
      listener.setPosition(at.x, at.y, at.z)
      listener.setOrientation(forward.x, forward.y, forward.z, 0, 1, 0)
    }
    for (const [socketId, { panner }] of this.#heardBySocket()) {
      const place = panner === null ? null : placeOf(socketId)
      if (panner === null || place === null) continue
      panner.positionX.value = place.position.x
      panner.positionY.value = place.position.y
      panner.positionZ.value = place.position.z
    }
  }

  // ── what the room tells ────────────────────────────────────────────────────────────────────────────────
  heard(type: string, message: Json): void {
    switch (type as keyof Told) {
      case 'user-joined':
        if (this.enabled && !this.#isRouted) this.#offerTo(String(message.socketId))
        return
      case 'user-left':
        this.#drop(String(message.socketId))
        this.#forget(String(message.sessionId))
        return
      case 'permission-changed':
        if (message.drop_audio === true) this.#mutedWho(message)
        return
      case 'settings-changed':
        if (message.drop_audio === true) this.#nobodySpeaks()
        return
      case 'voice-state':
        this.#voiceState(message)
        return
      case 'stage-state':
        if (message.drop_audio === true) this.#dropAudio(String(message.socketId))
        return
      case 'space-joined':
        this.joined(message)
        return
      case 'voice-route':
        this.#route(message.via === 'sfu')
        return
      case 'voice-signal':
        if (this.#sfu !== null) this.#sfu.heard(message.signal as Json)
        else if (this.#isRouted) this.#early.push(message.signal as Json)
        return
      case 'webrtc-offer':
        this.#signalled(message, (from) => this.#described(from, message.offer as Tagged))
        return
      case 'webrtc-answer':
        this.#signalled(message, (from) => this.#described(from, message.answer as Tagged))
        return
      case 'webrtc-ice-candidate':
        this.#signalled(message, (from) => this.#candidate(from, message.candidate as Tagged))
        return
      default:
        return
    }
  }
  /** How the room's voice goes, as the room said when one entered it. */
  joined({ voice_route, voice_relay }: Route): void {
    this.#hasRelay = voice_relay === true
    this.#leaveSfu()
    this.#route(voice_route === 'sfu')
  }
  /** After a cut: another socket, so other connections; whoever spoke speaks on. */
  restart(): void {
    for (const id of [...this.#peers.keys()]) this.#drop(id)
    if (!this.enabled) return
    this.#deps.ask(true).then(
      () => this.#speak(),
      (error) => this.#silence(asPresenceError(error)),
    )
  }
  close(): void {
    if (this.enabled) this.#silence(null)
    for (const id of [...this.#peers.keys()]) this.#drop(id)
    this.#leaveSfu()
    this.#isRouted = false
    void this.#context?.close().catch(() => {})
    this.#context = null
  }

  #voiceState(message: Json): void {
    const socketId = String(message.socketId)
    const peer = this.#peers.get(socketId)
    const carried = this.#carried.get(String(message.sessionId))
    if (message.enabled !== false) {
      for (const one of [peer, carried]) if (one?.isHushed) this.#play(one)
      return
    }
    if (carried !== undefined) hush(carried)
    // The server switched it off, or another page of ours did.
    if (socketId === this.#deps.me()) {
      if (this.enabled) this.#silence(new PresenceError('muted', 'Your voice was switched off.'))
    } else if (!this.enabled) this.#drop(socketId)
    else if (peer !== undefined) hush(peer)
  }
  /** Nothing comes over a connection that was closed; one's own voice goes over another. */
  #dropAudio(socketId: string): void {
    if (socketId === this.#deps.me()) return
    const carried = this.#carried.get(this.#sessionOf(socketId) ?? '')
    if (carried !== undefined) hush(carried)
    if (this.#isRouted) return
    this.#drop(socketId)
    if (this.enabled) this.#offerTo(socketId)
  }
  /** Nothing of that one is heard from here on, whatever its own page does. */
  #mutedWho(message: Json): void {
    const who = message.user_account ?? message.guest_id
    const mine = this.#deps.others as () => ReadonlyArray<
      Other & { userAccount?: unknown; guestId?: unknown }
    >
    for (const { socketId, userAccount, guestId } of mine())
      if ((userAccount ?? guestId) === who) this.#dropAudio(socketId)
  }
  #nobodySpeaks(): void {
    if (this.enabled)
      this.#silence(new PresenceError('voice_disabled', 'Voice was switched off in this room.'))
    for (const id of [...this.#peers.keys()]) this.#drop(id)
    for (const one of this.#carried.values()) hush(one)
  }
  #silence(why: PresenceError | null): void {
    const mine = this.#mine
    this.#mine = null
    if (mine !== null) stopTracks(mine)
    void this.#sfu?.publish(null).catch(() => {})
    for (const [id, { connection }] of this.#peers) {
      for (const sender of connection.getSenders()) void sender.replaceTrack(null).catch(() => {})
      const isHeard = this.#deps
        .others()
        .some(({ socketId, voice_enabled }) => socketId === id && voice_enabled)
      if (!isHeard) this.#drop(id)
      else for (const transceiver of connection.getTransceivers()) transceiver.direction = 'recvonly'
    }
    this.#deps.onChange(false, why)
  }

  // ── through the media server ───────────────────────────────────────────────────────────────────────────
  #sessionOf(socketId: string): string | null {
    const other = this.#deps.others().find((one) => one.socketId === socketId)
    return other?.sessionId === undefined ? null : String(other.sessionId)
  }
  #heardBySocket(): ReadonlyArray<readonly [string, Heard]> {
    const carried = this.#deps.others().flatMap(({ socketId, sessionId }) => {
      const heard = this.#carried.get(String(sessionId))
      return heard === undefined ? [] : [[socketId, heard] as const]
    })
    return [...this.#peers, ...carried]
  }
  /** Sends one's own voice, whichever way voices go here. */
  #speak(): void {
    if (!this.#isRouted) {
      this.#offerToAll()
      return
    }
    const track = this.#mine?.getAudioTracks()[0] ?? null
    // Refused: it is said when one's voice is switched off, or it is tried again with the next connection.
    void this.#sfu?.publish(track).catch(() => {})
  }
  #route(isRouted: boolean): void {
    if (isRouted === this.#isRouted && (!isRouted || this.#sfu !== null)) return
    this.#isRouted = isRouted
    this.#leaveSfu()
    if (isRouted) {
      for (const id of [...this.#peers.keys()]) this.#drop(id)
      this.#enterSfu(0)
    } else if (this.enabled) this.#offerToAll()
  }
  #leaveSfu(): void {
    this.#sfuCount += 1
    clearTimeout(this.#sfuTimer)
    this.#sfu?.close()
    this.#sfu = null
    this.#early = []
    for (const sessionId of [...this.#carried.keys()]) this.#forget(sessionId)
  }
  #forget(sessionId: string): void {
    const carried = this.#carried.get(sessionId)
    if (carried === undefined) return
    this.#carried.delete(sessionId)
    hush(carried)
  }
  /** `failed`: how often in a row it could not be reached. */
  #enterSfu(failed: number): void {
    const { sfu } = this.#deps
    if (sfu === undefined) return
    const count = ++this.#sfuCount
    const isCurrent = () => count === this.#sfuCount && this.#isRouted
    const again = () => {
      if (!isCurrent()) return
      this.#leaveSfu()
      this.#sfuTimer = setTimeout(() => this.#enterSfu(failed + 1), Math.min(10_000, 500 * 2 ** failed))
    }
    const deps: SfuDeps = {
      connect: sfu.connect,
      signal: sfu.signal,
      iceServers: this.#deps.iceServers,
      onVoice: (sessionId, stream) => {
        if (isCurrent()) this.#carry(sessionId, stream)
      },
      onLost: again,
    }
    sfu
      .load()
      .then(async ({ connectSfu }) => {
        if (!isCurrent()) return
        const voice = await connectSfu(deps)
        if (!isCurrent()) return voice.close()
        this.#sfu = voice
        for (const signal of this.#early.splice(0)) voice.heard(signal)
        if (this.enabled) this.#speak()
      })
      .catch(again)
  }
  #carry(sessionId: string, stream: MediaStream): void {
    const known = this.#carried.get(sessionId)
    if (known?.stream?.getTracks()[0] === stream.getTracks()[0] && known?.isHushed === false) return
    if (known !== undefined) hush(known)
    const id = Math.random().toString(36).slice(2, 12)
    const heard: Heard = { id, stream, isHushed: false, panner: null }
    this.#carried.set(sessionId, heard)
    this.#play(heard)
  }

  // ── connections ────────────────────────────────────────────────────────────────────────────────────────
  /** One person's signals one after the other: a candidate must not overtake its description. */
  #inTurn(socketId: string, task: () => Promise<void>): void {
    const turn = (this.#turns.get(socketId) ?? Promise.resolve())
      .then(task)
      .catch(() => {})
      .finally(() => {
        if (this.#turns.get(socketId) === turn) this.#turns.delete(socketId)
      })
    this.#turns.set(socketId, turn)
  }
  #signalled({ fromSocketId }: Json, take: (from: string) => Promise<void>): void {
    const from = String(fromSocketId)
    this.#inTurn(from, () => take(from))
  }
  #offerToAll(): void {
    for (const { socketId } of this.#deps.others()) this.#offerTo(socketId)
  }
  #offerTo(socketId: string): void {
    const track = this.#mine?.getAudioTracks()[0]
    if (!track || (!this.#peers.has(socketId) && this.#peers.size >= MOST_LISTENERS)) return
    const { connection } = this.#peers.get(socketId) ?? this.#connect(socketId)
    const known = connection.getTransceivers()[0]
    if (known === undefined)
      connection.addTransceiver(track, { direction: 'sendrecv', streams: [this.#mine!] })
    else {
      void known.sender.replaceTrack(track).catch(() => {})
      known.direction = 'sendrecv'
    }
  }
  #drop(socketId: string): void {
    const peer = this.#peers.get(socketId)
    if (peer === undefined) return
    this.#peers.delete(socketId)
    peer.close()
    hush(peer)
  }
  #connect(socketId: string): Peer {
    const peer = new Peer(this.#deps.iceServers())
    this.#peers.set(socketId, peer)
    const { connection } = peer
    const isCurrent = () => this.#peers.get(socketId) === peer
    connection.onnegotiationneeded = () =>
      this.#inTurn(socketId, async () => {
        if (!isCurrent()) return
        peer.isOffering = true
        try {
          await peer.done(connection.setLocalDescription())
          this.#sendOffer(socketId, peer)
        } finally {
          peer.isOffering = false
        }
      })
    connection.onicecandidate = ({ candidate }) => {
      if (candidate !== null && candidate.candidate !== '' && isCurrent())
        this.#deps.signal('webrtc-ice-candidate', {
          targetSocketId: socketId,
          candidate: peer.tagged(candidate.toJSON() as Tagged),
        })
    }
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === 'failed' && isCurrent()) connection.restartIce()
    }
    connection.ontrack = ({ track, streams }) => {
      peer.stream = streams[0] ?? new MediaStream([track])
      this.#play(peer)
    }
    return peer
  }

  /** `sent`: how often it was sent already. Of an offer that got lost nobody tells, and whoever waits for its answer may take no
   *  other. It goes out again, with all candidates that were found meanwhile; an answer that comes twice is taken once. */
  #sendOffer(socketId: string, peer: Peer, sent = 0): void {
    const { type, sdp } = peer.connection.localDescription!
    if (type !== 'offer') return
    this.#deps.signal('webrtc-offer', { targetSocketId: socketId, offer: peer.tagged({ type, sdp }) })
    clearTimeout(peer.unanswered)
    if (sent >= MOST_REPEATS) return
    peer.unanswered = setTimeout(
      () => {
        if (peer.connection.signalingState === 'have-local-offer') this.#sendOffer(socketId, peer, sent + 1)
      },
      UNANSWERED_MS * 2 ** sent,
    )
  }

  async #described(socketId: string, description: Tagged): Promise<void> {
    const { type, sdp = '', connection: theirs = '', of } = description ?? {}
    if (type !== 'offer' && type !== 'answer' && type !== 'rollback') return
    if (typeof sdp !== 'string' || (type !== 'offer' && !this.#peers.has(socketId))) return
    if (!this.#deps.others().some((other) => other.socketId === socketId)) return
    let peer = this.#peers.get(socketId)
    if (of !== undefined && peer?.id !== of) {
      // It belongs to a connection of ours that is closed: what they have of that leads nowhere, and they begin anew.
      const over = { type: 'rollback' as const, of: theirs }
      if (type === 'offer') this.#deps.signal('webrtc-answer', { targetSocketId: socketId, answer: over })
      return
    }
    if (type === 'rollback' || (type === 'answer' && isOfAnother(peer, theirs))) {
      this.#drop(socketId)
      if (this.enabled && !this.#isRouted) this.#offerTo(socketId)
      return
    }
    if (isOfAnother(peer, theirs)) this.#drop(socketId)
    peer = this.#peers.get(socketId) ?? this.#connect(socketId)
    const { connection } = peer
    const isPolite = this.#deps.me() < socketId
    const collides = type === 'offer' && (peer.isOffering || connection.signalingState !== 'stable')
    peer.ignoresOffer = collides && !isPolite
    if (peer.ignoresOffer) return
    if (type === 'answer' && connection.signalingState !== 'have-local-offer') return
    peer.theirs = theirs
    await peer.done(connection.setRemoteDescription({ type, sdp }))
    if (type === 'answer') return
    if (this.enabled) this.#offerTo(socketId)
    await peer.done(connection.setLocalDescription())
    const answer = connection.localDescription!
    this.#deps.signal('webrtc-answer', {
      targetSocketId: socketId,
      answer: { type: answer.type, sdp: answer.sdp, connection: peer.id, of: theirs },
    })
  }
  async #candidate(socketId: string, { connection: theirs, of, ...candidate }: Tagged): Promise<void> {
    const peer = this.#peers.get(socketId)
    if (peer === undefined || (of !== undefined && of !== peer.id)) return
    if (peer.theirs !== null && theirs !== peer.theirs) return
    await peer.done(peer.connection.addIceCandidate(candidate)).catch((error) => {
      if (!peer.ignoresOffer) throw error
    })
  }

  // ── to the ear ─────────────────────────────────────────────────────────────────────────────────────────
  #play(peer: Heard): void {
    const { stream } = peer
    if (stream === null || typeof document === 'undefined') return
    hush(peer)
    peer.isHushed = false
    const element = document.createElement('audio')
    element.autoplay = true
    element.srcObject = stream
    element.dataset.presence = peer.id
    element.hidden = true
    document.body.append(element)
    void element.play().catch(() => {})
    if (!this.#isPositional) return
    // Chromium sends nothing through a graph unless an element plays the stream too: that one is silent.
    element.muted = true
    this.#context ??= new AudioContext()
    void this.#context.resume().catch(() => {})
    peer.panner = new PannerNode(this.#context, { panningModel: 'HRTF', refDistance: 2, rolloffFactor: 1 })
    this.#context.createMediaStreamSource(stream).connect(peer.panner).connect(this.#context.destination)
  }
}

/** Whether the other side has another connection by now than the one that this one leads to. */
const isOfAnother = (peer: Peer | undefined, theirs: string): boolean =>
  peer !== undefined && peer.theirs !== null && peer.theirs !== theirs
const stopTracks = (stream: MediaStream): void => {
  for (const track of stream.getTracks()) track.stop()
}
/** Out of the ear. */
const hush = (peer: Heard): void => {
  peer.isHushed = true
  peer.panner?.disconnect()
  peer.panner = null
  elementOf(peer)?.remove()
}
const elementOf = (peer: Heard): Element | null =>
  typeof document === 'undefined' ? null : document.querySelector(`audio[data-presence="${peer.id}"]`)
