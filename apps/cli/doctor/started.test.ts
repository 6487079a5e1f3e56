import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { type Embedded, startEmbedded } from '../../../infra/testing/embedded.ts'
import { runCommand } from '../dispatcher.ts'
import { doctor } from './command.ts'

const started = suite<{ product: Embedded }>('presence doctor on npm start')
const NAMES = ['DATA_DIR', 'EVENTSTORE_URL', 'DATABASE_URL', 'SESSION_SECRET'] as const
started.before(async (context) => {
  context.product = await startEmbedded()
})
started.after(async ({ product }) => {
  await product.stop()
})

started(
  'given what npm start runs, then nothing is wrong, each part was checked, and the code is 0',
  async ({ product }) => {
    const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]))
    for (const name of NAMES) delete process.env[name]
    process.env.DATA_DIR = product.dataDir
    try {
      const out: string[] = []
      const io = { out: (text: string) => void out.push(text), err: (text: string) => void out.push(text) }
      const code = await runCommand(doctor, ['--json'], io)
      const { ok, findings } = JSON.parse(out.join('\n')) as {
        ok: boolean
        findings: Array<{ about: string; is: string; says: string }>
      }
      assert.deepEqual(
        findings.filter(({ is }) => is === 'wrong'),
        [],
      )
      assert.deepEqual([code, ok], [0, true])
      const seen = new Set(findings.filter(({ is }) => is === 'well').map(({ about }) => about))
      for (const about of [
        'settings',
        'lobby',
        'clock',
        'database',
        'listening',
        'tables',
        'projector',
        'log',
        'same log',
        'keys',
        'hive',
        'server',
        'sockets',
      ])
        assert.ok(seen.has(about), about)
      out.length = 0
      assert.equal(await runCommand(doctor, ['--colour'], io), 2)
      assert.equal(await runCommand(doctor, ['--env', '/nowhere/.env'], io), 2)
    } finally {
      for (const [name, value] of Object.entries(before))
        if (value === undefined) delete process.env[name]
        else process.env[name] = value
    }
  },
)
started.run()
