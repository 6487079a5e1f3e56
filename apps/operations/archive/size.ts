/** The log's size according to its node, and the time before which to archive so that it is as small as it should be. */
import { readFileSync } from 'node:fs'
import { sql } from 'slonik'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { lastLeaf, positionAt } from '../../../projections/proof/queries.ts'

// Not imported: an import of it also loads the client of fetch and WebSocket, which would lengthen each start of the projector.
const { request: plain } = process.getBuiltinModule('node:http')
const { request: secure } = process.getBuiltinModule('node:https')

const ANSWER_MS = 10_000

export type NodeAnswer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> }

/** One call over HTTP to the node that the connection string names. Rejects with a sentence. */
export const askNode = (url: string, method: 'GET' | 'POST', path: string): Promise<NodeAnswer> => {
  const at = new URL(url.replace(/^[^:]+:/, 'http:'))
  const tls = at.searchParams.get('tls') !== 'false'
  const ca = at.searchParams.get('tlsCAFile')
  const who = [at.username, at.password].map(decodeURIComponent).join(':')
  const authorization = `Basic ${Buffer.from(who).toString('base64')}`
  return new Promise((resolve, reject) => {
    const call = (tls ? secure : plain)(
      {
        host: at.hostname.replace(/^\[|\]$/g, ''),
        port: at.port || '2113',
        method,
        path,
        timeout: ANSWER_MS,
        ...(at.username === '' ? {} : { headers: { authorization } }),
        ...(ca === null ? {} : { ca: readFileSync(ca) }),
        rejectUnauthorized: at.searchParams.get('tlsVerifyCert') !== 'false',
      },
      async (response) => {
        let text = ''
        for await (const chunk of response.setEncoding('utf8')) text += chunk
        const status = response.statusCode ?? 0
        try {
          resolve({ status, body: JSON.parse(text || '{}') })
        } catch {
          resolve({ status, body: {} })
        }
      },
    )
    call.on('timeout', () =>
      call.destroy(new Error(`The node does not answer within ${ANSWER_MS / 1000} s.`)),
    )
    call.on('error', (error: NodeJS.ErrnoException) =>
      reject(new Error(`The node at ${at.host} can't be reached: ${error.message || error.code}.`)),
    )
    call.end()
  })
}

/** The size of the log's file in bytes; null if the server does not say. */
export const logBytes = async (url: string): Promise<number | null> => {
  const { body } = await askNode(url, 'GET', '/stats')
  const { bytes } = (body.es ?? {}) as { readonly bytes?: unknown }
  return typeof bytes === 'number' ? bytes : null
}

/** The log is made this much smaller than it may be, so that this is not due again at once. */
const ROOM = 0.7

/** The time before which the log would have to be archived, by the number of its events. `archived`: how many are no longer on it. */
export const beforeFor = async (
  session: DatabaseSession,
  sizes: { readonly bytes: number; readonly maxBytes: number; readonly archived: number },
): Promise<Date | null> => {
  const { bytes, maxBytes, archived } = sizes
  const [last] = await session.run(lastLeaf())
  if (last === undefined) return null
  const there = Number(last.leaf) + 1 - archived
  const leaf = archived + Math.floor(there * (1 - Math.min(1, (ROOM * maxBytes) / bytes)))
  const [row] = await session.run(sql.unsafe`SELECT created_at FROM presence_audit_log WHERE position =
    (${positionAt(leaf)})`)
  return row?.created_at === undefined ? null : new Date(row.created_at as Date)
}
