/** The socket's events as an AsyncAPI document, and as a page for people. */
import type { JsonSchema } from '../http/shapes.ts'
import { CLIENT_EVENTS, type Documented, SERVER_EVENTS } from './documented.ts'

/** Removes `nullable`, which JSON Schema does not have, and marks of our own. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const { nullable, 'x-sometimes': _sometimes, ...rest } = value as JsonSchema
  const made = Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, plain(one)]))
  return nullable === true && typeof made.type === 'string'
    ? {
        ...made,
        type: [made.type, 'null'],
        ...(made.enum === undefined ? {} : { enum: [...(made.enum as unknown[]), null] }),
      }
    : made
}
const payloadOf = ({ fields, maybe = [] }: Documented) => ({
  type: 'object',
  properties: plain(fields),
  required: Object.keys(fields).filter((name) => !maybe.includes(name)),
})

const ACK = {
  type: 'object',
  properties: {
    ok: { type: 'boolean' },
    revision: { type: 'string' },
    position: { type: 'string' },
    code: { type: 'string' },
    error: { type: 'string' },
    retry_after: { type: 'integer' },
  },
  required: ['ok'],
}

const messagesOf = (events: Readonly<Record<string, Documented>>, from: 'client' | 'server') =>
  Object.fromEntries(
    Object.entries(events).map(([name, event]) => [
      `${from}-${name}`,
      {
        name,
        title: name,
        summary: event.does,
        ...('to' in event ? { description: `To ${event.to}.` } : {}),
        payload: payloadOf(event),
        ...(from === 'client' ? { 'x-ack': ACK } : {}),
      },
    ]),
  )

export const asyncApi = (version: string, publicUrl: string) => {
  const sent = messagesOf(CLIENT_EVENTS, 'client')
  const heard = messagesOf(SERVER_EVENTS, 'server')
  const url = new URL(publicUrl)
  const ref = (name: string) => ({ $ref: `#/channels/events/messages/${name}` })
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'DLUX Presence: the socket',
      version,
      description:
        'Socket.IO on the default namespace and path. A message’s name is the event; its payload the one argument. What a client sends may have an acknowledgement, { ok: true, … } or { ok: false, code, error, retry_after? }.',
    },
    defaultContentType: 'application/json',
    servers: {
      here: { host: url.host, protocol: url.protocol === 'https:' ? 'wss' : 'ws', pathname: '/socket.io/' },
    },
    channels: { events: { address: '/', messages: { ...sent, ...heard } } },
    operations: {
      fromClients: {
        action: 'receive',
        channel: { $ref: '#/channels/events' },
        summary: 'What a client may send.',
        messages: Object.keys(sent).map(ref),
      },
      toClients: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        summary: 'What a client hears.',
        messages: Object.keys(heard).map(ref),
      },
    },
  }
}

const escaped = (words: string): string =>
  words.replace(/[&<>"]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[sign]!)
export const fieldsInWords = ({ fields, maybe = [] }: Documented): string =>
  Object.keys(fields).length === 0
    ? '{}'
    : `{ ${Object.keys(fields)
        .map((name) => (maybe.includes(name) ? `${name}?` : name))
        .join(', ')} }`
const rows = (events: Readonly<Record<string, Documented>>): string =>
  Object.entries(events)
    .map(
      ([name, event]) =>
        `<tr><td><code>${name}</code></td><td><code>${escaped(fieldsInWords(event))}</code></td><td>${escaped(event.does)}${'to' in event ? ` To ${event.to}.` : ''}</td></tr>`,
    )
    .join('\n')

export const asyncApiPage = (): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>DLUX Presence: the socket</title>
<style>body{font:16px/1.5 system-ui;margin:2rem auto;max-width:70rem;padding:0 1rem}td{vertical-align:top;padding:.3rem .8rem .3rem 0}</style></head>
<body><h1>The socket’s events</h1>
<p>Socket.IO, default namespace and path. For programs: <a href="/docs/asyncapi.json">AsyncAPI</a>; the REST calls: <a href="/docs">OpenAPI</a>.</p>
<h2>What a client sends</h2><table>${rows(CLIENT_EVENTS)}</table>
<h2>What a client hears</h2><table>${rows(SERVER_EVENTS)}</table>
</body></html>
`
