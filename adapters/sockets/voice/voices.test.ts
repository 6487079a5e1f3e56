/** Rooms whose voice goes through an SFU: two nodes on one log agree on it, and each takes from the SFU what the log takes
 *  from its own members. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { type Client, ALICES_POST as POST, type TestNode, testNode } from '../../../infra/testing/sockets.ts'
import { complaintsOf } from '../../http/testing/documented.ts'
import { type Sfu, type SfuReport, sfuUnavailable } from '../../sfu/sfu.ts'
import { SERVER_EVENTS } from '../documented.ts'

const test = suite('voices through an SFU')
const ROOM = `post:${POST.spaceId}:main`

/** An SFU that keeps what it is told; `fails`: how many calls it fails first. */
const standIn = () => {
  const told: string[] = []
  const listeners = new Set<() => void>()
  const state = { isUp: true, fails: 0, report: (_: SfuReport) => {}, slow: Promise.resolve() }
  const note = (what: string) => async () => {
    if (state.fails > 0) {
      state.fails -= 1
      return E.left(sfuUnavailable('out of order'))
    }
    told.push(what)
    return E.right(undefined)
  }
  const sfu: Sfu = {
    kind: 'janus',
    url: null,
    grant:
      ({ sessionId }, may, tell) =>
      async () => {
        told.push(`grant ${sessionId} ${may}`)
        setImmediate(() => tell({ kind: 'offer', sdp: 'v=0', voices: {}, fresh: true }))
        return E.right({ url: null, token: null })
      },
    maySpeak:
      ({ sessionId }, may) =>
      async () => {
        if (may) await state.slow
        return note(`speak ${sessionId} ${may}`)()
      },
    remove: ({ sessionId }) => note(`remove ${sessionId}`),
    close: (room) => note(`close ${room}`),
    signal:
      ({ sessionId }, signal) =>
      async () =>
        E.right({ of: sessionId, was: signal.kind }),
    isUp: () => state.isUp,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onReport: (listener) => {
      state.report = listener
    },
    stop: async () => {},
  }
  const come = (isUp: boolean) => {
    state.isUp = isUp
    for (const listener of listeners) listener()
  }
  return { sfu, told, state, come }
}
type Person = { readonly client: Client; readonly sessionId: string }
const enter = async (node: TestNode, token: string | null): Promise<Person> => {
  const client = await node.connect(token)
  const answer = await client.ask('join-space', { ...POST, subspace: 'main' })
  assert.is(answer.ok, true, answer.error)
  return { client, sessionId: answer.sessionId }
}
const speak = async ({ client }: Person) =>
  assert.is((await client.ask('voice-state', { enabled: true })).ok, true)
const routed = ({ client }: Person, via: string) =>
  client.until(`the way of ${via}`, ({ event, payload }) => event === 'voice-route' && payload.via === via)
const until = async (what: () => boolean, says: () => string): Promise<void> => {
  const end = performance.now() + 5_000
  while (!what()) {
    assert.ok(performance.now() < end, says())
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const twoNodes = async () => {
  const log = memoryLog()
  const [one, two] = [standIn(), standIn()]
  let later = 0
  let frozen: number | null = null
  const clock = { now: () => (frozen ?? Date.now()) + later }
  const nodes = [
    await testNode(log, { name: 'node-1', sfu: one.sfu, clock }),
    await testNode(log, { name: 'node-2', sfu: two.sfu, clock }),
  ] as const
  const pass = (seconds: number) => {
    later += seconds * 1_000
  }
  const freeze = () => {
    frozen = Date.now()
  }
  const alice = await enter(nodes[0], 'account:alice')
  const here = [alice, ...(await Promise.all([1, 2, 3, 4].map(() => enter(nodes[0], null))))]
  const there = await Promise.all([1, 2, 3, 4].map(() => enter(nodes[1], null)))
  const stop = () => Promise.all(nodes.map((node) => node.stop()))
  const events = async () => {
    const read = await log.readAll({ limit: 10_000 })()
    if (E.isLeft(read)) throw new Error('unread')
    return read.right
  }
  const routes = async () =>
    (await events())
      .filter(({ type }) => type === 'VoiceRouted')
      .map(({ data }) => (data as { via: string }).via)
  /** What is on the log of whose voice is carried. */
  const carried = async () =>
    (await events()).map(({ type }) => type).filter((type) => /^Voice(Not)?Carried$/.test(type))
  return { one, two, nodes, alice, here, there, stop, routes, carried, pass, freeze }
}

test('given nine speakers on two nodes, then the room goes over to the SFU once, and everybody on both is told; a newcomer finds it so', async () => {
  const { nodes, here, there, stop, routes, pass } = await twoNodes()
  assert.equal((await here[0]!.client.ask('voice-connect')).code, 'voice_by_mesh')
  for (const person of [...here, ...there]) await speak(person)
  for (const person of [...here, ...there]) {
    const { payload } = await routed(person, 'sfu')
    assert.equal(
      complaintsOf(
        { type: 'object', properties: SERVER_EVENTS['voice-route']!.fields },
        payload,
        'voice-route',
      ),
      [],
    )
  }
  const late = await enter(nodes[1], null)
  const [joined] = late.client.of('space-joined')
  assert.equal([joined.voice_route, joined.voice_relay], ['sfu', true])
  assert.equal(await routes(), ['sfu'])
  pass(10)
  for (const person of here.slice(0, 3)) await person.client.ask('voice-state', { enabled: false })
  for (const person of [...here, ...there]) await routed(person, 'mesh')
  assert.equal(await routes(), ['sfu', 'mesh'])
  await stop()
})

test('given members who are connected, when their voice or their seat is taken, then the SFU of their node is told, again until it does it', async () => {
  const { one, two, alice, here, there, stop } = await twoNodes()
  for (const person of [...here, ...there]) await speak(person)
  await routed(there[3]!, 'sfu')
  const [muted, gone] = there as [Person, Person]
  for (const person of [alice, muted, gone]) {
    const answer = await person.client.ask('voice-connect')
    assert.equal([answer.ok, answer.sfu, answer.room, answer.may_speak], [true, 'janus', ROOM, true])
  }
  const offered = await muted.client.until('an offer', ({ event }) => event === 'voice-signal')
  assert.is(offered.payload.signal.kind, 'offer')
  const carried = await muted.client.ask('voice-signal', { signal: { kind: 'hear' } })
  assert.equal(carried.signal, { of: muted.sessionId, was: 'hear' })
  assert.is((await there[2]!.client.ask('voice-signal', { signal: {} })).code, 'voice_by_mesh')
  assert.is((await muted.client.ask('voice-signal', { signal: 'x' })).code, 'invalid_signal')
  assert.is(
    (await muted.client.ask('voice-signal', { signal: { sdp: 'x'.repeat(70_000) } })).code,
    'too_large',
  )
  const [joined] = muted.client.of('space-joined')
  two.state.fails = 2
  assert.is((await alice.client.ask('mute', { subject: joined.identity.id })).ok, true)
  await until(
    () => two.told.includes(`speak ${muted.sessionId} false`),
    () => two.told.join(),
  )
  assert.is((await alice.client.ask('kick', { session_id: gone.sessionId })).ok, true)
  await until(
    () => two.told.includes(`remove ${gone.sessionId}`),
    () => two.told.join(),
  )
  assert.not.ok(one.told.some((what) => what.includes(gone.sessionId)))
  await alice.client.ask('join-space', { ...POST, subspace: 'main-side' })
  await until(
    () => one.told.includes(`remove ${alice.sessionId}`),
    () => one.told.join(),
  )
  await stop()
})

test('given an SFU that goes, then the room is a mesh again on both nodes, whose members are disconnected from it; the chat goes on', async () => {
  const { one, two, alice, here, there, stop, routes } = await twoNodes()
  for (const person of [...here, ...there]) await speak(person)
  await routed(alice, 'sfu')
  await alice.client.ask('voice-connect')
  two.come(false)
  const { payload } = await routed(alice, 'mesh')
  assert.is(payload.why, 'sfu-lost')
  await routed(there[0]!, 'mesh')
  await until(
    () => one.told.includes(`remove ${alice.sessionId}`),
    () => one.told.join(),
  )
  assert.is((await alice.client.ask('chat-message', { content: 'still here' })).ok, true)
  // It rests: that it is back for one node does not send everybody over at once.
  two.come(true)
  assert.is((await alice.client.ask('chat-message', { content: 'and here' })).ok, true)
  assert.equal(await routes(), ['sfu', 'mesh'])
  await stop()
})

test('given a report of the SFU itself, then whose voice it carries is on the log, and who should not be there is disconnected', async () => {
  const { one, alice, here, there, stop } = await twoNodes()
  for (const person of [...here, ...there]) await speak(person)
  await routed(alice, 'sfu')
  one.state.report({ room: ROOM, sessionId: 'a stranger', what: 'published' })
  await until(
    () => one.told.includes('remove a stranger'),
    () => one.told.join(),
  )
  await here[1]!.client.ask('voice-state', { enabled: false })
  one.state.report({ room: ROOM, sessionId: here[1]!.sessionId, what: 'published' })
  await until(
    () => one.told.includes(`speak ${here[1]!.sessionId} false`),
    () => one.told.join(),
  )
  await stop()
})

test('given a right that reaches the SFU only after it was taken again, then it is taken once more', async () => {
  const { one, alice, here, there, stop } = await twoNodes()
  for (const person of [...here, ...there]) await speak(person)
  await routed(alice, 'sfu')
  await alice.client.ask('voice-connect')
  const reached = Promise.withResolvers<void>()
  one.state.slow = reached.promise
  const told = (): ReadonlyArray<string> =>
    one.told.filter((what) => what.startsWith(`speak ${alice.sessionId}`)).map((what) => what.split(' ')[2]!)
  for (const enabled of [false, true, false]) await alice.client.ask('voice-state', { enabled })
  await until(
    () => told().length === 2,
    () => told().join(),
  )
  reached.resolve()
  await until(
    () => told().length === 4,
    () => told().join(),
  )
  assert.equal(told(), ['false', 'false', 'true', 'false'])
  await stop()
})

test('given a room on the SFU that everybody left at once, then it goes back and is closed there', async () => {
  const { one, two, alice, here, there, stop, routes, pass } = await twoNodes()
  for (const person of [...here, ...there]) await speak(person)
  await routed(alice, 'sfu')
  await routed(there[0]!, 'sfu')
  for (const person of [here[1]!, there[0]!]) assert.is((await person.client.ask('voice-connect')).ok, true)
  for (const { client } of [...here, ...there]) await client.ask('leave-space')
  pass(10)
  for (const { told } of [one, two])
    await until(
      () => told.includes(`close ${ROOM}`),
      () => told.join(),
    )
  assert.equal(await routes(), ['sfu', 'mesh'])
  await stop()
})

test('given somebody whose voice comes and goes at the SFU without end, then the log has few of these changes, and the last', async () => {
  const { one, alice, here, there, stop, carried } = await twoNodes()
  for (const person of [...here, ...there]) await speak(person)
  await routed(alice, 'sfu')
  for (let n = 0; n < 200; n++) {
    one.state.report({
      room: ROOM,
      sessionId: alice.sessionId,
      what: n % 2 === 0 ? 'published' : 'unpublished',
    })
    await new Promise(setImmediate)
  }
  one.state.report({ room: ROOM, sessionId: alice.sessionId, what: 'published' })
  const end = performance.now() + 5_000
  while ((await carried()).at(-1) !== 'VoiceCarried' || (await carried()).length < 11) {
    assert.ok(performance.now() < end, (await carried()).join())
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { length } = await carried()
  assert.ok(length <= 10 + Math.ceil((performance.now() - end + 5_000) / 1_000) + 2, `${length} events`)
  await stop()
})

test('given somebody who offers their voice to the SFU again and again, then they are slowed down; an answer costs little', async () => {
  const { alice, here, there, stop, pass, freeze } = await twoNodes()
  for (const person of [...here, ...there]) await speak(person)
  await routed(alice, 'sfu')
  freeze()
  assert.is((await alice.client.ask('voice-connect')).ok, true)
  const codes: string[] = []
  for (let n = 0; n < 30; n++) {
    const signal = n % 2 === 0 ? { kind: 'publish', sdp: 'v=0' } : { kind: 'hear', fresh: true }
    const { ok, code } = await alice.client.ask('voice-signal', { signal })
    codes.push(ok ? 'ok' : String(code))
  }
  assert.equal(codes, [...Array(19).fill('ok'), ...Array(11).fill('slow_down')])
  pass(0.1)
  const answer = { signal: { kind: 'answer', sdp: 'v=0' } }
  assert.is((await alice.client.ask('voice-signal', answer)).ok, true)
  await stop()
})

test.run()
