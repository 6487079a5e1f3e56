import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { type TestRedis, testRedis } from '../../../infra/testing/redis.ts'
import { type Client, ALICES_POST as POST, type TestNode, testNode } from '../../../infra/testing/sockets.ts'
import { createRelay } from '../../redis/redis-relay.ts'
import type { Relay } from '../../redis/relay.ts'
import { heardBy } from './testing/heard.ts'

type Context = { redis: TestRedis; relays: Relay[]; nodes: [TestNode, TestNode] }
const test = suite<Context>('a scene on two nodes')

test.before(async (context) => {
  context.redis = await testRedis()
})
test.after(async ({ redis }) => {
  await redis.stop()
})
test.before.each(async (context) => {
  const log = memoryLog()
  context.relays = [createRelay({ url: context.redis.url }), createRelay({ url: context.redis.url })]
  const [one, two] = context.relays as [Relay, Relay]
  context.nodes = [
    await testNode(log, { name: 'node-0', relay: one }),
    await testNode(log, { name: 'node-1', relay: two }),
  ]
})
test.after.each(async ({ nodes, relays }) => {
  for (const node of nodes) {
    await node.stop()
    assert.equal(node.errors, [])
  }
  for (const relay of relays) await relay.close()
})
const enter = async (node: TestNode, name: string): Promise<Client> => {
  const client = await node.connect(`account:${name}`)
  assert.is((await client.ask('join-space', POST)).ok, true)
  return client
}
const has = (client: Client, what: string, is: (scene: ReturnType<typeof heardBy>) => boolean) =>
  client.until(what, () => is(heardBy(client)))

test('given entities made on one node, when somebody enters on another that had nobody, then space-joined has them', async ({
  nodes: [one, two],
}) => {
  const alice = await enter(one, 'alice')
  const entities = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`e${n}`, { a: n, text: 'x'.repeat(50) }]),
  )
  await alice.ask('aframe-update', { entities, position: { x: 1, y: 2, z: 3 } })
  const bobby = await enter(two, 'bobby')
  assert.equal(heardBy(bobby), entities)
  const { scene } = bobby.of('space-joined')[0]
  assert.is(scene.entities.e7.owner, alice.id)
  assert.equal(scene.avatars[alice.id].position, { x: 1, y: 2, z: 3 })
})

test('given changes on both nodes, then each gets the other’s: spawned, changed, given away, removed', async ({
  nodes: [one, two],
}) => {
  const [alice, bobby] = [await enter(one, 'alice'), await enter(two, 'bobby')]
  await alice.until('bobby', ({ payload }) => payload.userAccount === 'bobby')
  await alice.ask('entity-spawn', { id: 'box', ownership: 'ask', components: { color: 'red' } })
  await has(bobby, 'the box', ({ box }) => box?.color === 'red')
  assert.is((await bobby.ask('aframe-update', { entities: { box: { color: 'blue' } } })).code, 'forbidden')
  assert.equal(await bobby.ask('entity-take', { id: 'box' }), { ok: true, asked: true, owner: alice.id })
  await alice.until('the wish', ({ event }) => event === 'entity-asked')
  await alice.ask('entity-give', { id: 'box', to: bobby.id })
  await bobby.until('it is his', () =>
    bobby.of('scene-changed').some(({ entities }) => entities.box?.owner === bobby.id),
  )
  assert.is((await bobby.ask('aframe-update', { entities: { box: { color: 'blue' } } })).ok, true)
  await has(alice, 'blue', ({ box }) => box?.color === 'blue')
  await bobby.ask('entity-remove', { id: 'box' })
  await has(alice, 'gone', (scene) => !('box' in scene))
})

test('given two people who take one entity at the same moment on two nodes, then both nodes agree on its owner', async ({
  nodes: [one, two],
}) => {
  const [alice, bobby, carol] = [
    await enter(one, 'alice'),
    await enter(two, 'bobby'),
    await enter(one, 'carol'),
  ]
  await carol.ask('entity-spawn', { id: 'box', components: { a: 1 } })
  await has(bobby, 'the box', (scene) => 'box' in scene)
  const ownerOf = (client: Client): unknown =>
    client
      .of('scene-changed')
      .flatMap(({ entities }) => (entities.box == null ? [] : [entities.box.owner]))
      .at(-1)
  for (let round = 0; round < 10; round += 1) {
    await Promise.all([alice.ask('entity-take', { id: 'box' }), bobby.ask('entity-take', { id: 'box' })])
    // Carol comes after both only once her node has heard of Bobby's.
    await bobby.ask('entity-spawn', { id: `round-${round}` })
    await has(carol, 'what came after', (scene) => `round-${round}` in scene)
    await carol.ask('entity-take', { id: 'box' })
    // Each by what it hears itself: nothing says which of them hears last.
    for (const client of [alice, bobby]) await client.until('it is hers', () => ownerOf(client) === carol.id)
  }
  await Promise.all([alice.ask('entity-take', { id: 'box' }), bobby.ask('entity-take', { id: 'box' })])
  await alice.ask('entity-spawn', { id: 'after' })
  await bobby.ask('entity-spawn', { id: 'after-too' })
  for (const client of [alice, bobby, carol])
    await has(client, 'what came after', (scene) => 'after' in scene && 'after-too' in scene)
  const agreed = ownerOf(alice)
  assert.ok(agreed === alice.id || agreed === bobby.id)
  for (const client of [bobby, carol]) assert.is(ownerOf(client), agreed)
})

test('given entities taken by anybody at the same moment on two nodes, then one owner has each, and whoever got an ok but does not have it is told so', async ({
  nodes: [one, two],
}) => {
  const people = await Promise.all(['alice', 'carol', 'erin'].map((name) => enter(one, name)))
  people.push(...(await Promise.all(['bobby', 'dave', 'frank'].map((name) => enter(two, name)))))
  const [maker] = people as [Client]
  const heardOf = (client: Client, id: string): ReadonlyArray<unknown> =>
    client
      .of('scene-changed')
      .flatMap(({ entities }) => (entities[id]?.owner === undefined ? [] : [entities[id].owner]))
  const ownerOf = (client: Client, id: string): unknown => heardOf(client, id).at(-1)
  const round = async (takers: ReadonlyArray<number>, n: number): Promise<void> => {
    const id = `thing-${n}`
    await maker.ask('entity-spawn', { id, components: { a: 1 } })
    for (const client of people) await client.until(id, () => heardOf(client, id).length > 0)
    const all = takers.map((taker) => people[taker]!)
    const answers = await Promise.all(all.map((client) => client.ask('entity-take', { id })))
    // Each may take it from whoever has it, so all are accepted.
    assert.ok(answers.every(({ ok, owner }, i) => ok && owner === all[i]!.id))
    // The last that each client received is true: it names the owner.
    await maker.ask('entity-spawn', { id: `after-${n}` })
    await people[3]!.ask('entity-spawn', { id: `after-too-${n}` })
    for (const client of people)
      for (const after of [`after-${n}`, `after-too-${n}`])
        await client.until(after, () => heardOf(client, after).length > 0)
    const owners = new Set(people.map((client) => ownerOf(client, id)))
    assert.is(owners.size, 1)
    const [winner] = [...owners]
    assert.ok(all.some((client) => client.id === winner))
  }
  const any = fc.array(fc.array(fc.nat(5), { minLength: 2, maxLength: 4 }), { minLength: 8, maxLength: 8 })
  const [rounds] = fc.sample(any, { numRuns: 1, seed: 7 })
  for (const [n, takers] of rounds!.entries()) await round(takers, n)
})

test('given lost messages between nodes, then within seconds both have the same scene again', async ({
  nodes: [one, two],
  relays,
}) => {
  const [alice, bobby] = [await enter(one, 'alice'), await enter(two, 'bobby')]
  await alice.until('bobby', ({ payload }) => payload.userAccount === 'bobby')
  await alice.ask('entity-spawn', { id: 'first', components: { a: 1 } })
  await has(bobby, 'the first', (scene) => 'first' in scene)
  const { publish } = relays[0] as { publish: Relay['publish'] }
  let drop: () => void = () => {}
  const dropped = new Promise<void>((resolve) => {
    drop = resolve
  })
  Object.assign(relays[0] as object, { publish: drop })
  await alice.ask('entity-spawn', { id: 'lost', components: { a: 1 } })
  await alice.ask('entity-remove', { id: 'first' })
  await alice.ask('aframe-update', { entities: { lost: { a: 2 } } })
  await dropped
  Object.assign(relays[0] as object, { publish })
  await has(bobby, 'what was lost', ({ lost, first }) => lost?.a === 2 && first === undefined)
})

test.run()
