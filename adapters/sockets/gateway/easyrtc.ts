/** The language of easyrtc's client, and so of networked-aframe's `easyrtc` and `wseasyrtc` adapters. */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'socket.io'
import type { Answer } from '../answers.ts'
import type { Sending } from '../sending.ts'
import { signalKind } from './naf.ts'
import { type Payload, TranslatedLine } from './translated.ts'

/** A client in the room, in the form that easyrtc's clients know. */
export type EasyrtcClient = {
  readonly easyrtcid: string
  /** Milliseconds since the epoch. */
  readonly roomJoinTime: number
  readonly presence: Payload
  readonly apiField?: Payload
}
/** The type of the room-data in which easyrtc's clients describe themselves to each other. */
export const ABOUT = 'easyrtc-client'
export const HANGUP = 'easyrtc-hangup'
export const REJECT = 'easyrtc-reject'
const COMMANDS: Readonly<Record<string, string>> = { [HANGUP]: 'hangup', [REJECT]: 'reject' }

const PRESENCE: Payload = { show: 'chat', status: null }
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789'
/** 16 letters and digits. A byte's remainder slightly favours a few of them: the id is a name, not a secret. */
const newId = (): string => Array.from(randomBytes(16), (byte) => LETTERS[byte % LETTERS.length]).join('')

const isObject = (value: unknown): value is Payload =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const time = (at: unknown): number => (typeof at === 'string' ? Date.parse(at) : Date.now())

/** A candidate from a client of another language. */
const asOwnCandidate = (given: Payload): Payload => ({
  ...given,
  type: 'candidate',
  label: given.label ?? given.sdpMLineIndex,
  id: given.id ?? given.sdpMid,
})

export class EasyrtcLine extends TranslatedLine {
  readonly #id = newId()
  readonly #clients = new Map<string, EasyrtcClient>()
  /** What others in this process have said about themselves. */
  readonly #aboutOf: (id: string) => Payload | null
  /** Called when somebody came who does not know about this client. */
  readonly #onNewcomer: (id: string) => void
  /** The room's name as the client calls it; null while it is in none. */
  room: string | null = null
  /** What the client said about itself. */
  about: { presence: Payload; apiField: Payload | null } = { presence: PRESENCE, apiField: null }

  constructor(
    socket: Socket,
    sending: Sending,
    others: {
      readonly aboutOf: (id: string) => Payload | null
      readonly onNewcomer: (id: string) => void
    },
  ) {
    super(socket, sending)
    this.#aboutOf = others.aboutOf
    this.#onNewcomer = others.onNewcomer
  }
  override get id(): string {
    return this.#id
  }

  command(msgType: string, fields: Payload): void {
    this.socket.emit('easyrtcCmd', { easyrtcid: this.id, serverTime: Date.now(), msgType, ...fields })
  }

  /** `{ "R": { … } }`, which every message about a room has. */
  roomData(roomStatus: 'join' | 'update' | 'leave', fields: Payload): Payload {
    const room = this.room ?? ''
    return { [room]: { roomName: room, roomStatus, ...fields } }
  }
  clientList(): Payload {
    return { clientList: Object.fromEntries(this.#clients) }
  }
  own(): Payload {
    const mine = this.#clients.get(this.id)
    return { clientListDelta: { updateClient: mine === undefined ? {} : { [this.id]: mine } } }
  }
  refreshOwn(): void {
    const mine = this.#clients.get(this.id)
    if (mine !== undefined) this.#clients.set(this.id, this.#clientOf(this.id, mine.roomJoinTime))
  }

  #clientOf(id: string, roomJoinTime: number, said: Payload | null = null): EasyrtcClient {
    const about = said ?? (id === this.id ? this.about : this.#aboutOf(id)) ?? {}
    return {
      easyrtcid: id,
      roomJoinTime,
      presence: isObject(about.presence) ? about.presence : PRESENCE,
      ...(isObject(about.apiField) ? { apiField: about.apiField } : {}),
    }
  }
  #changed(delta: Payload): void {
    if (this.room === null) return
    this.command('roomData', {
      msgData: { roomData: this.roomData('update', { clientListDelta: delta }) },
    })
  }
  #updated(client: EasyrtcClient): void {
    this.#clients.set(client.easyrtcid, client)
    this.#changed({ updateClient: { [client.easyrtcid]: client } })
  }

  protected override say(event: string, payload: Payload): void {
    const kind = signalKind(event)
    if (kind !== undefined) {
      const given = payload[kind]
      const msgData = kind === 'candidate' && isObject(given) ? asOwnCandidate(given) : given
      this.command(kind, { senderEasyrtcid: payload.fromSocketId, msgData })
      return
    }
    switch (event) {
      case 'room-data':
        this.#data(payload)
        return
      case 'space-joined':
        this.#clients.clear()
        for (const user of payload.users as ReadonlyArray<Payload>) {
          const id = String(user.socketId)
          this.#clients.set(id, this.#clientOf(id, time(user.connected_at)))
        }
        break
      case 'user-joined': {
        const id = String(payload.socketId)
        this.#updated(this.#clientOf(id, time(payload.timestamp)))
        if (id !== this.id) this.#onNewcomer(id)
        break
      }
      case 'user-left': {
        const id = String(payload.socketId)
        this.#clients.delete(id)
        this.#changed({ removeClient: { [id]: { easyrtcid: id } } })
        break
      }
    }
    super.say(event, payload)
  }

  #data({ type, data, to, fromSocketId }: Payload): void {
    const from = String(fromSocketId)
    const command = COMMANDS[String(type)]
    if (command !== undefined) {
      this.command(command, { senderEasyrtcid: from, msgData: data })
      return
    }
    if (type === ABOUT) {
      const known = this.#clients.get(from)
      if (known !== undefined && isObject(data)) this.#updated(this.#clientOf(from, known.roomJoinTime, data))
      return
    }
    this.socket.emit('easyrtcMsg', {
      easyrtcid: this.id,
      serverTime: Date.now(),
      senderEasyrtcid: from,
      ...(to == null ? { targetRoom: this.room } : { targetEasyrtcid: this.id }),
      msgType: type,
      msgData: data,
    })
  }
}

/** easyrtc's client throws on an acknowledgement of any other form. */
export const easyrtcAnswer = (answer: Answer): Payload => {
  if (!answer.ok)
    return {
      msgType: 'error',
      msgData: { errorCode: answer.code.toUpperCase(), errorText: answer.error },
    }
  return {
    msgType: answer.msgType ?? 'ack',
    ...(answer.msgData === undefined ? {} : { msgData: answer.msgData }),
  }
}
