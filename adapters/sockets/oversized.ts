/** Replaces packets that are too large, but not absurdly so, by a short one, so that they are answered like any other
 *  and no connection is cut for them. */
import type { Socket } from 'socket.io'
import { tooLarge } from '../refusals.ts'
import { told } from './answers.ts'
import type { Requests, SocketRequest } from './requests.ts'

/** A packet is read up to this many times the limit; beyond that, the connection is closed. */
export const READ_AT_ALL = 4
/** Names that nobody can send, for packets that were too large: one whose refusal goes to the space's channel, one to the chat's. */
const OF_SPACE = '\u0000too-large'
const OF_CHAT = '\u0000too-large-chat'
export const isTooLarge = (name: string): boolean => name === OF_SPACE || name === OF_CHAT
export const oversizedName = (event: string): string => (event.startsWith('chat-') ? OF_CHAT : OF_SPACE)

export const withOversized = (requests: Requests, maxPacket: number): Requests => {
  const answer = told(tooLarge(`A packet is ${maxPacket} bytes at most.`))
  const request = (channel: SocketRequest['channel']): SocketRequest => ({
    channel,
    waits: false,
    handle: () => answer,
  })
  return new Map([...requests, [OF_SPACE, request('space')], [OF_CHAT, request('chat')]])
}

const isOver = (data: string | Buffer, max: number): boolean => {
  if (typeof data !== 'string') return data.byteLength > max
  return data.length > max || (data.length * 3 > max && Buffer.byteLength(data) > max)
}

/** The start of an event in Socket.IO's form: its kind, its namespace, the id of its acknowledgement, its name. */
const EVENT = /^2(\/[^,]{0,128},)?(\d{0,16})\["([^"\\]{0,64})"/

/** The same packet without its payload; null if it could not be answered. */
const shortened = (data: string | Buffer): string | Buffer | null => {
  if (typeof data !== 'string') return Buffer.alloc(0)
  const [, namespace = '', id = '', event] = EVENT.exec(data) ?? []
  return event === undefined ? null : `2${namespace}${id}${JSON.stringify([oversizedName(event), event])}`
}

type Reader = (data: string | Buffer) => void

/** What reads the packets of a connection: a property of it, since a function for each would take 10 times as much memory. */
const READER = Symbol('reader')
type Read = Socket['conn'] & { [READER]?: Reader }

/** Intercepts packets between a connection and Socket.IO's parser. */
export const createShortening = (maxPacket: number): ((connection: Socket['conn']) => void) => {
  function onData(this: Read, data: string | Buffer): void {
    const taken = isOver(data, maxPacket) ? shortened(data) : data
    if (taken === null) this.close()
    else this[READER]?.(taken)
  }
  return (connection: Read) => {
    const [read] = connection.listeners('data') as unknown as ReadonlyArray<Reader>
    if (read === undefined) throw new Error('Socket.IO does not read its connections')
    connection.off('data', read)
    connection[READER] = read
    connection.on('data', onData)
  }
}
