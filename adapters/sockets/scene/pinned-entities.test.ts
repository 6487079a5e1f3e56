import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type MemoryLog, memoryLog } from '../../../infra/testing/memory-log.ts'
import { type Client, ALICES_POST as POST, type TestNode, testNode } from '../../../infra/testing/sockets.ts'
import { heardBy } from './testing/heard.ts'

type Context = { log: MemoryLog; nodes: TestNode[] }
const test = suite<Context>('what lasts of a room’s scene')
test.before.each((context) => {
  context.log = memoryLog()
  context.nodes = []
})
test.after.each(async ({ nodes }) => {
  for (const node of nodes) {
    await node.stop()
    assert.equal(node.errors, [])
  }
})
const nodeOf = async ({ log, nodes }: Context): Promise<TestNode> => {
  const node = await testNode(log, { name: `node-${nodes.length}` })
  nodes.push(node)
  return node
}
const enter = async (node: TestNode, name: string, over = {}): Promise<Client> => {
  const client = await node.connect(`account:${name}`)
  assert.is((await client.ask('join-space', { ...POST, ...over })).ok, true)
  return client
}
const events = ({ log }: Context) =>
  log
    .all()
    .flatMap(({ type, data }) =>
      type.startsWith('Entity') ? [[type, (data as { components?: unknown }).components]] : [],
    )
const untilLogged = async (context: Context, wanted: string): Promise<void> => {
  if (JSON.stringify(events(context)).includes(wanted)) return
  await new Promise<void>((resolve) => {
    context.log.follow(() => {
      if (JSON.stringify(events(context)).includes(wanted)) resolve()
    })
  })
}

test('given a pinned entity, when everybody and the server are gone, then whoever comes finds it as it was at rest', async (context) => {
  const one = await nodeOf(context)
  const alice = await enter(one, 'alice')
  const bobby = await enter(one, 'bobby')
  await alice.ask('entity-spawn', { id: 'box', template: '#box', components: { color: 'red', gone: 1 } })
  await alice.ask('entity-spawn', { id: 'other', components: { color: 'red' } })
  assert.is((await bobby.ask('entity-pin', { id: 'box' })).code, 'forbidden')
  assert.is((await alice.ask('entity-pin', { id: 'nothing' })).code, 'entity_not_found')
  const pinned = await alice.ask('entity-pin', { id: 'box' })
  assert.equal([pinned.ok, typeof pinned.revision], [true, 'string'])
  const { payload } = await bobby.until('the news', ({ event }) => event === 'entity-pinned')
  assert.equal(
    [payload.id, payload.template, payload.by.id, payload.revision],
    ['box', '#box', 'alice', pinned.revision],
  )
  for (let n = 0; n <= 50; n += 1)
    bobby.socket.emit('aframe-update', { entities: { box: { x: n, gone: null } } })
  await untilLogged(context, '"x":50')
  assert.equal(events(context), [
    ['EntityPinned', { color: 'red', gone: 1 }],
    ['EntityChanged', { color: 'red', x: 50 }],
  ])
  // An entity that is not at rest yet when the server stops is saved all the same.
  await bobby.ask('aframe-update', { entities: { box: { x: 51 } } })
  await one.stop()
  context.nodes.pop()

  const two = await nodeOf(context)
  const carol = await enter(two, 'carol')
  assert.equal(heardBy(carol), { box: { color: 'red', x: 51 } })
  const { scene } = carol.of('space-joined')[0]
  assert.equal(
    [scene.entities.box.owner, scene.entities.box.pinned, scene.entities.box.template],
    [null, true, '#box'],
  )
  // Another room of the space does not contain it.
  assert.equal(heardBy(await enter(two, 'daisy', { subspace: 'main-other' })), {})
})

test('given a pinned entity, when its owner leaves, then it has no owner; when it is unpinned or removed, then it is no longer pinned', async (context) => {
  const node = await nodeOf(context)
  const [alice, bobby] = [await enter(node, 'alice'), await enter(node, 'bobby')]
  await alice.ask('settings-change', { scene_pin: 'everyone' })
  for (const id of ['a', 'b', 'c']) {
    await bobby.ask('entity-spawn', { id, components: { n: 1 } })
    assert.is((await bobby.ask('entity-pin', { id })).ok, true)
  }
  assert.is((await bobby.ask('entity-unpin', { id: 'a' })).ok, true)
  assert.is((await bobby.ask('aframe-update', { entities: { b: null } })).code, 'entity_pinned')
  assert.is((await bobby.ask('entity-remove', { id: 'b' })).ok, true)
  await alice.until('b gone', () => !('b' in heardBy(alice)))
  await bobby.ask('leave-space')
  await alice.until('a gone', () => !('a' in heardBy(alice)))
  await alice.until('c free', () =>
    alice.of('scene-changed').some(({ entities }) => entities.c?.owner === null),
  )
  assert.equal(heardBy(alice), { c: { n: 1 } })
  assert.is((await alice.ask('entity-take', { id: 'c' })).ok, true)
  await alice.ask('leave-space')
  const carol = await enter(node, 'carol')
  assert.equal(heardBy(carol), { c: { n: 1 } })
})

test.run()
