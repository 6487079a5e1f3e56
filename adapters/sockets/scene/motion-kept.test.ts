/** How a block of motion gets onto the log although the log's answers are lost or negative. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CommandError, Commands } from '../../../domain/ports.ts'
import type { SpaceRefusal } from '../../../domain/space/refusals.ts'
import { until } from '../../../infra/testing/until.ts'
import { createLogger } from '../../logger.ts'
import { Motion, type MotionDeps } from './motion.ts'

const test = suite('motion that is kept')
const ROOM = 'global\nlobby\nmain' as Parameters<Motion['begin']>[0]
const space = { type: 'global', id: 'lobby' } as const

/** `answers`: the log's answers, in turn; later appends succeed. */
const keptWith = async (answers: ReadonlyArray<CommandError<SpaceRefusal>>, isStopping = false) => {
  let isWritten = false
  const asked: Array<{ readonly id: string; readonly block: string }> = []
  const [put, removed]: [string[], string[]] = [[], []]
  const answering: Commands['space'] =
    ({ id, command }) =>
    async () => {
      if (command.type === 'KeepMotion') asked.push({ id, block: command.block })
      const answer = answers[asked.length - 1]
      if (answer !== undefined) return E.left(answer)
      isWritten = true
      return E.right({ revision: 1n, position: 1n, events: [] } as never)
    }
  let count = 0
  const store: MotionDeps['store'] = {
    key: async () => ({ generation: 1, key: Buffer.alloc(32) }) as never,
    put: async ({ block }) => {
      put.push(block)
      return { root: 'root', bytes: 1 }
    },
    remove: async (block) => void removed.push(block),
    expire: async () => 0,
  }
  const motion = new Motion({
    store,
    commands: { space: answering },
    clock: { now: () => 1_000 },
    ids: { uuid: () => `id-${count++}` } as MotionDeps['ids'],
    logger: createLogger('silent'),
    boot: 'boot',
    days: 1,
    retryMs: 1,
  })
  const recorder = motion.begin(ROOM, { space, subspace: 'main', days: 1 })
  recorder.tick(1_000)
  recorder.saw({ id: 's', by: 'alice' }, null, 'went', 1_000)
  recorder.ticked()
  if (isStopping) await motion.flush()
  else {
    motion.end(ROOM)
    await until('the log has it, or it is taken away', () => isWritten || removed.length > 0)
    await motion.flush()
  }
  return { asked, put, removed }
}

const lost = { _tag: 'Unavailable', what: 'eventstore', cause: 'its answer was lost' } as const

test('given lost answers of the log, then the same block is sent again under the same id, and its sections stay', async () => {
  const { asked, put, removed } = await keptWith([lost, lost, lost, lost, lost, lost])
  assert.is(asked.length, 7)
  assert.is(new Set(asked.map(({ id, block }) => `${id} ${block}`)).size, 1)
  assert.equal([put, removed], [[asked[0]!.block], []])
})
test('given a server that stops while nobody knows whether the log has a block, then it gives up, and the sections stay', async () => {
  const { asked, removed } = await keptWith(Array(9).fill(lost), true)
  assert.equal([asked.length, removed], [4, []])
})
test('given a log that certainly has no such block, then its sections are removed', async () => {
  const refused = { _tag: 'Refused', refusal: { _tag: 'SpaceNotFound' } } as const
  const { asked, put, removed } = await keptWith([lost, refused])
  assert.is(asked.length, 2)
  assert.equal(removed, put)
})
test.run()
