// timeout: 180
/** Two nodes, with members on every wire format, who spawn, move, take over and remove entities, come, leave, lose
 *  their connection, and whose node dies. */
import { once } from 'node:events'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import type { Commands } from '../../../domain/ports.ts'
import { type MemoryLog, memoryLog } from '../../../infra/testing/memory-log.ts'
import { type TestRedis, testRedis } from '../../../infra/testing/redis.ts'
import { type Heard, ALICES_POST as POST, type TestNode, testNode } from '../../../infra/testing/sockets.ts'
import { createRelay } from '../../redis/redis-relay.ts'
import type { Relay } from '../../redis/relay.ts'
import { SceneView } from './testing/heard.ts'

const RUNS = Number(process.env.SCENE_RUNS ?? 3)
const STEPS = 120

const test = suite<{ redis: TestRedis }>('a scene on two nodes and three wires')
test.before(async (context) => {
  context.redis = await testRedis()
})
test.after(async ({ redis }) => {
  await redis.stop()
})

/** Numbers that are the same for the same seed. */
const random = (seed: number) => {
  let state = seed
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return {
    below: (n: number) => Math.floor(next() * n),
    of: <A>(list: ReadonlyArray<A>): A => list[Math.floor(next() * list.length)]!,
  }
}

type Wire = 'json' | 'packed' | 'packed on a WebSocket'
type Person = {
  readonly wire: Wire
  readonly node: number
  readonly id: () => string
  readonly view: SceneView
  readonly heard: Heard[]
  readonly ask: (event: string, payload?: Record<string, unknown>) => Promise<Record<string, unknown>>
  readonly cut: () => void
}
type World = { readonly nodes: Array<{ readonly node: TestNode; readonly relay: Relay; die: () => void }> }

const onSocket = async (world: World, node: number, wire: Wire, name: string): Promise<Person> => {
  const client = await world.nodes[node]!.node.connect(`account:${name}`)
  const view = new SceneView()
  client.socket.onAny((event: string, payload: unknown) => view.hear({ event, payload }))
  const scene = wire === 'packed' ? { scene: 'packed' } : {}
  const ask = (event: string, payload: Record<string, unknown> = {}) =>
    new Promise<Record<string, unknown>>((resolve) => {
      client.socket.once('disconnect', () => resolve({ ok: false, code: 'closed' }))
      client.socket.emit(
        event,
        event === 'join-space' ? { ...POST, ...scene } : payload,
        (answer: Record<string, unknown>) => {
          view.wrote(event, payload, answer)
          resolve(answer)
        },
      )
    })
  return { wire, node, id: () => client.id, view, heard: client.heard, ask, cut: client.close }
}
const onWebSocket = async (world: World, node: number): Promise<Person> => {
  const ws = new WebSocket(world.nodes[node]!.node.url.replace('http', 'ws'))
  const view = new SceneView()
  const heard: Heard[] = []
  const waiting = new Map<string, (answer: Record<string, unknown>) => void>()
  let [asked, id] = [0, '']
  ws.on('message', (data, isBinary) => {
    const message = isBinary ? null : (JSON.parse(String(data)) as Record<string, unknown>)
    const one: Heard =
      message === null
        ? { event: 'scene-frame', payload: data }
        : { event: String(message.type), payload: message }
    if (one.event === 'answer') waiting.get(String(message?.request_id))?.(message!)
    if (one.event === 'space-joined')
      id = one.payload.users.find(
        (user: { sessionId: string }) => user.sessionId === one.payload.sessionId,
      ).socketId
    heard.push(one)
    view.hear(one)
  })
  ws.setMaxListeners(0)
  await once(ws, 'open')
  const ask: Person['ask'] = (type, payload = {}) =>
    new Promise((resolve) => {
      asked += 1
      waiting.set(String(asked), (answer) => {
        view.wrote(type, payload, answer)
        resolve(answer)
      })
      ws.once('close', () => resolve({ ok: false, code: 'closed' }))
      const scene = type === 'join-space' ? { ...POST, scene: 'packed' } : {}
      ws.send(JSON.stringify({ ...payload, ...scene, type, request_id: String(asked) }))
    })
  return { wire: 'packed on a WebSocket', node, id: () => id, view, heard, ask, cut: () => ws.terminate() }
}

const nodeOf = async (log: MemoryLog, redis: TestRedis, name: string) => {
  const relay = createRelay({ url: redis.url })
  let isDead = false
  const wrap = (commands: Commands): Commands => ({
    ...commands,
    space: (request) =>
      isDead && request.command.type === 'LeaveSpace'
        ? () => Promise.resolve(E.left({ _tag: 'Broken', why: 'cut' } as never))
        : commands.space(request),
  })
  const node = await testNode(log, { name, relay, wrap })
  return {
    node,
    relay,
    /** It sends nothing any more, so its sessions are left for the other nodes to end. */
    die: () => {
      isDead = true
      Object.assign(relay, { publish: () => {} })
    },
  }
}

const close = (a: unknown, b: unknown): boolean => {
  if (typeof a === 'number' && typeof b === 'number') return Math.abs(a - b) < 0.2
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [left, right] = [Object.keys(a).sort(), Object.keys(b).sort()]
  return (
    left.join() === right.join() &&
    left.every((name) => close((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]))
  )
}
/** The difference between a client's view and its server's; null if there is none. */
const differs = ({ view, id }: Person, truth: SceneView): string | null => {
  if (!close(view.scene, truth.scene)) {
    const ids = new Set([...Object.keys(view.scene), ...Object.keys(truth.scene)])
    const odd = [...ids].find((one) => !close(view.scene[one], truth.scene[one]))
    return `${odd}: ${JSON.stringify(view.scene[odd!])} for ${JSON.stringify(truth.scene[odd!])}`
  }
  if (!close(Object.fromEntries(view.owners), Object.fromEntries(truth.owners))) return 'owners'
  const others = (of: SceneView) => Object.fromEntries([...of.avatars].filter(([one]) => one !== id()))
  return close(others(view), others(truth))
    ? null
    : `avatars ${JSON.stringify(others(view))} for ${JSON.stringify(others(truth))}`
}

const play = async (redis: TestRedis, seed: number): Promise<void> => {
  const { below, of } = random(seed)
  const log = memoryLog()
  const world: World = { nodes: [await nodeOf(log, redis, 'one'), await nodeOf(log, redis, 'two')] }
  const dead: TestNode[] = []
  let people: Person[] = []
  let made = 0
  const enter = async (): Promise<void> => {
    const node = below(2)
    const wire = of<Wire>(['json', 'packed', 'packed on a WebSocket'])
    const name = `user-${String.fromCharCode(97 + (made++ % 26))}`
    const person =
      wire === 'packed on a WebSocket'
        ? await onWebSocket(world, node)
        : await onSocket(world, node, wire, name)
    if ((await person.ask('join-space')).ok === true) people.push(person)
  }
  const entity = () => `e${below(12)}`
  const place = () => ({ x: below(2_000) / 10 - 100, y: 1.6, z: below(2_000) / 10 - 100 })
  const turn = () => of([{ x: 0, y: below(360), z: 0 }, { x: 0, y: 0.6, z: 0, w: 0.8 }, '0 90 0'])
  const acts: ReadonlyArray<readonly [number, (person: Person) => Promise<unknown>]> = [
    [
      4,
      (one) =>
        one.ask('entity-spawn', {
          id: entity(),
          stays: below(3) === 0,
          components: { position: place(), n: below(9) },
        }),
    ],
    [
      8,
      (one) =>
        one.ask('aframe-update', { entities: { [entity()]: { position: place(), rotation: turn() } } }),
    ],
    [
      3,
      (one) =>
        one.ask('aframe-update', {
          entities: { [entity()]: { n: below(9), [of(['a', 'b'])]: of([1, null]) } },
        }),
    ],
    [8, (one) => one.ask('aframe-update', { position: place(), rotation: turn() })],
    [4, (one) => one.ask('entity-take', { id: entity() })],
    [2, (one) => one.ask('entity-give', { id: entity(), to: of([undefined, of(people).id()]) })],
    [2, (one) => one.ask('entity-remove', { id: entity() })],
    [
      1,
      async (one) => {
        people = people.filter((other) => other !== one)
        await one.ask('leave-space')
        one.cut()
      },
    ],
    [
      1,
      async (one) => {
        people = people.filter((other) => other !== one)
        one.cut()
      },
    ],
    [
      1,
      async (one) => {
        await one.ask('join-space')
      },
    ],
  ]
  const deck = acts.flatMap(([weight, act]) => Array.from({ length: weight }, () => act))
  const killNode = async (): Promise<void> => {
    const which = below(2)
    const { node, relay, die } = world.nodes[which]!
    die()
    people = people.filter((one) => one.node !== which)
    const sessions = node.sockets.sessions()
    dead.push(node)
    await node.sockets.close(1)
    await relay.close()
    world.nodes[which] = await nodeOf(log, redis, `again-${made}`)
    const { commands } = world.nodes[1 - which]!.node
    for (const { space, sessionId } of sessions)
      await commands.space({
        by: { kind: 'system', id: 'keeper' },
        space,
        id: crypto.randomUUID(),
        command: { type: 'LeaveSpace', sessionId, reason: 'node-lost' },
      })()
  }
  try {
    for (let n = 0; n < STEPS; n += 1) {
      if (people.length < 4) await enter()
      else if (people.length < 7 && below(12) === 0) await enter()
      else if (n > 20 && below(70) === 0) await killNode()
      else {
        // Some wait for their answers, some don't.
        const doing = of(deck)(of(people))
        if (below(2) === 0) await doing
        else doing.catch(() => {})
      }
    }
    await atRest(world, people, seed)
  } finally {
    for (const one of people) one.cut()
    for (const { node, relay } of world.nodes) {
      await node.stop()
      await relay.close()
      assert.equal(node.errors, [])
    }
    for (const node of dead) await node.stop()
  }
}

/** Waits until each client has its server's view, and the servers agree. */
const atRest = async (world: World, people: ReadonlyArray<Person>, seed: number): Promise<void> => {
  const until = performance.now() + 8_000
  for (;;) {
    const truths: SceneView[] = []
    for (const node of [0, 1]) {
      const observer = await onSocket(world, node, 'json', `observer-${node}`)
      await observer.ask('join-space')
      const truth = new SceneView()
      for (const one of observer.heard) if (one.event === 'space-joined') truth.hear(one)
      truths.push(truth)
      await observer.ask('leave-space')
      observer.cut()
    }
    const [one, two] = truths as [SceneView, SceneView]
    const apart =
      close(one.scene, two.scene) && close(Object.fromEntries(one.owners), Object.fromEntries(two.owners))
    const wrong = people.map((person) => {
      const why = differs(person, truths[person.node]!)
      return why === null ? null : `${person.wire} on ${person.node}: ${why}`
    })
    const what = [apart ? null : 'the nodes differ', ...wrong].filter((why) => why !== null)
    if (what.length === 0) return
    assert.ok(performance.now() < until, `seed ${seed}: ${what.join('; ')}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

for (let n = 0; n < RUNS; n += 1)
  test(`given whatever happens in a room (${n + 1}), when it is at rest, then every client’s scene is the server’s`, async ({
    redis,
  }) => {
    await play(redis, Number(process.env.SCENE_SEED ?? 1) + n)
  })

test.run()
