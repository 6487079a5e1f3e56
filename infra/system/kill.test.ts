/** kill -9 of every part in turn, while a room's log is performed: what was acknowledged is there, once. */
import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import { compare } from '../../apps/cli/room/replay/compare.ts'
import { expectedOf } from '../../apps/cli/room/replay/expect.ts'
import { people } from '../../apps/cli/room/replay/people.ts'
import { perform } from '../../apps/cli/room/replay/perform.ts'
import { adminsIn, readRoomLog } from '../../apps/cli/room/replay/room-log.ts'
import { devSign } from '../../apps/operations/instance/sign-as.ts'
import { startEmbedded } from '../testing/embedded.ts'
import { QUIET_EVENING } from '../testing/replay.ts'

const kill = suite('kill -9')
const SPACE = { type: 'post', id: 'room-replay/the-busy-room' } as const
const OWNER = 'room-replay'
/** How much of the quiet evening is performed: half of it, in which each part is still killed well after the one before. */
const LINES = 240

kill(
  'given a busy room, when server, projector, Postgres and event store are each killed outright in turn, then every acknowledged command is on the log once and every table is what the log says',
  async () => {
    const log = await readRoomLog(process.env.KILL_ROOM_LOG ?? QUIET_EVENING)
    assert.equal(log._tag, 'Right')
    const all = log._tag === 'Right' ? log.right : []
    // Of a log that is named, all of it.
    const lines = process.env.KILL_ROOM_LOG ? all : all.slice(0, LINES)
    const embedded = await startEmbedded()
    const target = { url: embedded.endpoints().url, space: SPACE, owner: OWNER }
    const crowd = people(target.url, devSign)
    const victims = ['server', 'projector', 'postgres', 'eventstore'] as const
    const killed: Array<string> = []
    try {
      const { journal, watch } = await perform({
        target,
        people: crowd,
        lines,
        rate: null,
        onLine: (done) => {
          const turn = Math.floor((done * (victims.length + 1)) / lines.length) - 1
          const victim = victims[turn]
          if (victim === undefined || killed.length > turn) return
          killed.push(victim)
          process.kill(embedded.endpoints().pids[victim]!, 'SIGKILL')
        },
        onInterruption: () => {},
      })
      assert.deepEqual(killed, [...victims])
      assert.ok(journal.interruptions >= 1, 'at least the server’s death was noticed')
      const { differences } = await compare(
        target,
        crowd.of(OWNER),
        expectedOf(lines, OWNER, adminsIn(lines)),
        { journal, watch },
      )
      assert.deepEqual(differences, [])
    } finally {
      crowd.close()
      await embedded.stop()
    }
  },
)

kill.run()
