import { strict as assert } from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import { loadConfig } from '../../config/load.ts'
import { runCommand } from '../dispatcher.ts'
import { setUp, setup } from './command.ts'
import { readEnv } from './env-file.ts'
import { SECRETS } from './plan.ts'

type Context = { dir: string; file: string }
const setups = suite<Context>('presence setup')
setups.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'setup-'))
  context.file = join(context.dir, '.env')
})
setups.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }))

const run = async (...args: string[]) => {
  const out: string[] = []
  const err: string[] = []
  const code = await runCommand(setup, args, { out: (text) => out.push(text), err: (text) => err.push(text) })
  return { code, out: out.join('\n'), err: err.join('\n') }
}
const FLAGS = [
  '--yes',
  '--domain',
  'vr.example.org',
  '--admins',
  'alice,bob',
  '--origins',
  'https://*.ipfs.dlux.io',
]
const inParts = { EVENTSTORE_URL: 'esdb://e:2113?tls=false', DATABASE_URL: 'postgres://p:x@d:5432/p' }

setups(
  'given an empty folder, when set up without questions, then a start accepts what is written',
  async ({ file }) => {
    const { code, out } = await run('--env', file, ...FLAGS)
    assert.equal(code, 0)
    const env = readEnv(readFileSync(file, 'utf8'))
    const config = loadConfig({ ...env, ...inParts })
    if (E.isLeft(config)) assert.fail(config.left.join(' '))
    assert.equal(config.right.production, true)
    assert.deepEqual(config.right.corsOrigins, ['https://vr.example.org', 'https://*.ipfs.dlux.io'])
    assert.deepEqual(config.right.systemAdmins, ['alice', 'bob'])
    assert.equal(env.SITE, 'vr.example.org')
    assert.equal(config.right.audit.origin, 'vr.example.org')
    assert.equal(new Set(SECRETS.map((name) => env[name])).size, SECRETS.length, 'each is another')
    for (const name of SECRETS) {
      assert.match(env[name] ?? '', /^[0-9a-f]{64}$/, name)
      assert.ok(!out.includes(env[name]!), `${name} is shown`)
    }
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.match(out, /GB of memory/)
  },
)

setups('given a file, when set up again, then no secret and no other line changes', async ({ file }) => {
  await run('--env', file, ...FLAGS)
  const first = `${readFileSync(file, 'utf8')}\n# mine\nSESSION_TTL=600\n`
  writeFileSync(file, first, { mode: 0o644 })
  const { code, out } = await run('--env', file, '--yes', '--admins', 'carol', '--json')
  assert.equal(code, 0)
  const [before, after] = [readEnv(first), readEnv(readFileSync(file, 'utf8'))]
  assert.deepEqual({ ...after, SYSTEM_ADMINS: '' }, { ...before, SYSTEM_ADMINS: '' })
  assert.equal(after.SYSTEM_ADMINS, 'carol')
  assert.ok(readFileSync(file, 'utf8').includes('# mine\nSESSION_TTL=600\n'))
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(JSON.parse(out), {
    file,
    made: [],
    kept: [...SECRETS],
    changed: ['SYSTEM_ADMINS'],
  })
})

setups('given some secrets, then only the missing ones are made', async ({ file }) => {
  const mine = 'ab'.repeat(32)
  writeFileSync(file, `PRIVACY_MASTER_KEY="${mine}"\nexport TURN_SECRET=${'t'.repeat(40)}\nSESSION_SECRET=\n`)
  assert.equal((await run('--env', file, ...FLAGS)).code, 0)
  const env = readEnv(readFileSync(file, 'utf8'))
  assert.equal(env.PRIVACY_MASTER_KEY, mine)
  assert.equal(env.TURN_SECRET, 't'.repeat(40))
  assert.match(env.SESSION_SECRET ?? '', /^[0-9a-f]{64}$/)
})

const WRONG: ReadonlyArray<readonly [string, ReadonlyArray<string>, RegExp]> = [
  ['an address for a domain', ['--domain', 'https://vr.example.org'], /The domain must be a name/],
  ['no domain', ['--domain', ''], /The domain must be a name/],
  ['two domains', ['--domain', 'a.org,b.org'], /The domain must be a name/],
  ['a name that is no account', ['--admins', 'Alice'], /SYSTEM_ADMINS must be/],
  ['every origin', ['--origins', '*'], /CORS_ORIGINS must be/],
  ['an unknown setting', ['--set', 'COLOUR=red'], /There is no setting COLOUR/],
  ['a wrong setting', ['--set', 'TURN_TTL=1'], /TURN_TTL must be/],
  ['a short secret', ['--set', 'SESSION_SECRET=short'], /SESSION_SECRET must be/],
  ['a line in a value', ['--set', 'LOG_LEVEL=info\nPORT=1'], /LOG_LEVEL must be/],
]
for (const [what, flags, says] of WRONG)
  setups(`given ${what}, then a sentence says so, and nothing is written`, async ({ file }) => {
    writeFileSync(file, '# as it was\n')
    const { code, err } = await run('--env', file, ...FLAGS, ...flags)
    assert.equal(code, 1)
    assert.match(err, says)
    assert.equal(readFileSync(file, 'utf8'), '# as it was\n')
  })

setups('given an existing secret, when another is given, then the existing one stays', async ({ file }) => {
  await run('--env', file, ...FLAGS)
  const before = readFileSync(file, 'utf8')
  const { code, err } = await run('--env', file, '--yes', '--set', `PRIVACY_MASTER_KEY=${'cd'.repeat(32)}`)
  assert.equal(code, 1)
  assert.match(err, /PRIVACY_MASTER_KEY is there already, and a secret is never overwritten/)
  assert.equal(readFileSync(file, 'utf8'), before)
})

setups(
  'given a secret that no start would accept, then that is reported and the secret stays',
  async ({ file }) => {
    writeFileSync(file, 'PRIVACY_MASTER_KEY=tooshort\n')
    const { code, err } = await run('--env', file, ...FLAGS)
    assert.equal(code, 1)
    assert.match(err, /PRIVACY_MASTER_KEY must be/)
    assert.ok(!err.includes('tooshort'))
    assert.equal(readFileSync(file, 'utf8'), 'PRIVACY_MASTER_KEY=tooshort\n')
  },
)

setups('given a symbolic link, then its target is written', async ({ dir, file }) => {
  const real = join(dir, 'real')
  writeFileSync(real, '')
  symlinkSync(real, file)
  assert.equal((await run('--env', file, ...FLAGS)).code, 0)
  assert.equal(readEnv(readFileSync(real, 'utf8')).SITE, 'vr.example.org')
})

setups('given no folder, or an unknown flag, then that is reported', async ({ dir }) => {
  assert.equal((await run('--env', join(dir, 'none', '.env'), ...FLAGS)).code, 1)
  const { code, err } = await run('--colour')
  assert.equal(code, 2)
  assert.match(err, /--colour/)
})

setups(
  'when asking, then a wrong answer is asked for again, and an empty one keeps the present value',
  async ({ file }) => {
    writeFileSync(file, 'SITE=old.example.org\n')
    const answers = ['https://x', '', 'Bob!', 'bob', '*', 'https://dlux.io']
    const asked: string[] = []
    const said: string[] = []
    const code = await setUp(
      { env: file },
      async (question) => {
        asked.push(question)
        return answers.shift() ?? ''
      },
      { out: () => {}, err: (text) => said.push(text) },
    )
    assert.equal(code, 0)
    assert.equal(asked.length, 6)
    assert.match(asked[0] ?? '', /\[old\.example\.org\]/)
    assert.equal(said.length, 3)
    const env = readEnv(readFileSync(file, 'utf8'))
    assert.deepEqual(
      [env.SITE, env.SYSTEM_ADMINS, env.CORS_ORIGINS],
      ['old.example.org', 'bob', 'https://dlux.io'],
    )
  },
)

setups('given nobody to answer, then it says how to go without questions', async ({ file }) => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, 'setup', '--env', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'close')
  assert.equal(code, 1)
  assert.match(said, /give --yes and the flags/)
})

setups('given answers that come all at once, then each is for its own question', async ({ file }) => {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const child = spawn(process.execPath, [main, 'setup', '--env', file], {
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.stdin.end('vr.example.org\nalice,bob\nhttps://dlux.io\n')
  const [code] = await once(child, 'close')
  assert.equal(code, 0)
  const written = readFileSync(file, 'utf8')
  for (const line of ['SITE=vr.example.org', 'SYSTEM_ADMINS=alice,bob', 'CORS_ORIGINS=https://dlux.io'])
    assert.ok(written.split('\n').includes(line), line)
})

setups.run()
