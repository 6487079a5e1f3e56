/** Each room's events are delivered in order, however long each takes, and count as delivered only up to the first that is not. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createLanes } from './lanes.ts'

const test = suite('lanes')
type Item = { readonly room: string; readonly position: bigint }
const items = (rooms: ReadonlyArray<number>): ReadonlyArray<Item> =>
  rooms.map((room, i) => ({ room: String(room), position: BigInt(i + 1) }))

test('given events of many rooms, when each delivery takes its time, then each room’s come in order, and the recorded position never passes an undelivered event', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(11), { maxLength: 150 }), fc.scheduler(), async (rooms, scheduler) => {
      const all = items(rooms)
      const delivered: Item[] = []
      let told = 0n
      const lanes = createLanes<Item>(
        async (item) => {
          await scheduler.schedule(Promise.resolve())
          delivered.push(item)
        },
        (upTo) => {
          assert.ok(upTo > told)
          told = upTo
          const done = new Set(delivered.map(({ position }) => position))
          for (let at = 1n; at <= upTo; at += 1n) assert.ok(done.has(at))
        },
      )
      const pushed = (async () => {
        for (const item of all) await lanes.push(item)
        await lanes.drained()
      })()
      await scheduler.waitFor(pushed)
      assert.is(told, BigInt(all.length))
      for (const room of new Set(rooms.map(String))) {
        const of = (list: ReadonlyArray<Item>) => list.filter((one) => one.room === room)
        assert.equal(of(delivered), of(all))
      }
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 30) },
  )
})

test('given a room whose event is refused, when others go on, then they are delayed only once too much waits', async () => {
  const delivered: string[] = []
  let isStuck = true
  let free = () => {}
  const stuck = new Promise<void>((resolve) => {
    free = resolve
  })
  const lanes = createLanes<Item>(
    async ({ room, position }) => {
      if (room === 'stuck' && isStuck) await stuck
      delivered.push(`${room} ${position}`)
    },
    () => {},
  )
  let pushed = 0
  const pushing = (async () => {
    await lanes.push({ room: 'stuck', position: 1n })
    for (let at = 2n; at <= 100n; at += 1n) {
      await lanes.push({ room: `room ${at}`, position: at })
      pushed += 1
    }
    await lanes.drained()
  })()
  while (pushed < 63) await new Promise((resolve) => setImmediate(resolve))
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve))
  assert.is(pushed, 63)
  assert.is(delivered.length, 63)
  isStuck = false
  free()
  await pushing
  assert.is(delivered.length, 100)
})

test('given a delivery that ends everything, then adding more and waiting both reject', async () => {
  const lanes = createLanes<Item>(
    async () => {
      throw new Error('over')
    },
    () => assert.unreachable(),
  )
  await lanes.push({ room: 'a', position: 1n })
  let why = ''
  await lanes.drained().catch((error) => {
    why = error.message
  })
  assert.is(why, 'over')
})

test.run()
