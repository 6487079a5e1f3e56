/** The messages of `ReadResp`, as bytes. */
import type { Call } from '../server/grpc.ts'
import { type StoredEvent, withStructuredId } from './record.ts'
import { delimited, putVarint, varintField, varintSize } from './wire.ts'

/** How a client wants event ids on the wire. */
export type IdForm = 'string' | 'structured'

/** A read event: the stored bytes with their envelope. `link`: the event that points to it, where one was followed;
 *  then `event` is undefined if what it points to is gone. */
export const eventFrame = (event: StoredEvent | undefined, form: IdForm, link?: StoredEvent): Buffer =>
  delimited(1, readEvent(event, form, link))

/** Writes the same message; mostly without copying the event's bytes. */
export const writeEvent = (
  call: Pick<Call, 'write'>,
  event: StoredEvent | undefined,
  form: IdForm,
  link?: StoredEvent,
): void => {
  if (event === undefined || link !== undefined || form !== 'string') {
    call.write(eventFrame(event, form, link))
    return
  }
  event.head ??= headOf(event)
  call.write(event.head, event.body)
}

/** The message's part before the event's own bytes. */
const headOf = ({ body, position }: StoredEvent): Buffer => {
  const inner = 1 + varintSize(position) + 1 + varintSize(body.length) + body.length
  const out = Buffer.allocUnsafe(1 + varintSize(inner) + inner - body.length)
  out[0] = 0x0a
  let at = putVarint(out, 1, inner)
  out[at++] = 0x18
  at = putVarint(out, at, position)
  out[at++] = 0x0a
  putVarint(out, at, body.length)
  return out
}

/** The `ReadEvent` message, the same in reads and persistent subscriptions. */
export const readEvent = (event: StoredEvent | undefined, form: IdForm, link?: StoredEvent): Buffer => {
  const bodies: Array<[number, Buffer]> = []
  if (event !== undefined) bodies.push([0x0a, form === 'string' ? event.body : withStructuredId(event.body)])
  if (link !== undefined) bodies.push([0x12, form === 'string' ? link.body : withStructuredId(link.body)])
  const position = (link ?? event)?.position ?? 0
  let size = 1 + varintSize(position)
  for (const [, body] of bodies) size += 1 + varintSize(body.length) + body.length
  const out = Buffer.allocUnsafe(size)
  out[0] = 0x18
  let at = putVarint(out, 1, position)
  for (const [tag, body] of bodies) {
    out[at++] = tag
    at = putVarint(out, at, body.length)
    body.copy(out, at)
    at += body.length
  }
  return out
}

export const confirmationFrame = (subscriptionId: string): Buffer =>
  delimited(2, delimited(1, Buffer.from(subscriptionId)))

export const checkpointFrame = (position: number): Buffer =>
  delimited(3, Buffer.concat([varintField(1, position), varintField(2, position)]))

export const streamNotFoundFrame = (name: Buffer): Buffer => delimited(4, delimited(1, delimited(3, name)))

/** Where a stream's events begin and end, or where `$all` ends, for the clients that ask for it. */
export const firstStreamPositionFrame = (revision: number): Buffer => varintField(5, revision)
export const lastStreamPositionFrame = (revision: number): Buffer => varintField(6, revision)
export const lastAllPositionFrame = (position: number): Buffer =>
  delimited(7, Buffer.concat([varintField(1, position), varintField(2, position)]))

export const caughtUpFrame: Buffer = delimited(8, Buffer.alloc(0))
export const fellBehindFrame: Buffer = delimited(9, Buffer.alloc(0))
