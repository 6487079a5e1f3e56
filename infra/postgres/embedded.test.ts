import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { suite } from 'uvu'
import { ensureDatabase, startPostgres } from './embedded.ts'

const embedded = suite('embedded PostgreSQL')
const root = mkdtempSync(join(tmpdir(), 'presence-pg-test-'))
chmodSync(root, 0o755)
const dataDir = join(root, 'postgres')
const password = 'a password with % and /'
embedded.after(() => rmSync(root, { recursive: true, force: true }))

const count = async (url: string): Promise<number> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('SELECT count(*)::int AS n FROM kept')
  await client.end()
  return rows[0].n
}

embedded(
  'given an empty folder, when started, stopped and started again, then the data is there',
  async () => {
    const first = await startPostgres({ dataDir, password })
    assert.equal(first.fresh, true)
    await ensureDatabase(first.url('postgres'), 'presence')
    await ensureDatabase(first.url('postgres'), 'presence')
    const client = new pg.Client({ connectionString: first.url('presence') })
    await client.connect()
    await client.query('CREATE TABLE kept AS SELECT 1 AS n')
    await client.end()
    await first.stop()

    const second = await startPostgres({ dataDir, password })
    assert.equal(second.fresh, false)
    assert.equal(await count(second.url('presence')), 1)
    await second.stop()
  },
)

embedded(
  'given one that is running, when another is started on its data, then a sentence says who uses it',
  async () => {
    const one = await startPostgres({ dataDir, password })
    await assert.rejects(startPostgres({ dataDir, password }), /Another PostgreSQL \(process \d+\) is using/)
    assert.equal(await count(one.url('presence')), 1)
    await one.stop()
  },
)

embedded('given its parent, when that is killed outright, then it ends, too, and loses nothing', async () => {
  const script = `import { startPostgres } from ${JSON.stringify(import.meta.resolve('./embedded.ts'))}
    const p = await startPostgres(${JSON.stringify({ dataDir, password })})
    console.log(p.pid)
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = Number(await new Promise((done) => parent.stdout.once('data', (data) => done(String(data)))))
  const gone = new Promise((done) => parent.once('exit', done))
  parent.kill('SIGKILL')
  await gone
  const alive = () => {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }
  const until = Date.now() + 10_000
  while (alive() && Date.now() < until) await new Promise((done) => setTimeout(done, 20))
  assert.equal(alive(), false)
  const again = await startPostgres({ dataDir, password })
  assert.equal(await count(again.url('presence')), 1)
  await again.stop()
})

embedded(
  'given a folder that PostgreSQL’s user can’t access, when it is removed and made again, then it starts afresh, with its new password',
  async () => {
    const closed = mkdtempSync(join(root, 'closed-'))
    const within = join(closed, 'data', 'postgres')
    const said: string[] = []
    const say = (line: string) => void said.push(line)
    const places = new Set<string>()
    try {
      for (const [round, secret] of ['one', 'two'].entries()) {
        rmSync(join(closed, 'data'), { recursive: true, force: true })
        const postgres = await startPostgres({ dataDir: within, password: secret, say })
        places.add(postgres.dataDir)
        assert.equal(postgres.fresh, true, `round ${round}`)
        await ensureDatabase(postgres.url('postgres'), 'presence')
        await postgres.stop()
      }
      if (process.getuid?.() === 0)
        assert.ok(said.some((line) => /of a data folder that was removed/.test(line)))
    } finally {
      for (const place of places)
        for (const path of [place, `${place}.before`]) rmSync(path, { recursive: true, force: true })
    }
  },
)

embedded('given data of another version, then a sentence says which', async () => {
  writeFileSync(join(dataDir, 'PG_VERSION'), '12\n')
  await assert.rejects(startPostgres({ dataDir, password }), /is PostgreSQL 12's, and this is PostgreSQL 18/)
})

embedded.run()
