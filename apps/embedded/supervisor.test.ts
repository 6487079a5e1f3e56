// timeout: 90
import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import pg from 'pg'
import { suite } from 'uvu'
import { freePort } from '../../infra/postgres/embedded.ts'
import { readEndpoints } from '../operations/instance/endpoints.ts'
import { checkDataDir, checkPort } from './checks.ts'
import type { Display } from './display.ts'
import { readSettings } from './settings.ts'
import { type Running, startAll } from './supervisor.ts'

const embedded = suite('the embedded instance')
const root = mkdtempSync(join(tmpdir(), 'presence-embedded-'))
chmodSync(root, 0o755)
embedded.after(() => rmSync(root, { recursive: true, force: true }))

// Stand-ins for the two programs that have tests of their own: they report that they are ready, and which environment they got.
const standIn = (name: string, body: string): string => {
  const file = join(root, `${name}.mjs`)
  writeFileSync(file, body)
  return file
}
const server = standIn(
  'server',
  `import { createServer } from 'node:http'
   const s = createServer((_, r) => r.end(JSON.stringify(process.env)))
   s.listen(Number(process.env.PORT), process.env.HOST, () => console.log('listening on http://127.0.0.1:' + s.address().port))
   process.on('SIGTERM', () => process.exit(0))`,
)
const projector = standIn('projector', `console.log('projecting'); setInterval(() => {}, 1000)`)
const programs = {
  eventStore: new URL('../../infra/eventstore/main.ts', import.meta.url).pathname,
  projector,
  server,
}

const said: string[] = []
const display: Display = { say: (line) => void said.push(line), during: (_, work) => work, table: () => {} }
const dataDir = join(root, 'data')
// The cache, since compiling takes most of a start.
const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env
const env = { PATH, NODE_COMPILE_CACHE, DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: '0' }
const start = (more: Record<string, string> = {}, what = programs): Promise<Running> => {
  const settings = readSettings({ ...env, ...more })
  if (E.isLeft(settings)) throw new Error(settings.left.join(' '))
  return startAll(settings.right, { ...env, ...more }, display, { programs: what })
}
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  const end = Date.now() + 60_000
  while (!(await what())) {
    assert.ok(Date.now() < end, `It did not come. Said: ${said.join(' / ')}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}
const countPosts = async (url: string): Promise<number> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('SELECT count(*)::int AS n FROM posts')
  await client.end()
  return rows[0].n
}

let running: Running
let firstSession = ''

embedded(
  'given an empty folder, when started, then all parts run, with sample content and secrets',
  async () => {
    running = await start()
    const endpoints = running.endpoints()
    const given = (await (await fetch(endpoints.url)).json()) as Record<string, string>
    firstSession = given.SESSION_SECRET ?? ''
    assert.match(firstSession, /^[0-9a-f]{64}$/)
    assert.equal(given.HIVE_STANDIN, 'on')
    assert.equal(given.NODE_ENV, 'development')
    assert.ok((await countPosts(endpoints.databaseUrl)) > 0)
    assert.equal(statSync(join(dataDir, 'secrets.json')).mode & 0o777, 0o600)
    assert.equal(statSync(join(dataDir, 'endpoints.json')).mode & 0o777, 0o600)
    assert.deepEqual(readEndpoints(dataDir), endpoints)
    for (const pid of Object.values(endpoints.pids)) assert.ok(isAlive(pid))
  },
)

embedded(
  'given a running instance, then the projector and PostgreSQL give way to the server and the log',
  () => {
    const { pids } = running.endpoints()
    const [server, eventstore, projector, postgres] = (
      ['server', 'eventstore', 'projector', 'postgres'] as const
    ).map((name) => getPriority(pids[name] ?? 0))
    assert.equal(eventstore, server)
    assert.ok(projector! > server! && postgres! > server!)
  },
)

embedded(
  'given a running instance, when another is started on its folder, then a sentence says so',
  async () => {
    await assert.rejects(start(), /Another npm start \(process \d+\) runs on/)
  },
)

embedded(
  'given a running instance, when its server, event store and PostgreSQL are killed, then they are started again',
  async () => {
    const before = running.endpoints().pids
    for (const name of ['server', 'eventstore', 'postgres'] as const)
      process.kill(before[name] ?? 0, 'SIGKILL')
    await until(() => {
      const now = readEndpoints(dataDir)?.pids
      return (
        !!now && (['server', 'eventstore', 'postgres'] as const).every((name) => now[name] !== before[name])
      )
    })
    // A process has its id before it listens.
    await until(() =>
      fetch(running.endpoints().url).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    await until(() =>
      countPosts(running.endpoints().databaseUrl).then(
        (n) => n > 0,
        () => false,
      ),
    )
    assert.ok(said.some((line) => /server was ended by SIGKILL: starting it again in 0\.\d+ s/.test(line)))
  },
)

embedded('when it stops, then no process is left, and no endpoints file', async () => {
  const { supervisor: _, ...pids } = running.endpoints().pids
  await running.stop()
  for (const [name, pid] of Object.entries(pids)) assert.ok(!isAlive(pid), `${name} is left`)
  assert.equal(readEndpoints(dataDir), null)
})

embedded(
  'given its data, when started again, then it has the same secrets and content, and deleted samples stay deleted',
  async () => {
    running = await start()
    const { url, databaseUrl } = running.endpoints()
    const given = (await (await fetch(url)).json()) as Record<string, string>
    assert.equal(given.SESSION_SECRET, firstSession)
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    await client.query('DELETE FROM posts')
    await client.end()
    await running.stop()
    running = await start()
    assert.equal(await countPosts(running.endpoints().databaseUrl), 0)
    await running.stop()
  },
)

embedded('given the supervisor, when it is killed outright, then nothing of it is left', async () => {
  const script = `const { readSettings } = await import(${JSON.stringify(import.meta.resolve('./settings.ts'))})
    const { startAll } = await import(${JSON.stringify(import.meta.resolve('./supervisor.ts'))})
    const env = ${JSON.stringify(env)}
    const display = { say: () => {}, during: (_, work) => work, table: () => {} }
    const running = await startAll(readSettings(env).right, env, display, { programs: ${JSON.stringify(programs)} })
    console.log(JSON.stringify(running.endpoints().pids))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const pids: Record<string, number> = JSON.parse(line.toString())
  child.kill('SIGKILL')
  await once(child, 'exit')
  await until(() => Object.values(pids).every((pid) => !isAlive(pid)))
  assert.equal(readEndpoints(dataDir), null)
})

embedded(
  'given a run that is killed and whose server takes a while to stop, when the next starts at once on its port, then it waits for it',
  async () => {
    const slow = standIn(
      'slow',
      `import { createServer } from 'node:http'
       const s = createServer((_, r) => r.end('slow'))
       s.listen(Number(process.env.PORT), process.env.HOST, () => console.log('listening on http://127.0.0.1:' + s.address().port))
       process.on('SIGTERM', () => setTimeout(() => process.exit(0), 1000))`,
    )
    const port = String(await freePort())
    const script = `const { readSettings } = await import(${JSON.stringify(import.meta.resolve('./settings.ts'))})
    const { startAll } = await import(${JSON.stringify(import.meta.resolve('./supervisor.ts'))})
    const env = ${JSON.stringify({ ...env, PORT: port })}
    const display = { say: () => {}, during: (_, work) => work, table: () => {} }
    await startAll(readSettings(env).right, env, display, { programs: ${JSON.stringify({ ...programs, server: slow })} })
    console.log('up')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    running = await start({ PORT: port, PUBLIC_URL: 'https://vr.example.org' })
    assert.ok(said.some((line) => /a run before was killed: waiting for its parts/.test(line)))
    const { url, localUrl } = running.endpoints()
    assert.equal([url, localUrl].join(), `https://vr.example.org,http://127.0.0.1:${port}`)
    assert.equal((await fetch(localUrl ?? '')).status, 200)
    await running.stop()
  },
)

embedded(
  'given a server that does not start, then the others are stopped and a sentence quotes its last output',
  async () => {
    const broken = {
      ...programs,
      server: standIn('broken', `console.error('no such thing'); process.exit(3)`),
    }
    await assert.rejects(start({}, broken), /server ended with code 3 before it was ready: no such thing/)
    assert.equal(readEndpoints(dataDir), null)
  },
)

embedded('given a port that is taken, then a sentence says which, and what to do', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => other.once('listening', done))
  const { port } = other.address() as { port: number }
  await assert.rejects(
    start({ PORT: String(port) }),
    new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is taken .*PORT=${port + 1} npm start`),
  )
  other.close()
  await assert.rejects(checkPort('192.0.2.1', 3000), /no address of this machine/)
})

embedded('given data of another version, then a sentence says so', async () => {
  writeFileSync(join(dataDir, 'format.json'), '{"format":99}')
  await assert.rejects(start(), /is of another version \(format 99, and this one reads 1\)/)
  writeFileSync(join(dataDir, 'format.json'), '{"format":1}')
})

embedded('given a full disk, a file in its place, or damaged secrets, then a sentence says so', async () => {
  assert.throws(() => checkDataDir(dataDir, () => 12), /The disk is full: 12 MB are free/)
  writeFileSync(join(root, 'a-file'), '')
  assert.throws(() => checkDataDir(join(root, 'a-file')), /there is a file in its place/)
  // Node’s own function for making folders never returns from this one.
  if (process.platform === 'linux')
    assert.throws(() => checkDataDir('/proc/none/data'), /no folder can be made there/)
  const deep = join(root, 'one', 'in', 'another')
  checkDataDir(deep, () => 1_000)
  assert.ok(statSync(deep).isDirectory())
  const file = join(dataDir, 'secrets.json')
  const kept = readFileSync(file)
  writeFileSync(file, '{')
  await assert.rejects(start(), /secrets\.json is damaged/)
  writeFileSync(file, kept)
})

embedded(
  'given another HOST, or production, without HIVE_NODE, then it does not start a stand-in for Hive',
  () => {
    const sentences = (more: Record<string, string>) => {
      const settings = readSettings({ ...env, ...more })
      return E.isLeft(settings) ? settings.left.join(' ') : ''
    }
    assert.match(sentences({ HOST: '0.0.0.0' }), /HIVE_NODE is not set.*127\.0\.0\.1 alone/)
    assert.match(sentences({ NODE_ENV: 'production' }), /HIVE_NODE is not set.*never in production/)
    assert.equal(
      sentences({ NODE_ENV: 'production', HIVE_NODE: 'https://api.hive.blog', HOST: '0.0.0.0' }),
      '',
    )
    assert.match(sentences({ PORT: 'x' }), /^PORT must be/)
  },
)

embedded.run()
