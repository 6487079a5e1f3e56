/** A command's output file is complete or does not exist, and nobody's file is overwritten. */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { audit } from './audit/command.ts'
import { runCommand } from './dispatcher.ts'
import { openOutput } from './output-file.ts'

const test = suite('output files')
const folder = mkdtempSync(join(tmpdir(), 'output-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))
let made = 0
/** A folder of its own for each test. */
const place = (): { readonly at: (name: string) => string; readonly names: () => ReadonlyArray<string> } => {
  made += 1
  const dir = join(folder, String(made))
  mkdirSync(dir)
  return { at: (name) => join(dir, name), names: () => readdirSync(dir).sort() }
}
const refused = async (file: string, options: { readonly force?: boolean } = {}): Promise<string> => {
  try {
    await (await openOutput(file, options)).abandon()
  } catch (error) {
    return (error as Error).message
  }
  return 'it was opened'
}

test('given a free name, then the file gets it only once it is complete, and only its owner may read it', async () => {
  const { at, names } = place()
  const out = await openOutput(at('a'))
  await out.write('x'.repeat(300_000))
  await out.write('\u00e9\n')
  assert.equal(names(), [`a.${process.pid}.part`])
  await out.done()
  await out.abandon()
  assert.equal(names(), ['a'])
  assert.is(readFileSync(at('a'), 'utf8'), `${'x'.repeat(300_000)}\u00e9\n`)
  assert.is(statSync(at('a')).mode & 0o777, 0o600)
})

test('given work that fails, then nothing is left of it', async () => {
  const { at, names } = place()
  const out = await openOutput(at('a'))
  await out.write('half')
  await out.abandon()
  assert.equal(names(), [])
})

test('given a name that is taken, then that file stays as it is unless it may be overwritten', async () => {
  const { at, names } = place()
  writeFileSync(at('a'), 'mine')
  symlinkSync(at('a'), at('link'))
  symlinkSync(at('nothing'), at('nowhere'))
  mkdirSync(at('dir'))
  for (const name of ['a', 'link', 'nowhere']) assert.match(await refused(at(name)), 'is there already')
  for (const force of [false, true]) assert.match(await refused(at('dir'), { force }), 'is a folder')
  assert.match(await refused(at('none/a')), `There is no folder ${at('none')}.`)
  assert.match(await refused(at('a/b')), 'within what is no folder')
  assert.is(readFileSync(at('a'), 'utf8'), 'mine')
  // The target of a link is overwritten, and the link stays.
  const out = await openOutput(at('link'), { force: true })
  await out.write('new')
  assert.is(readFileSync(at('a'), 'utf8'), 'mine')
  await out.done()
  assert.is(readFileSync(at('a'), 'utf8'), 'new')
  assert.equal(names(), ['a', 'dir', 'link', 'nowhere'])
})

test('given a file that appeared there meanwhile, then it stays', async () => {
  const { at, names } = place()
  const out = await openOutput(at('a'))
  await out.write('ours')
  writeFileSync(at('a'), 'theirs')
  const said = await out.done().catch((error: Error) => error.message)
  await out.abandon()
  assert.match(said as string, 'is there by now')
  assert.is(readFileSync(at('a'), 'utf8'), 'theirs')
  assert.equal(names(), ['a'])
})

test('given a device, then it is written to and stays a device; given a full one, then the error says so', async () => {
  const out = await openOutput('/dev/null')
  await out.write('x')
  await out.done()
  await out.abandon()
  assert.ok(statSync('/dev/null').isCharacterDevice())
  if (!existsSync('/dev/full')) return
  const full = await openOutput('/dev/full')
  await full.write('x')
  assert.match((await full.done().catch((error: Error) => error.message)) as string, 'the disk is full')
  await full.abandon()
})

test('given -, then it goes to the standard output, whatever that is', () => {
  const url = new URL('./output-file.ts', import.meta.url).href
  const script = `const { openOutput } = await import(${JSON.stringify(url)})
    const out = await openOutput('-')
    await out.write('a line\\n')
    await out.done()
    await out.abandon()`
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal([done.status, done.stdout], [0, 'a line\n'], done.stderr)
})

test('given an interruption, then nothing is left', () => {
  const { at, names } = place()
  const url = new URL('./output-file.ts', import.meta.url).href
  const script = `const { openOutput } = await import(${JSON.stringify(url)})
    const out = await openOutput(${JSON.stringify(at('a'))})
    await out.write('x'.repeat(300_000))
    process.kill(process.pid, 'SIGINT')
    setTimeout(() => {}, 60_000)`
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.is(done.status, 130, done.stderr)
  assert.equal(names(), [])
})

test('given an export with wrong arguments, then it says what is wrong and writes nothing', async () => {
  const { at, names } = place()
  const kept = { ...process.env }
  const call = async (...args: ReadonlyArray<string>) => {
    const said: string[] = []
    const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
    return `${await runCommand(audit, ['export', ...args], io)} ${said.join('\n').split('\n')[0]}`
  }
  const room = ['--space', 'post:alice/my-post']
  assert.match(await call('-o', at('b')), '2 Which room?')
  assert.match(await call('--space', 'post', '-o', at('b')), '2 --space: ')
  assert.match(await call(...room), '2 Where to?')
  assert.match(await call(...room, '--from', 'soon', '-o', at('b')), '2 --from and --to are times')
  assert.match(await call(...room, '--from', '2026-02-30', '-o', at('b')), '2 --from and --to are times')
  assert.match(
    await call(...room, '--from', '2026-02-02', '--to', '2026-02-01', '-o', at('b')),
    '2 --to is before --from.',
  )
  assert.match(await call(...room, '-o', at('b'), '--loud'), '2 There is no --loud here.')
  try {
    Object.assign(process.env, {
      DATA_DIR: at('none'),
      EVENTSTORE_URL: '',
      DATABASE_URL: '',
      AUDIT_SIGNING_KEY: '',
    })
    assert.match(await call(...room, '-o', at('b')), '1 Nothing runs on')
    // Nobody listens on that port.
    Object.assign(process.env, {
      EVENTSTORE_URL: 'esdb://127.0.0.1:1?tls=false',
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    })
    assert.match(await call(...room, '-o', at('b')), '1 AUDIT_SIGNING_KEY is not set')
    process.env.AUDIT_SIGNING_KEY = '07'.repeat(32)
    assert.match(await call(...room, '-o', at('none/b')), '1 There is no folder')
    writeFileSync(at('a'), 'mine')
    assert.match(await call(...room, '-o', at('a')), /^1 .*is there already/)
    assert.match(await call(...room, '-o', at('b')), '1 ')
    assert.match(await call(...room, '-o', at('a'), '--force'), '1 ')
    assert.equal([names(), readFileSync(at('a'), 'utf8')], [['a'], 'mine'])
  } finally {
    process.env = kept
  }
})

test.run()
