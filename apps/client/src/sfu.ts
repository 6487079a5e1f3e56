/** Voices through the media server of a large room; pages load this only there. With Janus the server carries the
 *  descriptions; with LiveKit its own client is loaded, and connects by itself. */
import { isPassing, type PresenceError } from './errors.ts'
import type { Json } from './transport.ts'

export type SfuDeps = {
  /** Asks the server for what is needed to connect. */
  readonly connect: () => Promise<Json>
  /** Sends a signal through the server and resolves to the answer's. */
  readonly signal: (signal: Json) => Promise<Json>
  readonly iceServers: () => ReadonlyArray<RTCIceServer>
  /** Somebody's voice, by session id. */
  readonly onVoice: (sessionId: string, stream: MediaStream) => void
  /** The connection is over, and another one is to be made. */
  readonly onLost: () => void
}
export type SfuVoice = {
  /** Sends this track or, with null, nothing. */
  readonly publish: (track: MediaStreamTrack | null) => Promise<void>
  /** Takes a signal that came from the server. */
  readonly heard: (signal: Json) => void
  /** From 0 to 1; null if nothing comes. */
  readonly level: (sessionId: string) => number | null
  readonly close: () => void
}

const GATHERED_MS = 1_000

/** Resolves once the description has its candidates, or enough of them. */
const gathered = (connection: RTCPeerConnection): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERED_MS)
    const look = () => {
      if (connection.iceGatheringState !== 'complete') return
      clearTimeout(timer)
      resolve()
    }
    connection.addEventListener('icegatheringstatechange', look)
    look()
  })
/** Whether the server said no; the class of its errors is that of another script than this one. */
const isRefusal = (error: unknown): boolean =>
  typeof (error as { code?: unknown } | null)?.code === 'string' && !isPassing(error as PresenceError)
const levelOf = (receiver: RTCRtpReceiver | undefined): number | null =>
  receiver?.getSynchronizationSources()[0]?.audioLevel ?? null

/** One connection to send over and one to hear everybody on. */
class JanusVoice implements SfuVoice {
  readonly #deps: SfuDeps
  readonly #receivers = new Map<string, RTCRtpReceiver>()
  #sending: RTCPeerConnection | null = null
  #hearing: RTCPeerConnection | null = null
  #queue: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(deps: SfuDeps) {
    this.#deps = deps
  }
  async begin(): Promise<void> {
    await this.#deps.signal({ kind: 'hear', fresh: true })
  }
  async publish(track: MediaStreamTrack | null): Promise<void> {
    this.#sending?.close()
    this.#sending = null
    if (track === null || this.#isClosed) return
    const connection = this.#connection()
    this.#sending = connection
    const isCurrent = () => this.#sending === connection && !this.#isClosed
    try {
      connection.addTransceiver(track, { direction: 'sendonly' })
      await connection.setLocalDescription()
      await gathered(connection)
      const { sdp } = await this.#deps.signal({ kind: 'publish', sdp: connection.localDescription!.sdp })
      if (isCurrent()) await connection.setRemoteDescription({ type: 'answer', sdp: String(sdp) })
    } catch (error) {
      // A refusal stays one. Of anything else the user would not know that nobody hears them.
      if (isCurrent() && !isRefusal(error)) this.#deps.onLost()
      throw error
    }
  }
  heard({ kind, sdp, voices, fresh }: Json): void {
    if (kind !== 'offer') return
    const whose = new Map(Object.entries(voices as Readonly<Record<string, string>>))
    this.#queue = this.#queue
      .then(() => this.#answer({ sdp: String(sdp), whose, isFresh: fresh === true }))
      .catch(() => {
        if (!this.#isClosed) this.#deps.onLost()
      })
  }
  level(sessionId: string): number | null {
    return levelOf(this.#receivers.get(sessionId))
  }
  close(): void {
    this.#isClosed = true
    this.#sending?.close()
    this.#hearing?.close()
  }

  #connection(): RTCPeerConnection {
    const connection = new RTCPeerConnection({ iceServers: [...this.#deps.iceServers()] })
    connection.onconnectionstatechange = () => {
      const isCurrent = connection === this.#sending || connection === this.#hearing
      if (isCurrent && connection.connectionState === 'failed' && !this.#isClosed) this.#deps.onLost()
    }
    return connection
  }
  async #answer(offer: { sdp: string; whose: ReadonlyMap<string, string>; isFresh: boolean }): Promise<void> {
    if (this.#isClosed) return
    if (offer.isFresh || this.#hearing === null) {
      this.#hearing?.close()
      this.#hearing = this.#connection()
    }
    const connection = this.#hearing
    await connection.setRemoteDescription({ type: 'offer', sdp: offer.sdp })
    await connection.setLocalDescription()
    await gathered(connection)
    await this.#deps.signal({ kind: 'answer', sdp: connection.localDescription!.sdp })
    this.#receivers.clear()
    for (const { mid, receiver } of connection.getTransceivers()) {
      const sessionId = offer.whose.get(mid ?? '')
      if (sessionId === undefined) continue
      this.#receivers.set(sessionId, receiver)
      this.#deps.onVoice(sessionId, new MediaStream([receiver.track]))
    }
  }
}

type LiveKitTrack = {
  readonly kind: string
  readonly mediaStreamTrack: MediaStreamTrack
  readonly receiver?: RTCRtpReceiver
}
/** The part of LiveKit's client that is used here. */
type LiveKitRoom = {
  readonly localParticipant: {
    readonly permissions?: { readonly canPublish: boolean }
    readonly publishTrack: (track: MediaStreamTrack, options: Json) => Promise<unknown>
    readonly unpublishTrack: (track: MediaStreamTrack, stop: boolean) => Promise<unknown>
  }
  readonly on: (event: string, listener: (...given: never[]) => void) => void
  readonly connect: (url: string, token: string, options: Json) => Promise<void>
  readonly disconnect: (stopTracks: boolean) => Promise<void>
}

class LiveKitVoice implements SfuVoice {
  readonly #room: LiveKitRoom
  readonly #receivers = new Map<string, RTCRtpReceiver>()
  #wanted: MediaStreamTrack | null = null
  #sent: MediaStreamTrack | null = null
  #isClosed = false
  readonly #onLost: () => void

  constructor(room: LiveKitRoom, deps: SfuDeps) {
    this.#room = room
    this.#onLost = deps.onLost
    room.on('trackSubscribed', (track: LiveKitTrack, _: unknown, { identity }: { identity: string }) => {
      if (track.kind !== 'audio') return
      if (track.receiver !== undefined) this.#receivers.set(identity, track.receiver)
      deps.onVoice(identity, new MediaStream([track.mediaStreamTrack]))
    })
    // The right to speak comes a moment after it was given.
    room.on('participantPermissionsChanged', () => void this.#send().catch(() => {}))
    room.on('disconnected', () => {
      if (!this.#isClosed) deps.onLost()
    })
  }
  async publish(track: MediaStreamTrack | null): Promise<void> {
    this.#wanted = track
    await this.#send()
  }
  heard(): void {}
  level(sessionId: string): number | null {
    return levelOf(this.#receivers.get(sessionId))
  }
  close(): void {
    this.#isClosed = true
    // The microphone goes on: from here the voice goes elsewhere.
    void this.#room.disconnect(false).catch(() => {})
  }
  async #send(): Promise<void> {
    const { localParticipant } = this.#room
    const [wanted, sent] = [this.#wanted, this.#sent]
    const mayPublish = localParticipant.permissions?.canPublish === true
    // Without the right the server has taken it down already.
    if (!mayPublish) this.#sent = null
    if (wanted === sent) return
    if (sent !== null) {
      this.#sent = null
      await localParticipant.unpublishTrack(sent, false).catch(() => {})
    }
    if (wanted === null || !mayPublish) return
    this.#sent = wanted
    try {
      await localParticipant.publishTrack(wanted, { source: 'microphone' })
    } catch (error) {
      if (this.#sent === wanted && !this.#isClosed) this.#onLost()
      throw error
    }
  }
}

/** Connects to the room's media server; rejects with the server's refusal. */
export const connectSfu = async (deps: SfuDeps): Promise<SfuVoice> => {
  const { sfu, url, token } = await deps.connect()
  if (sfu === 'janus') {
    const voice = new JanusVoice(deps)
    await voice.begin()
    return voice
  }
  const path = new URL('/presence-livekit.mjs', import.meta.url).href
  const { Room } = (await import(path)) as { readonly Room: new (options: Json) => LiveKitRoom }
  const room = new Room({ stopLocalTrackOnUnpublish: false })
  const voice = new LiveKitVoice(room, deps)
  await room.connect(String(url), String(token), { rtcConfig: { iceServers: [...deps.iceServers()] } })
  return voice
}
