/** A session with a Janus server over its WebSocket API: requests with their answers, events by handle, and a new session
 *  after a lost one. Source: janus.conf.meetecho.com/docs, “RESTful, WebSockets, … API”. */
import { randomUUID } from 'node:crypto'
import * as t from 'io-ts'

export type JanusMessage = Readonly<Record<string, unknown>>
export type Jsep = { readonly type: 'offer' | 'answer'; readonly sdp: string }
/** What a plugin answered or told, with a description if there is one. */
export type PluginNews = { readonly data: JanusMessage; readonly jsep: Jsep | null }

/** Janus's codes for a description that it can't take: of an unknown type, unreadable, an answer to nothing. */
const WRONG_DESCRIPTION: ReadonlySet<number> = new Set([464, 465, 469])

export class JanusError extends Error {
  readonly code: number
  get isOfDescription(): boolean {
    return WRONG_DESCRIPTION.has(this.code)
  }
  constructor(code: number, words: string) {
    super(words)
    this.code = code
  }
}

const Description = t.type({ type: t.keyof({ offer: null, answer: null }), sdp: t.string })
const Message = t.intersection([
  t.type({ janus: t.string }),
  t.partial({
    transaction: t.string,
    sender: t.number,
    data: t.type({ id: t.number }),
    error: t.type({ code: t.number, reason: t.string }),
    plugindata: t.type({ data: t.UnknownRecord }),
    jsep: Description,
  }),
])
type Message = t.TypeOf<typeof Message>
type Waiting = {
  readonly resolve: (message: Message) => void
  readonly reject: (error: Error) => void
  /** Whether an `ack` is the answer; else that comes later, as an event. */
  readonly byAck: boolean
}

const ANSWER_MS = 3_000
/** Janus ends a session that says nothing for a minute. */
const KEEP_ALIVE_MS = 10_000
const AGAIN_MS = 1_000

const toldIn = (message: Message): PluginNews => {
  const { data = {} } = message.plugindata ?? {}
  if (typeof data.error_code === 'number') throw new JanusError(data.error_code, String(data.error))
  return { data, jsep: message.jsep ?? null }
}

export class JanusLine {
  readonly #url: string
  readonly #onChange: () => void
  readonly #waiting = new Map<string, Waiting>()
  readonly #handles = new Map<number, (told: PluginNews | 'gone') => void>()
  #socket: WebSocket | null = null
  #session: number | null = null
  #timer: NodeJS.Timeout | undefined
  #keeping: NodeJS.Timeout | undefined
  #isOver = false

  constructor(url: string, onChange: () => void) {
    this.#url = url
    this.#onChange = onChange
    this.#open()
  }
  get isUp(): boolean {
    return this.#session !== null
  }
  /** A handle of the videoroom plugin. `heard` is called with what it is told, `gone` once its connection has ended. */
  async attach(heard: (told: PluginNews | 'gone') => void): Promise<number> {
    const { data } = await this.#ask({ janus: 'attach', plugin: 'janus.plugin.videoroom' })
    if (data === undefined) throw new JanusError(0, 'Janus gave no handle.')
    this.#handles.set(data.id, heard)
    return data.id
  }
  async send(handle: number, body: JanusMessage, jsep?: Jsep): Promise<PluginNews> {
    const more = jsep === undefined ? {} : { jsep }
    return toldIn(await this.#ask({ janus: 'message', handle_id: handle, body, ...more }))
  }
  /** Ends the handle, and with it whatever flows over it. */
  async detach(handle: number): Promise<void> {
    this.#handles.delete(handle)
    await this.#ask({ janus: 'detach', handle_id: handle })
  }
  stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#socket?.close()
    this.#lost()
  }

  #open(): void {
    const socket = new WebSocket(this.#url, 'janus-protocol')
    this.#socket = socket
    socket.addEventListener('open', () => {
      this.#ask({ janus: 'create' }).then(
        ({ data }) => {
          if (this.#socket !== socket || data === undefined) return
          this.#session = data.id
          this.#keeping = setInterval(() => {
            this.#ask({ janus: 'keepalive' }).catch(() => socket.close())
          }, KEEP_ALIVE_MS)
          this.#onChange()
        },
        () => socket.close(),
      )
    })
    socket.addEventListener('message', ({ data }) => this.#heard(String(data)))
    socket.addEventListener('error', () => {})
    socket.addEventListener('close', () => {
      if (this.#socket !== socket) return
      this.#lost()
      if (!this.#isOver) this.#timer = setTimeout(() => this.#open(), AGAIN_MS)
    })
  }
  #lost(): void {
    const wasUp = this.isUp
    this.#socket = null
    this.#session = null
    clearInterval(this.#keeping)
    for (const { reject } of [...this.#waiting.values()]) reject(new JanusError(0, 'Janus is gone.'))
    this.#waiting.clear()
    this.#handles.clear()
    if (wasUp) this.#onChange()
  }
  #ask(message: JanusMessage): Promise<Message> {
    const socket = this.#socket
    if (socket === null || socket.readyState !== WebSocket.OPEN)
      return Promise.reject(new JanusError(0, 'Janus is not connected.'))
    const transaction = randomUUID()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(transaction)
        reject(new JanusError(0, 'Janus does not answer.'))
      }, ANSWER_MS)
      const settled =
        <A>(then: (value: A) => void) =>
        (value: A) => {
          clearTimeout(timer)
          this.#waiting.delete(transaction)
          then(value)
        }
      this.#waiting.set(transaction, {
        resolve: settled(resolve),
        reject: settled(reject),
        byAck: message.janus === 'keepalive',
      })
      const session = this.#session === null ? {} : { session_id: this.#session }
      socket.send(JSON.stringify({ ...message, ...session, transaction }))
    })
  }
  #heard(text: string): void {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return
    }
    if (!Message.is(message)) return
    const waiting = this.#waiting.get(message.transaction ?? '')
    if (waiting !== undefined) {
      if (message.janus === 'ack' && !waiting.byAck) return
      if (message.error === undefined) waiting.resolve(message)
      else waiting.reject(new JanusError(message.error.code, message.error.reason))
      return
    }
    if (message.janus === 'timeout') {
      this.#socket?.close()
      return
    }
    if (message.sender === undefined) return
    const heard = this.#handles.get(message.sender)
    if (message.janus === 'hangup' || message.janus === 'detached') heard?.('gone')
    else if (message.janus === 'event') {
      const { data = {} } = message.plugindata ?? {}
      heard?.({ data, jsep: message.jsep ?? null })
    }
  }
}
