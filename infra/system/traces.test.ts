// timeout: 180
/** One trace of what somebody said, through the whole product: from the socket to the append, to the tables and to the room. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startEmbedded } from '../testing/embedded.ts'
import { clientOf } from '../testing/sockets.ts'
import { until } from '../testing/until.ts'

type Span = {
  name: string
  traceId: string
  spanId: string
  parent: string | null
  attributes: Record<string, string>
}
const test = suite('traces')

test('given an operator’s tracer, when somebody posts a message, then one trace has command, append, projection and room, and its id is on the log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'traces-'))
  const file = join(folder, 'spans.ndjson')
  // The parts are given no more of the environment than they read: where spans go stands in the tracer itself.
  const sdk = join(folder, 'sdk.mjs')
  const tracer = new URL('../testing/tracing.mjs', import.meta.url)
  writeFileSync(
    sdk,
    `process.env.TRACES = ${JSON.stringify(file)}\nawait import(${JSON.stringify(tracer.href)})\n`,
  )
  const options = `--import ${pathToFileURL(sdk).href}`
  const product = await startEmbedded({ SERVER_NODE_OPTIONS: options, PROJECTOR_NODE_OPTIONS: options })
  const client = await clientOf(product.endpoints().url, {})
  const db = new pg.Client({ connectionString: product.endpoints().databaseUrl })
  try {
    await client.ask('join-space', { spaceType: 'global', spaceId: 'lobby' })
    const said = await client.ask('chat-message', { content: 'follow this' })
    assert.ok(said.ok)
    const spans = (): Span[] =>
      existsSync(file)
        ? readFileSync(file, 'utf8')
            .split('\n')
            .filter((line) => line.endsWith('}'))
            .map((line) => JSON.parse(line))
        : []
    const ofMessage = () => {
      const command = spans().find(({ name }) => name === 'presence PostMessage')
      return command === undefined ? [] : spans().filter(({ traceId }) => traceId === command.traceId)
    }
    const wanted = ['presence PostMessage', 'presence append', 'presence project', 'presence tell rooms']
    await until('the trace is whole', () =>
      wanted.every((name) => ofMessage().some((span) => span.name === name)),
    )
    const [command, append] = wanted.map((name) => ofMessage().find((span) => span.name === name)!)
    assert.equal([command!.parent, append!.parent], [null, command!.spanId])
    assert.is(command!.attributes['presence.space'], 'global:lobby')
    await db.connect()
    await until('it is in the audit log', async () => {
      const { rows } = await db.query('SELECT action FROM presence_audit_log WHERE correlation_id = $1', [
        command!.traceId,
      ])
      return rows.some(({ action }) => action === 'MessagePosted')
    })
    assert.not.ok(readFileSync(file, 'utf8').includes('follow this'), 'what was said is in no span')
  } finally {
    client.close()
    await db.end().catch(() => {})
    await product.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
