/** The contract's tables are what the records say, and the document of the socket's events is one. */
import { readFileSync, writeFileSync } from 'node:fs'
import { Parser } from '@asyncapi/parser'
import fastify from 'fastify'
import { Registry } from 'prom-client'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CODES } from '../../adapters/codes.ts'
import type { HttpDeps } from '../../adapters/http/deps.ts'
import { createHttp } from '../../adapters/http/http.ts'
import { asyncApi, fieldsInWords } from '../../adapters/sockets/asyncapi.ts'
import { CLIENT_EVENTS, type Documented, SERVER_EVENTS } from '../../adapters/sockets/documented.ts'
import { createRequests } from '../../adapters/sockets/requests.ts'
import { SENT_NAMES, sentEntry } from '../../domain/commands.ts'
import { EVENT_NAMES, eventEntry } from '../../domain/events.ts'
import { SETTING_NAMES, SETTINGS } from '../../domain/settings.ts'
import { SPACE_EVENT_NAMES, spaceEntry } from '../../domain/space/events.ts'
import { clientWire } from './client-wire.ts'

const test = suite('the contract')
const PAGE = new URL('../../docs/contract.md', import.meta.url)
// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
type Json = any

const documented = async (): Promise<Json> => {
  const nothing = {} as Json
  const deps = {
    readModels: nothing,
    commands: nothing,
    auth: nothing,
    turn: nothing,
    content: nothing,
    looks: nothing,
    health: async () => nothing,
    clock: { now: () => 0 },
    ids: { uuid: () => '' },
    config: {
      nodeId: 'node-1',
      publicUrl: 'http://localhost:3000',
      corsOrigins: ['*'],
      trustProxy: [],
      systemAdmins: [],
      auditors: [],
      version: '1',
    },
    metrics: new Registry(),
    logger: fastify({ logger: false }).log as Json,
    proofs: nothing,
    moments: nothing,
    feedLog: nothing,
    outside: nothing,
    webhookKey: nothing,
  }
  const app = await createHttp(deps as HttpDeps)
  await app.ready()
  const { paths } = (await app.inject('/docs/json')).json()
  const socket = (await app.inject('/docs/asyncapi.json')).body
  const page = await app.inject('/docs/sockets')
  await app.close()
  return { paths, socket, page }
}
const { paths, socket, page } = await documented()

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
const code = (words: string): string => `\`${words}\``
const restRows = (): string[][] =>
  Object.entries(paths as Record<string, Record<string, Json>>).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary, requestBody, responses }]) => {
      const body = requestBody?.content?.['application/json']?.schema
      const fields = Object.keys(body?.properties ?? {}).map((name) =>
        (body.required ?? []).includes(name) ? name : `${name}?`,
      )
      const answer = Object.keys(responses['200']?.content?.['application/json']?.schema?.properties ?? {})
      return [
        code(`${method.toUpperCase()} ${path}`),
        fields.length === 0 ? '' : code(fields.join(', ')),
        answer.length === 0 ? '' : code(answer.filter((name) => name !== 'node').join(', ')),
        summary ?? '',
      ]
    }),
  )
const eventRows = (events: Readonly<Record<string, Documented>>): string[][] =>
  Object.entries(events).map(([name, event]) => [
    code(name),
    code(fieldsInWords(event)),
    `${event.does}${'to' in event ? ` To ${event.to}.` : ''}`,
  ])

const MADE: Readonly<Record<string, () => string>> = {
  rest: () => table(['call', 'body', 'answer', 'does'], restRows()),
  events: () =>
    table(
      ['stream', 'events'],
      ['space', 'chat', 'refusal', 'cases'].map((stream) => [
        stream,
        EVENT_NAMES.filter((name) => eventEntry(name).stream === stream)
          .map(code)
          .join(', '),
      ]),
    ),
  errors: () =>
    table(
      ['code', 'status', 'means'],
      Object.entries(CODES).map(([name, { status, means }]) => [code(name), String(status), means]),
    ),
  'client events': () => table(['event', 'payload', 'does'], eventRows(CLIENT_EVENTS)),
  'server events': () => table(['event', 'payload', 'says'], eventRows(SERVER_EVENTS)),
  commands: () =>
    table(
      ['command', 'who', 'does'],
      SENT_NAMES.map((name) => [code(name), sentEntry(name).who, sentEntry(name).says]),
    ),
  settings: () =>
    table(
      ['setting', 'may be', 'at first', 'says'],
      SETTING_NAMES.map((name) => {
        const { mayBe, initial, says } = SETTINGS[name]
        return [code(name), mayBe, code(JSON.stringify(initial)), says]
      }),
    ),
}

test('given the contract, then its tables are what the records say', () => {
  const written = readFileSync(PAGE, 'utf8')
  const made = written.replace(
    /<!-- made: ([a-z ]+) -->\n.*?<!-- \/made -->/gs,
    (_, name: string) => `<!-- made: ${name} -->\n${MADE[name]!()}\n<!-- /made -->`,
  )
  // WRITE_CONTRACT=1 writes it anew: read the difference as what it is, a change of the contract.
  if (process.env.WRITE_CONTRACT === '1') writeFileSync(PAGE, made)
  assert.is(process.env.WRITE_CONTRACT === '1' ? made : written, made)
  for (const name of Object.keys(MADE)) assert.ok(written.includes(`<!-- made: ${name} -->`), name)
})
test('given the events that a socket sends and receives, then each is documented', () => {
  const requests = createRequests({ ids: {}, membership: {}, ephemeral: {}, lasting: {} } as Json)
  assert.equal(Object.keys(CLIENT_EVENTS).sort(), [...requests.keys()].sort())
  for (const name of SPACE_EVENT_NAMES) {
    const { told } = spaceEntry(name)
    if (typeof told === 'string') continue
    const fields = Object.keys(SERVER_EVENTS[told.as]?.fields ?? {})
    const data = { by: { kind: 'account', id: 'x' }, account: 'x', subject: 'x', changes: {}, at: '' }
    for (const field of Object.keys(told.with(data as Json)))
      assert.ok(fields.includes(field), `${told.as} has no ${field}`)
  }
})
test('given the document of the socket’s events, then it is valid AsyncAPI, and there is a page for people', async () => {
  assert.equal(JSON.parse(socket), JSON.parse(JSON.stringify(asyncApi('1', 'http://localhost:3000'))))
  const { document, diagnostics } = await new Parser().parse(socket)
  const errors = diagnostics.filter(({ severity }) => severity === 0)
  assert.equal(
    errors.map(({ message, path }) => `${path.join('.')}: ${message}`),
    [],
  )
  assert.ok(document !== undefined)
  for (const name of Object.keys({ ...CLIENT_EVENTS, ...SERVER_EVENTS }))
    assert.ok(page.body.includes(`<code>${name}</code>`), name)
})
test('given the records of events and codes, then the client’s types are made from them', () => {
  const file = new URL('../../apps/client/src/wire.ts', import.meta.url)
  const made = clientWire()
  if (process.env.WRITE_CONTRACT === '1') writeFileSync(file, made)
  assert.is(readFileSync(file, 'utf8'), made)
})

test.run()
