/** The messages of `ReadResp`, as bytes. */
import { type StoredEvent, withStructuredId } from './record.ts'
import { delimited, putVarint, varintField, varintSize } from './wire.ts'

/** How a client wants event ids on the wire. */
export type IdForm = 'string' | 'structured'

/** A read event: the stored bytes with their envelope. `link`: the event of which this one is the target. */
export const eventFrame = (event: StoredEvent, form: IdForm, link?: StoredEvent): Buffer => {
  const body = form === 'string' ? event.body : withStructuredId(event.body)
  const linkBody =
    link === undefined ? undefined : form === 'string' ? link.body : withStructuredId(link.body)
  const position = (link ?? event).position
  const inner =
    1 +
    varintSize(body.length) +
    body.length +
    (linkBody === undefined ? 0 : 1 + varintSize(linkBody.length) + linkBody.length) +
    1 +
    varintSize(position)
  const out = Buffer.allocUnsafe(1 + varintSize(inner) + inner)
  out[0] = 0x0a
  let at = putVarint(out, 1, inner)
  out[at++] = 0x0a
  at = putVarint(out, at, body.length)
  body.copy(out, at)
  at += body.length
  if (linkBody !== undefined) {
    out[at++] = 0x12
    at = putVarint(out, at, linkBody.length)
    linkBody.copy(out, at)
    at += linkBody.length
  }
  out[at++] = 0x18
  putVarint(out, at, position)
  return out
}

export const confirmationFrame = (subscriptionId: string): Buffer =>
  delimited(2, delimited(1, Buffer.from(subscriptionId)))

export const checkpointFrame = (position: number): Buffer =>
  delimited(3, Buffer.concat([varintField(1, position), varintField(2, position)]))

export const streamNotFoundFrame = (name: Buffer): Buffer => delimited(4, delimited(1, delimited(3, name)))

export const caughtUpFrame: Buffer = delimited(8, Buffer.alloc(0))
export const fellBehindFrame: Buffer = delimited(9, Buffer.alloc(0))
