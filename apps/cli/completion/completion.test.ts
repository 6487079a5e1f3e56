import { strict as assert } from 'node:assert'
import { execFileSync } from 'node:child_process'
import { suite } from 'uvu'
import { runCommand } from '../dispatcher.ts'
import { registry } from '../registry.ts'
import { completionFor, completionOf } from './command.ts'

const completions = suite('presence completion')

/** The completions that bash offers for the last of these words. */
const offered = (script: string, ...words: ReadonlyArray<string>): ReadonlyArray<string> => {
  const line = words.map((word) => `'${word}'`).join(' ')
  const ask = `${script}\nCOMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _presence; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['-c', ask], { encoding: 'utf8' }).trim().split('\n')
}

completions('in bash it offers the commands, their words and their flags', async () => {
  const script = await completionOf('bash', registry)
  assert.deepEqual(offered(script, 'presence', 're'), ['rebuild', 'restore'])
  const names = offered(script, 'presence', '')
  for (const { name } of registry) assert.ok(names.includes(name), name)
  assert.deepEqual(offered(script, 'presence', 'space', 'un'), ['unban', 'unmute'])
  assert.deepEqual(offered(script, 'presence', 'log', 'ex'), ['export'])
  assert.deepEqual(offered(script, 'presence', 'doctor', '--js'), ['--json'])
  assert.deepEqual(offered(script, 'presence', 'space', 'ban', '--un'), ['--until'])
  assert.deepEqual(offered(script, 'presence', 'help', 'do'), ['doctor'])
})
completions('zsh takes the same, and no other shell is known', async () => {
  assert.match(await completionOf('zsh', registry), /bashcompinit/)
  const said: string[] = []
  const io = { out: (text: string) => said.push(text), err: (text: string) => said.push(text) }
  assert.equal(await runCommand(completionFor(registry), ['fish'], io), 2)
  assert.equal(await runCommand(completionFor(registry), [], io), 2)
  assert.equal(await runCommand(completionFor(registry), ['bash'], io), 0)
})
completions.run()
