/** A connection to one room that restores itself: it joins, joins again with what was missed when it is lost, and is
 *  over when the server says so. */
import { asPresenceError, isPassing, PresenceError, refusalOf } from './errors.ts'
import type { Json, Line, Transport } from './transport.ts'
import type { Sent, Told } from './wire.ts'

export type Joined = Told['space-joined']
/** The part of the REST join's answer that the client uses. */
export type Entry = {
  readonly websocket_url: string
  readonly session_token?: string | null
  readonly turn_credentials?: { readonly iceServers?: ReadonlyArray<RTCIceServer> }
}
export type SessionDeps = {
  readonly transport: Transport
  /** Asks to be let in, with whatever proof there is. */
  readonly enter: () => Promise<Entry>
  /** What `join-space` says besides where the user was. */
  readonly greeting: () => Json
  readonly onJoined: (joined: Joined, isAgain: boolean) => void
  readonly onMessage: (type: string, message: Json) => void
  /** A frame of the packed wire. */
  readonly onBytes?: (bytes: Uint8Array) => void
  readonly onCut: () => void
  /** Every seat is taken: where one stands in the queue, whenever that changes. */
  readonly onQueue?: (place: QueuePlace) => void
  /** The session is over and does not come back. */
  readonly onEnd: (why: PresenceError) => void
  readonly now: () => number
}
export type QueuePlace = Pick<Told['queue-place'], 'position' | 'waiting' | 'expected_wait_seconds'>
type Waiting = { readonly resolve: (answer: Json) => void; readonly reject: (error: PresenceError) => void }
type State = 'connecting' | 'connected' | 'ended'

const REFUSED = 4403
const RESTART = 1012
const FIRST_WAIT_MS = 400
const LONGEST_WAIT_MS = 15_000
const ANSWER_MS = 15_000
/** How many times the first join is tried if nobody answers. */
const FIRST_TRIES = 3
const SIGNALS: ReadonlySet<string> = new Set(['webrtc-offer', 'webrtc-answer', 'webrtc-ice-candidate'])
/** More than a few dozen people send in the moment between. */
const MOST_EARLY = 1_000

export class Session {
  readonly #deps: SessionDeps
  readonly #waiting = new Map<string, Waiting>()
  readonly #whenConnected = new Set<Waiting>()
  #line: Line | null = null
  #state: State = 'connecting'
  #ended: PresenceError | null = null
  #last: { sessionId: string; space: string; chat: string } | null = null
  #lastRefusal: PresenceError | null = null
  /** Whether the room was entered over this line. Others see one from then on. */
  #isIn = false
  /** Signals of others that came before the state of the room did, which says who they are. */
  #early: Json[] = []
  #counter = 0
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  /** Of the queue of a full room, while one waits in it. */
  #turn: Waiting | null = null
  iceServers: ReadonlyArray<RTCIceServer> = []
  /** Up to where on the log the state was that the last join brought; null before there was one. */
  joinedAt: string | null = null

  constructor(deps: SessionDeps) {
    this.#deps = deps
  }
  get state(): State {
    return this.#state
  }

  /** Resolves once the user is in the room. */
  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        return await this.#connect()
      } catch (thrown) {
        const error = asPresenceError(thrown)
        if (this.#ended !== null) throw this.#ended
        if (!isPassing(error) || attempt >= FIRST_TRIES) {
          this.end(error)
          throw error
        }
        await new Promise((resolve) => setTimeout(resolve, this.#wait(error)))
      }
  }

  /** Resolves to its answer, or rejects with a `PresenceError`. */
  ask<Name extends keyof Sent>(type: Name, payload: Json): Promise<Json> {
    const line = this.#line
    if (this.#ended !== null) return Promise.reject(this.#ended)
    if (line === null) return Promise.reject(new PresenceError('disconnected', 'The line is cut.'))
    const id = String(++this.#counter)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        reject(new PresenceError('unreachable', 'No answer came in time.'))
      }, ANSWER_MS)
      const settled =
        <A>(then: (value: A) => void) =>
        (value: A) => {
          clearTimeout(timer)
          this.#waiting.delete(id)
          then(value)
        }
      this.#waiting.set(id, { resolve: settled(resolve), reject: settled(reject) })
      line.send({ ...payload, type, request_id: id })
    })
  }
  /** Sent without an answer, and only while there is a connection. One may tell as soon as one is in, which is before the
   *  answer to the join comes. */
  tell(type: keyof Sent, payload: Json): void {
    if (this.#state === 'connected' || this.#isIn) this.#line?.send({ ...payload, type })
  }
  /** Likewise; false if the connection can't carry it. */
  tellBytes(bytes: Uint8Array): boolean {
    const send = this.#line?.sendBytes
    if (send === undefined) return false
    if (this.#state === 'connected') send(bytes)
    return true
  }
  /** Waits until there is a connection; resolves at once if there is one. */
  connected(): Promise<void> {
    if (this.#state === 'connected') return Promise.resolve()
    if (this.#ended !== null) return Promise.reject(this.#ended)
    return new Promise((resolve, reject) => {
      this.#whenConnected.add({ resolve: () => resolve(), reject })
    })
  }
  end(why: PresenceError): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#ended = why
    clearTimeout(this.#timer)
    this.#failAll(why)
    for (const { reject } of this.#whenConnected) reject(why)
    this.#whenConnected.clear()
    this.#line?.close()
    this.#line = null
    this.#deps.onEnd(why)
  }

  #failAll(why: PresenceError): void {
    for (const { reject } of [...this.#waiting.values()]) reject(why)
    this.#waiting.clear()
    this.#turn?.reject(why)
  }
  #wait(error: PresenceError | null): number {
    if (error?.retryAfter != null) return error.retryAfter * 1_000 + Math.random() * 500
    const most = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures++)
    return most / 2 + (Math.random() * most) / 2
  }

  async #connect(): Promise<void> {
    const entry = await this.#deps.enter()
    this.iceServers = entry.turn_credentials?.iceServers ?? []
    this.#throwIfEnded()
    this.#isIn = false
    this.#early = []
    let isCurrent = true
    const line = await this.#deps.transport.open(entry.websocket_url, {
      onMessage: (message) => {
        if (isCurrent) this.#heard(message)
      },
      onBytes: (bytes) => {
        if (isCurrent) this.#deps.onBytes?.(bytes)
      },
      onClose: (code) => {
        if (!isCurrent) return
        isCurrent = false
        this.#cut(code)
      },
    })
    if (this.#ended !== null) line.close()
    this.#throwIfEnded()
    this.#line = line
    try {
      await this.#join(this.#last !== null)
    } catch (error) {
      isCurrent = false
      line.close()
      if (this.#line === line) this.#line = null
      throw error
    }
  }
  #throwIfEnded(): void {
    if (this.#ended !== null) throw this.#ended
  }
  async #join(withSince: boolean): Promise<void> {
    const last = this.#last
    const turn = this.#nextTurn()
    try {
      await this.ask('join-space', {
        ...this.#deps.greeting(),
        room_data: true,
        ...(last === null ? {} : { replaces: last.sessionId }),
        ...(withSince && last !== null ? { since: { space: last.space, chat: last.chat } } : {}),
      })
    } catch (error) {
      if (asPresenceError(error).code !== 'queued') throw error
      await turn
      return this.#join(withSince)
    }
    this.#failures = 0
    this.#state = 'connected'
    for (const { resolve } of this.#whenConnected) resolve({})
    this.#whenConnected.clear()
  }

  /** Resolves when a seat is held for one. */
  #nextTurn(): Promise<unknown> {
    const turn = new Promise<Json>((resolve, reject) => {
      this.#turn = { resolve, reject }
    })
    // Where there was room, nobody waits for it.
    turn.catch(() => {})
    return turn
  }

  #queued(type: string, message: Json): void {
    if (type === 'queue-turn') this.#turn?.resolve(message)
    else if (type === 'queue-place') this.#deps.onQueue?.(message as unknown as QueuePlace)
    else if (type === 'queue-over')
      this.#turn?.reject(new PresenceError('queue_over', `One waits no longer: ${String(message.reason)}.`))
  }

  #heard(message: Json): void {
    const { type, ...rest } = message
    if (typeof type !== 'string') return
    if (type === 'answer') {
      const waiting = this.#waiting.get(String(rest.request_id))
      if (rest.ok === true) waiting?.resolve(rest)
      else waiting?.reject(refusalOf(rest))
      return
    }
    this.#remember(type, rest)
    if (type === 'space-joined') {
      const joined = rest as unknown as Joined
      const isAgain = this.#last !== null
      this.#last = { sessionId: joined.sessionId, ...joined.revisions }
      // An older server says no position.
      this.joinedAt = joined.position ?? null
      this.#isIn = true
      this.#deps.onJoined(joined, isAgain)
      for (const early of this.#early.splice(0)) this.#heard(early)
      return
    }
    if (!this.#isIn && SIGNALS.has(type)) {
      if (this.#early.length < MOST_EARLY) this.#early.push(message)
      return
    }
    this.#queued(type, rest)
    if (type === 'space-error') this.#refused(refusalOf(rest))
    this.#deps.onMessage(type, rest)
    if (type === 'kicked') {
      const until = typeof rest.until === 'string' ? ` until ${rest.until}` : ''
      const reason = typeof rest.reason === 'string' ? `: ${rest.reason}` : '.'
      const what = 'until' in rest ? 'banned' : 'forbidden'
      this.end(new PresenceError(what, `You were sent out of this room${until}${reason}`))
    }
  }
  /** The last revisions seen, from which to continue after a lost connection. */
  #remember(type: string, { revision }: Json): void {
    if (typeof revision !== 'string' || this.#last === null) return
    // News of what filters did about one's own messages is of the chat, too.
    const stream = /^(chat|message)-/.test(type) ? 'chat' : 'space'
    if (BigInt(revision) > BigInt(this.#last[stream])) this.#last[stream] = revision
  }
  #refused(error: PresenceError): void {
    this.#lastRefusal = error
    // The socket stays, but is in no room: it joins again, for a fresh state if news was lost.
    if (error.code === 'session_ended' || error.code === 'resync')
      this.#join(false).catch((why) => {
        if (!isPassing(asPresenceError(why))) this.end(asPresenceError(why))
        else this.#line?.close()
      })
  }
  #cut(code: number): void {
    const wasConnected = this.#state === 'connected'
    const refusal = this.#lastRefusal
    this.#line = null
    this.#isIn = false
    this.#lastRefusal = null
    this.#failAll(new PresenceError('disconnected', 'The line was cut before an answer came.'))
    // The first join has a loop of its own.
    if (!wasConnected) return
    if (code === REFUSED) {
      const isLoggedOut = refusal?.code === 'token_expired' || refusal?.code === 'invalid_proof'
      if (!isLoggedOut) {
        this.end(refusal ?? new PresenceError('left', 'The server ended this session.'))
        return
      }
    }
    this.#state = 'connecting'
    this.#deps.onCut()
    this.#again(code === RESTART ? 50 : this.#wait(null))
  }
  #again(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#connect().catch((thrown) => {
        const error = asPresenceError(thrown)
        if (this.#ended !== null) return
        if (isPassing(error) || error.code === 'space_full') this.#again(this.#wait(error))
        else this.end(error)
      })
    }, ms)
  }
}
