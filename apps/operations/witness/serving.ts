/** The requests that a witness answers: `add-checkpoint` from logs, and what it last cosigned for everybody. Source:
 *  https://c2sp.org/tlog-witness. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { parseAsking } from '../../../projections/proof/witnessing.ts'
import { originHash } from './state.ts'
import type { Considered, LogWitness } from './witness.ts'

/** The most bytes of a request: a proof of 63 hashes, and a checkpoint with many signatures. */
const LONGEST = 131_072
const REQUEST_MS = 10_000

type Answer = {
  readonly status: number
  readonly text: string
  readonly type?: string
  readonly cache?: string
}
const TEXT = 'text/plain; charset=utf-8'

const bodyOf = async (request: IncomingMessage): Promise<string | null> => {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LONGEST) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const answerOf = (considered: Considered): Answer => {
  switch (considered.kind) {
    case 'cosigned':
      return { status: 200, text: considered.line }
    case 'another log':
      return { status: 404, text: 'This log is not witnessed here.\n' }
    case 'older than asked':
      return { status: 400, text: 'The old size is above the checkpoint’s.\n' }
    case 'moved':
      return { status: 409, text: `${considered.size}\n`, type: 'text/x.tlog.size' }
    case 'refused':
      return { status: considered.fault === 'unsigned' ? 403 : 422, text: `${considered.why}\n` }
  }
}

/** A text for people: who this is, which log it watches, and how far it has cosigned. */
const about = ({ key, log, lastCheckpoint }: LogWitness): string =>
  [
    `witness ${key.vkey}`,
    `log ${log.vkey}`,
    `cosigned ${lastCheckpoint()?.size ?? 0}`,
    `at /${originHash(log.name)}/checkpoint`,
    '',
  ].join('\n')

const answer = async (request: IncomingMessage, witness: LogWitness): Promise<Answer> => {
  const { method = '', url = '/' } = request
  if (url === '/add-checkpoint') {
    if (method !== 'POST') return { status: 405, text: 'POST a checkpoint here.\n' }
    const body = await bodyOf(request)
    if (body === null) return { status: 413, text: `More than ${LONGEST} bytes.\n` }
    const asked = parseAsking(body)
    if (asked === null)
      return { status: 400, text: 'This is no old size, proof and checkpoint (c2sp.org/tlog-witness).\n' }
    return answerOf(witness.consider(asked))
  }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, text: 'There is nothing to write here.\n' }
  if (url === '/') return { status: 200, text: about(witness) }
  const last = url === `/${originHash(witness.log.name)}/checkpoint` ? witness.last() : null
  if (last === null) return { status: 404, text: 'Nothing was cosigned of such a log.\n' }
  return { status: 200, text: last, cache: 'public, max-age=5' }
}

const send = (response: ServerResponse, { status, text, type = TEXT, cache = 'no-store' }: Answer): void => {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': cache,
    // So that pages of any origin can compare what the log serves with what its witnesses say.
    'access-control-allow-origin': '*',
    'x-content-type-options': 'nosniff',
  })
  response.end(text)
}

/** Resolves once it listens; rejects if it can't. `onError`: called with what went wrong in answering, such as a full disk. */
export const serveWitness = (
  witness: LogWitness,
  { host, port, onError }: { host: string; port: number; onError: (error: Error) => void },
): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
      answer(request, witness).then(
        (made) => send(response, made),
        (error: Error) => {
          onError(error)
          if (!response.headersSent) send(response, { status: 500, text: 'It could not be kept.\n' })
        },
      )
    })
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
