/** Requests about people's data, on the log: in full in the stream `privacy-requests`, which no projection reads, and
 *  the fact of the request in the audit log and so in the log's tree, so that it can be proved that and when it was
 *  made. */
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { appendSettled } from '../../../adapters/eventstore/settle.ts'
import { derivedUuid } from '../../../domain/ids.ts'
import { accessStream } from '../../../domain/names.ts'
import type { EventLog, NewEvent } from '../../../domain/ports.ts'
import { readErrorInWords } from '../read-error.ts'

export const REQUESTS = 'privacy-requests'
const TRIES = 5

const Asked = t.type({
  requestId: t.string,
  subject: t.string,
  /** The generation of the subject's key that is destroyed, together with all before it. */
  generation: t.number,
  reason: t.union([t.string, t.null]),
  requestedBy: t.string,
  at: t.string,
})
/** `mac`: made with PRIVACY_MASTER_KEY; missing in requests from before they were signed. */
const Data = t.intersection([Asked, t.partial({ mac: t.string })])
export type ErasureRequest = t.TypeOf<typeof Data>

const macOf = (request: ErasureRequest, masterKey: string): string => {
  const { requestId, subject, generation, reason, requestedBy, at } = request
  const key = createHmac('sha256', Buffer.from(masterKey, 'hex')).update('erasure requests').digest()
  const text = JSON.stringify([requestId, subject, generation, reason, requestedBy, at])
  return createHmac('sha256', key).update(text).digest('base64')
}
/** `masterKey`: 64 hex digits. */
export const signed = (request: ErasureRequest, masterKey: string): ErasureRequest => ({
  ...request,
  mac: macOf(request, masterKey),
})
/** Whether the request is signed, which somebody who can only write to the log can't forge. */
export const isSigned = (request: ErasureRequest, masterKey: string): boolean => {
  const [given, right] = [Buffer.from(request.mac ?? ''), Buffer.from(macOf(request, masterKey))]
  return given.length === right.length && timingSafeEqual(given, right)
}

const ERASURE = 'ErasureRequested'
const EXPORT = 'ExportRequested'
export type RequestKind = typeof ERASURE | typeof EXPORT

/** Throws if it is not certain that it is on the log. */
export const recordRequest = async (
  log: EventLog,
  kind: RequestKind,
  request: ErasureRequest,
  node: string,
): Promise<void> => {
  const { requestId, subject, at } = request
  const metadata = {
    $correlationId: requestId,
    $causationId: requestId,
    command: { id: requestId, type: kind === ERASURE ? 'ErasePerson' : 'ExportPerson' },
    actor: { kind: 'system', id: request.requestedBy },
    node,
    at,
    schema: 1,
  }
  await append(log, REQUESTS, { id: requestId, type: kind, data: request, metadata })
  // Without the reason, which is kept where few look.
  const data = { requestId, subject, at }
  const id = derivedUuid(sha256, `audited ${requestId}`)
  await append(log, accessStream(null), { id, type: kind, data, metadata })
}

const sha256 = (text: string): string => hash('sha256', text, 'hex')

/** If the answer is lost, the log is read before a second try, so that the event is there once. */
const append = async (log: EventLog, stream: string, event: NewEvent): Promise<void> => {
  for (let tries = 1; ; tries += 1) {
    const written = await appendSettled(log)(stream, 'any', [event])()
    if (E.isRight(written)) return
    // A log that is away has certainly accepted nothing.
    if (written.left._tag !== 'LogUnavailable' || tries === TRIES)
      throw new Error(`The request can't be written to the log: ${written.left._tag}.`)
  }
}

/** Every request for erasure on the log, oldest first. */
export const erasureRequests = async (log: EventLog): Promise<ReadonlyArray<ErasureRequest>> => {
  const requests: ErasureRequest[] = []
  for (let from = 0n; ; ) {
    const read = await log.readStream(REQUESTS, { from, limit: 500 })()
    if (E.isLeft(read)) throw new Error(readErrorInWords(read.left))
    for (const { type, data } of read.right) if (type === ERASURE && Data.is(data)) requests.push(data)
    if (read.right.length < 500) return requests
    from = read.right.at(-1)!.revision + 1n
  }
}
