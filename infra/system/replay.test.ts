/** `presence room replay` as a person runs it: real clients, real proofs, every table compared. */
import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import { startEmbedded } from '../testing/embedded.ts'
import { QUIET_EVENING, replay } from '../testing/replay.ts'

const room = suite('room replay')

room(
  'given nothing running, when the quiet evening is performed, then every table is what the file implies',
  async () => {
    const { code, output } = await replay([QUIET_EVENING])
    assert.equal(code, 0, output)
    assert.match(output, /308 messages/)
    assert.match(output, /no differences/)
  },
)

room(
  'given a running server, when a log is performed by the file’s clock, then every table is what the file implies',
  async () => {
    const embedded = await startEmbedded()
    try {
      const { url } = embedded.endpoints()
      const { code, output } = await replay([
        QUIET_EVENING,
        '--url',
        url,
        '--rate',
        '5000x',
        '--lines',
        '100',
      ])
      assert.equal(code, 0, output)
      assert.match(output, /no differences/)
    } finally {
      await embedded.stop()
    }
  },
)

const busyWeek = join(process.env.ROOM_LOGS ?? '', 'busy-week.jsonl.gz')
if (existsSync(busyWeek))
  room(
    'given the busy week’s first lines, when they are performed, then every table is what they imply',
    async () => {
      const { code, output } = await replay([busyWeek, '--lines', process.env.REPLAY_LINES ?? '100'])
      assert.equal(code, 0, output)
      assert.match(output, /no differences/)
    },
  )

room('given a file that is not a room log, then one sentence says which line is wrong', async () => {
  const { code, output } = await replay([new URL(import.meta.url).pathname])
  assert.equal(code, 2)
  assert.match(output, /line 1: not JSON\.\n$/)
})

room.run()
