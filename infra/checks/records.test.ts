/** A command, an event or a setting that is only half there does not compile: the compiler names every place that has yet
 *  to know of it. Shown on a copy of the sources, in which entries are planted. */
// timeout: 240
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('entries of the records')
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const copy = mkdtempSync(join(tmpdir(), 'records-'))
test.after(() => rmSync(copy, { recursive: true }))

const plant = (file: string, after: string, text: string): void => {
  const path = join(copy, file)
  const source = readFileSync(path, 'utf8')
  assert.ok(source.includes(after), `${file} has no ${after}`)
  writeFileSync(path, source.replace(after, `${after}\n${text}`))
}
const compiled = (): Promise<string> =>
  new Promise((resolve) => {
    const tsc = spawn(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', copy], {
      cwd: copy,
    })
    let said = ''
    tsc.stdout.on('data', (text) => {
      said += text
    })
    tsc.on('close', () => resolve(said))
  })

test('given a planted command, event, mark and setting, when it is compiled, then the compiler names each place that must change', async () => {
  const folders = ['domain', 'projections', 'adapters']
  for (const folder of folders)
    cpSync(join(ROOT, folder), join(copy, folder), {
      recursive: true,
      filter: (path) => !/\.test\.ts$|\/testing(\/|$)/.test(path),
    })
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const config = JSON.parse(readFileSync(join(ROOT, 'tsconfig.json'), 'utf8'))
  writeFileSync(join(copy, 'tsconfig.json'), JSON.stringify({ ...config, include: folders }))
  const words = `who: 'anyone', says: 'Is planted.', rate: 'presence', looksAt: []`
  plant(
    'domain/space/commands.ts',
    'export const SPACE_COMMANDS = {',
    `PlantedCommand: command({ fields: { subspace }, ${words}, again: () => null }),`,
  )
  plant(
    'domain/chat/commands.ts',
    'export const CHAT_COMMANDS = {',
    `PlantedTalk: command({ fields: { messageId: messageId(null) }, ${words}, socket: 'planted', again: () => null }),`,
  )
  plant(
    'domain/space/events.ts',
    'export const SPACE_EVENTS = {',
    `PlantedEvent: event(t.type({ at: Time }), { concerns: 'space', fold: (state) => state, told: 'coming', says: () => '' }),`,
  )
  plant(
    'domain/chat/events.ts',
    'export const CHAT_EVENTS = {',
    `PlantedWords: event(t.type(change), () => ''),`,
  )
  plant(
    'domain/space/session.ts',
    'export const MARKS = {',
    `planted: mark<string>()({ codec: t.string, initial: '', column: null, sign: '', shown: { planted: { kind: 'text', of: () => '' } } }),`,
  )
  plant('domain/settings.ts', 'export const SETTINGS = {', `planted: { ...onOff(true, ''), kind: 'colour' },`)
  // Entries that say less than they must are named where they stand.
  plant(
    'domain/space/events.ts',
    'export const SPACE_EVENTS = {',
    `Short: event(t.type({ at: Time }), { told: 'nobody' }),`,
  )
  plant(
    'domain/space/commands.ts',
    'export const SPACE_COMMANDS = {',
    `Shorter: command({ fields: { subspace } }),`,
  )

  const said = await compiled()
  const named = [...new Set([...said.matchAll(/^(\S+\.ts)\(/gm)].map(([, file]) => file!))].sort()
  assert.equal(named, NAMED, said)
})

const NAMED: ReadonlyArray<string> = [
  // The command of a chat, and its event.
  'domain/chat/decide.ts',
  'domain/chat/evolve.ts',
  'domain/chat/messages.ts',
  // What is planted and says too little: a setting, a command, an event, a mark.
  'domain/settings.ts',
  'domain/space/commands.ts',
  // The command of a space.
  'domain/space/decide.ts',
  'domain/space/events.ts',
  'domain/space/session.ts',
  // The events.
  'projections/chat/fold.ts',
  'projections/history/next-moment.ts',
  'projections/history/recent-messages.ts',
  'projections/history/refs.ts',
  'projections/live/news.ts',
  'projections/proof/state.ts',
]

test.run()
