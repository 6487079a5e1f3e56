/** One delivery over the network: any 2xx answer accepts it. */
import type { IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import * as E from 'fp-ts/lib/Either.js'
import { type TargetOptions, targetOf } from './target.ts'

// Not imported: an import of node:http also loads the client of fetch and WebSocket, which would hold up whoever joins first.
const http = process.getBuiltinModule('node:http')
const https = process.getBuiltinModule('node:https')

export type DeliveryOutcome =
  | { readonly _tag: 'Taken' }
  | {
      readonly _tag: 'NotTaken'
      readonly error: string
      /** How long the receiver asks to be left alone, in milliseconds. */
      readonly retryAfterMs: number
      /** Whether the receiver wants no more: 410. */
      readonly isGone: boolean
    }
export type Parcel = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}
export type Send = (parcel: Parcel, signal: AbortSignal) => Promise<DeliveryOutcome>

const TIMEOUT_MS = 15_000
const LONGEST_WAIT_MS = 300_000
/** How many bytes of an answer are read; its content does not matter. */
const LONGEST_ANSWER = 65_536

const notTaken = (error: string, retryAfterMs = 0, isGone = false): DeliveryOutcome => ({
  _tag: 'NotTaken',
  error,
  retryAfterMs,
  isGone,
})

const outcomeOf = ({ statusCode = 0, headers }: IncomingMessage): DeliveryOutcome => {
  if (statusCode >= 200 && statusCode < 300) return { _tag: 'Taken' }
  const seconds = Number(headers['retry-after'] ?? 0)
  const wait = Number.isFinite(seconds) ? Math.min(seconds * 1_000, LONGEST_WAIT_MS) : 0
  return notTaken(`It answered ${statusCode}.`, Math.max(0, wait), statusCode === 410)
}

/** Keeps connections open; `close` ends them. */
export const createSend = (
  options: TargetOptions & { readonly timeoutMs?: number },
): { readonly send: Send; readonly close: () => void } => {
  const agents = {
    'http:': new http.Agent({ keepAlive: true }),
    'https:': new https.Agent({ keepAlive: true }),
  }

  const send: Send = async ({ url: text, headers, body }, signal) => {
    const found = await targetOf(text, options)
    if (E.isLeft(found)) return notTaken(found.left)
    const { url, address, family } = found.right
    const pinned: LookupFunction = (_host, asked, answer) =>
      asked.all === true ? answer(null, [{ address, family }]) : answer(null, address, family)
    const until = AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)])
    const { request } = url.protocol === 'https:' ? https : http
    return new Promise<DeliveryOutcome>((resolve) => {
      const asking = request(
        url,
        {
          method: 'POST',
          agent: agents[url.protocol as 'http:' | 'https:'],
          lookup: pinned,
          signal: until,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'user-agent': 'dlux-presence',
            ...headers,
          },
        },
        (answer) => {
          let bytes = 0
          answer.on('data', (chunk: Buffer) => {
            bytes += chunk.length
            if (bytes > LONGEST_ANSWER) answer.destroy()
          })
          answer.on('error', () => {})
          answer.once('close', () => resolve(outcomeOf(answer)))
        },
      )
      asking.once('error', (error: NodeJS.ErrnoException) =>
        resolve(
          notTaken(until.aborted ? 'It did not answer in time.' : `It can’t be reached (${error.code}).`),
        ),
      )
      asking.end(body)
    })
  }
  return {
    send,
    close: () => {
      agents['http:'].destroy()
      agents['https:'].destroy()
    },
  }
}
