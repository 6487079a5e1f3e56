import { createServer } from 'node:http'
import { type Namespace, Server, type Socket } from 'socket.io'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { RoomKey } from '../../../domain/names.ts'
import { createRoomSockets } from './room-sockets.ts'

const test = suite('sockets of a room')
const ROOM = 'post:alice/a:main' as RoomKey

/** Socket.IO's own adapter, and a namespace that knows these sockets. */
const namespaceOf = (ids: ReadonlyArray<string>) => {
  const { adapter } = new Server(createServer()).of('/')
  const sockets = new Map(ids.map((id) => [id, { id } as unknown as Socket]))
  return { adapter, sockets } as unknown as Pick<Namespace, 'adapter' | 'sockets'>
}
const idsIn = (sockets: ReadonlyArray<Socket>) => sockets.map(({ id }) => id)

test('given sockets that join, leave and go, when the room is sent to, then exactly those in it are found', () => {
  const namespace = namespaceOf(['a', 'b', 'c'])
  const { adapter } = namespace
  const inRoom = createRoomSockets(namespace)
  assert.equal(inRoom(ROOM), [])
  adapter.addAll('a', new Set([ROOM]))
  adapter.addAll('b', new Set([ROOM]))
  assert.equal(idsIn(inRoom(ROOM)), ['a', 'b'])
  adapter.addAll('c', new Set([ROOM, 'another']))
  assert.equal(idsIn(inRoom(ROOM)), ['a', 'b', 'c'])
  adapter.del('a', ROOM)
  assert.equal(idsIn(inRoom(ROOM)), ['b', 'c'])
  adapter.delAll('c')
  adapter.delAll('b')
  assert.equal(inRoom(ROOM), [])
  adapter.addAll('a', new Set([ROOM]))
  assert.equal(idsIn(inRoom(ROOM)), ['a'])
})

test('given a room that nothing changes in, when it is sent to twice, then its sockets are looked up once', () => {
  const namespace = namespaceOf(['a'])
  const inRoom = createRoomSockets(namespace)
  namespace.adapter.addAll('a', new Set([ROOM]))
  assert.is(inRoom(ROOM), inRoom(ROOM))
})

test('given a socket that its namespace does not know yet, when it does, then it is found', () => {
  const namespace = namespaceOf(['a'])
  const inRoom = createRoomSockets(namespace)
  namespace.adapter.addAll('a', new Set([ROOM]))
  namespace.adapter.addAll('b', new Set([ROOM]))
  assert.equal(idsIn(inRoom(ROOM)), ['a'])
  namespace.sockets.set('b', { id: 'b' } as unknown as Socket)
  assert.equal(idsIn(inRoom(ROOM)), ['a', 'b'])
})

test.run()
