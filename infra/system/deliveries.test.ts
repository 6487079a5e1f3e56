// timeout: 240
/** kill -9 of who sends, who receives and the projector, while rooms go on: what the receiver has is the log's, in order, and what
 *  came double came under the same id. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { devKeys, signAs } from '../hive/keys.ts'
import { type Embedded, startEmbedded } from '../testing/embedded.ts'
import { until } from '../testing/until.ts'

/** How often each of the three is killed. */
const KILLS = Number(process.env.DELIVERY_KILLS ?? 1)
/** How many messages the log has before anybody is killed. */
const BEFORE = Number(process.env.DELIVERY_EVENTS ?? 0)
/** How long (ms) anything may take: a long run goes on beside others, and behind them. */
const PATIENCE_MS = KILLS > 10 ? 300_000 : 45_000
const ROOMS = ['global/lobby', 'document/123', 'post/alice/my-post']
// biome-ignore lint/suspicious/noExplicitAny: of whatever shape
type Json = any
const test = suite('deliveries under kill -9')

const RECEIVER = `
const { appendFileSync } = require('node:fs')
require('node:http').createServer((request, response) => {
  let body = ''
  request.on('data', (chunk) => { body += chunk })
  request.on('end', () => {
    appendFileSync(process.argv[2], JSON.stringify({ id: request.headers['webhook-id'], ...JSON.parse(body).data }) + '\\n')
    response.writeHead(204).end()
  })
}).listen(Number(process.argv[1]), '127.0.0.1')
`
const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

const signed = (account: string): Record<string, string> => {
  const challenge = String(Math.floor(Date.now() / 1_000))
  return {
    'x-account': account,
    'x-challenge': challenge,
    'x-pubkey': devKeys(account).posting.public,
    'x-signature': signAs(account, challenge),
  }
}
const readFrom = (file: string, from: number): string => {
  const handle = openSync(file, 'r')
  try {
    const { size } = fstatSync(handle)
    const bytes = Buffer.alloc(size - from)
    readSync(handle, bytes, 0, bytes.length, from)
    return bytes.toString('utf8')
  } finally {
    closeSync(handle)
  }
}
/** Again until it is answered: the server may be dead. */
const ask = async (
  product: Embedded,
  path: string,
  init: RequestInit & { headers: Record<string, string> },
) => {
  let answer: Response | null = null
  let last = 'nothing'
  const isAnswered = async () => {
    answer = await fetch(`${product.endpoints().url}${path}`, init).catch((error) => {
      last = String(error.cause ?? error)
      return null
    })
    if (answer?.ok === false) last = `${answer.status} ${await answer.text()}`
    return answer?.ok === true
  }
  await until(`${path} is answered`, isAnswered, PATIENCE_MS).catch((error) => {
    throw new Error(`${error.message} The last answer: ${last}\n${product.output().slice(-4_000)}`)
  })
  return answer!
}
const post = (product: Embedded, path: string, body: object) =>
  ask(product, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...signed('alice') },
    body: JSON.stringify(body),
  })

test('given rooms that go on, when sender, receiver and projector are each killed outright, then what was delivered are the log’s events, in order', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'deliveries-'))
  const file = join(folder, 'got.ndjson')
  writeFileSync(file, '')
  const port = await freePort()
  const product = await startEmbedded({ WEBHOOKS_LOOPBACK: 'on', RESTART_PAUSE_MS: '250' })
  let receiver: ChildProcess | null = null
  const receive = () => {
    receiver = spawn(process.execPath, ['-e', RECEIVER, String(port), file], { stdio: 'ignore' })
  }
  const came: Json[] = []
  const ids = new Set<string>()
  let read = 0
  /** What is new in the file is read alone: it grows by everything that was ever said. */
  const got = (): ReadonlyArray<Json> => {
    const text = readFrom(file, read)
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    read += Buffer.byteLength(whole)
    // A receiver that was killed may have left half a line.
    for (const line of whole.split('\n')) {
      if (!line.endsWith('}')) continue
      const one = JSON.parse(line)
      came.push(one)
      ids.add(one.id)
    }
    return came
  }
  let isOver = false
  let said = 0
  const say = async () => {
    const body = { content: `${said}`, message_id: randomUUID() }
    said += 1
    await post(product, `/api/chat/${ROOMS[said % ROOMS.length]}/messages`, body)
  }
  const talk = async () => {
    while (!isOver) await say()
  }
  try {
    const speakers = Array.from({ length: 20 }, async () => {
      while (said < BEFORE) await say()
    })
    await Promise.all(speakers)
    receive()
    await post(product, '/api/subscriptions', { url: `http://127.0.0.1:${port}/`, after: 'start' })
    const talking = talk()
    const goesOn = async () => {
      const [before, known] = [said, got().length]
      await until('more was said and came', () => said > before + 3 && got().length > known + 3, PATIENCE_MS)
    }
    for (let kill = 0; kill < KILLS; kill += 1) {
      if (kill % 20 === 19) console.log(`${3 * kill} kills, ${got().length} deliveries`)
      for (const victim of ['server', 'receiver', 'projector'] as const) {
        await goesOn()
        if (victim === 'receiver') {
          receiver!.kill('SIGKILL')
          await once(receiver!, 'exit')
          receive()
        } else process.kill(product.endpoints().pids[victim]!, 'SIGKILL')
      }
    }
    await goesOn()
    isOver = true
    await talking
    const feed = await ask(product, '/api/feed?after=start&live=false', { headers: signed('alice') })
    const wanted = (await feed.text())
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
    const haveCome = () => got().length > 0 && ids.size >= wanted.length
    await until('the last came', haveCome, PATIENCE_MS + 10 * wanted.length)
    const seen = new Map<string, Json>()
    for (const one of got()) {
      const before = seen.get(one.id)
      if (before === undefined) seen.set(one.id, one)
      else assert.equal(one, before, 'what comes double is the same')
    }
    for (const space of new Set(wanted.map(({ space_id }) => space_id))) {
      const of = (list: ReadonlyArray<Json>) =>
        list
          .filter((one) => one.space_id === space)
          .map(({ id, position, previous }) => ({ id, position, previous }))
      assert.equal(of([...seen.values()]), of(wanted), space)
    }
    if (process.env.DELIVERY_KILLS)
      console.log(
        `${3 * KILLS} kills: ${wanted.length} events, ${got().length - seen.size} of them came more than once`,
      )
  } finally {
    isOver = true
    ;(receiver as ChildProcess | null)?.kill('SIGKILL')
    await product.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test.run()
