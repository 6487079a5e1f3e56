/** The database is not asked about ids that a room surely never had. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { MessageFacts } from '../../domain/chat/state.ts'
import { streamName } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { until } from '../../infra/testing/until.ts'
import { posted, recorded } from '../../projections/testing/events.ts'
import { withKnownIds } from './known-ids.ts'

const test = suite('known ids')
const space = { type: 'post', id: 'alice/my-post' } as const
const facts = { author: 'alice' } as MessageFacts

const room = (count: number) => {
  const ids: string[] = Array.from({ length: count }, () => randomUUID())
  const world = { ids, away: false, lookups: 0, reads: 0, position: 0n }
  const find = withKnownIds(
    (_, asked) => async () => {
      world.lookups += 1
      if (world.away) return E.left({ _tag: 'LookupUnavailable', cause: 'silent' })
      return E.right(new Map(asked.map((id) => [id, world.ids.includes(id) ? facts : null])))
    },
    {
      waitFor: () => async () => E.right(true),
      messageIds: (_, after, limit) => async () => {
        world.reads += 1
        const from = Number(after) + 1
        return E.right(
          world.ids
            .slice(from, from + limit)
            .map((message_id, i) => ({ message_id, revision: BigInt(from + i) })),
        )
      },
    },
  )
  const say = (id: string): void => {
    const { stream, event } = recorded(space, posted(id, 'words', 1))
    world.position += 1n
    find.observe!({ ...event, stream, position: world.position } as RecordedEvent)
  }
  const ask = (...asked: ReadonlyArray<string>) => find(space, asked, world.position)()
  const isKnown = async () => {
    say(randomUUID())
    find.warm!(space)
    await until('its ids are known', async () => {
      const before = world.lookups
      await ask(randomUUID())
      return world.lookups === before
    })
  }
  return { world, find, say, ask, isKnown }
}

test('given a long room that is known, when the database is away, then new messages do not need it, but old ones do', async () => {
  const { world, ask, isKnown } = room(25_000)
  await isKnown()
  world.away = true
  let asked = 0
  for (let i = 0; i < 1_000; i += 1) if (E.isLeft(await ask(randomUUID()))) asked += 1
  assert.ok(asked <= 5, `${asked} of 1,000 new ones were looked up`)
  for (const id of world.ids.slice(0, 100)) assert.ok(E.isLeft(await ask(id)))
  world.away = false
  assert.equal(await ask(world.ids[7]!), E.right(new Map([[world.ids[7]!, facts]])))
})

test('given messages that came since, by whatever server, then they are looked up', async () => {
  const { world, ask, say, isKnown } = room(10)
  await isKnown()
  world.away = true
  const [mine, other] = [randomUUID(), randomUUID()]
  say(mine)
  assert.ok(E.isLeft(await ask(mine)))
  assert.equal(await ask(other), E.right(new Map([[other, null]])))
  assert.ok(E.isLeft(await ask(other, mine)))
})

test('given a room that outgrows its filter, then it is read again, and nothing is forgotten', async () => {
  const { world, ask, say, isKnown } = room(10)
  await isKnown()
  const { reads } = world
  for (let i = 0; i < 4_200; i += 1) {
    const id = randomUUID()
    world.ids.push(id)
    say(id)
  }
  await isKnown()
  assert.ok(world.reads > reads)
  world.away = true
  for (const id of world.ids.slice(-50)) assert.ok(E.isLeft(await ask(id)))
})

test('given a process that has seen nothing of the log yet, or less than is needed, then everything is looked up', async () => {
  const { world, find, isKnown } = room(10)
  find.warm!(space)
  await find(space, [randomUUID()], 5n)()
  assert.equal([world.lookups, world.reads], [1, 0])
  await isKnown()
  const { lookups } = world
  await find(space, [randomUUID()], world.position + 1n)()
  assert.is(world.lookups, lookups + 1)
})

test('given a message that was passed unread while the room’s ids were read, then they are read again before any is taken for new', async () => {
  const { world, find, say, ask, isKnown } = room(10)
  say(randomUUID())
  find.warm!(space)
  assert.ok(find.wants!(streamName('chat', space)))
  const missed = randomUUID()
  world.ids.push(missed)
  world.position += 1n
  const place = { id: randomUUID(), revision: 10n, position: world.position }
  find.passed!({ ...place, stream: streamName('chat', space) })
  assert.not(find.wants!(streamName('chat', space)))
  await isKnown()
  world.away = true
  assert.ok(E.isLeft(await ask(missed)))
})

test.run()
