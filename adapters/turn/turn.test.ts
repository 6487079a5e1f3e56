import { createHmac } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTurn } from './turn.ts'

const test = suite('turn')
const clock = { now: () => 1_700_000_000_500 }
const turn = createTurn({ secret: 'north', hosts: ['turn.dlux.io', '[::1]:4000'], ttlSeconds: 600, clock })

test('credentials expire after the TTL and equal what coturn computes', () => {
  const made = turn.credentialsFor('alice')
  assert.is(made.username, '1700000600:alice')
  // printf %s '1700000600:alice' | openssl dgst -sha1 -hmac north -binary | base64
  assert.is(made.credential, createHmac('sha1', 'north').update('1700000600:alice').digest('base64'))
  assert.is(made.password, made.credential)
  assert.is(made.ttl, 600)
})

test('the same caller keeps the same user name for half of its lifetime, whoever else comes; a network’s guests share one', () => {
  let now = 1_700_000_000_500
  const later = createTurn({ secret: 'north', hosts: [], ttlSeconds: 600, clock: { now: () => now } })
  const first = later.credentialsFor('alice')
  now += 299_000
  later.credentialsFor('bob')
  const again = later.credentialsFor('alice')
  assert.equal([again.username, again.ttl], [first.username, 301])
  now += 2_000
  assert.is(later.credentialsFor('alice').username, '1700000901:alice')
  assert.is(later.guestOf('192.0.2.1'), later.guestOf('::ffff:192.0.2.1'))
  assert.is(later.guestOf('2001:db8::1'), later.guestOf('2001:db8::2'))
  assert.is.not(later.guestOf('192.0.2.1'), later.guestOf('192.0.2.2'))
  assert.match(later.guestOf('192.0.2.1'), /^guest:[0-9a-f]{12}$/)
})

test('each host is named for STUN, for TURN over UDP and TCP, and for TURN over TLS', () => {
  const { iceServers, uris } = turn.credentialsFor('guest:0123456789ab')
  assert.equal(iceServers[0]!.urls, uris)
  assert.equal(iceServers[1], { urls: ['stun:turn.dlux.io:3478', 'stun:[::1]:4000'] })
  assert.ok(uris.includes('turns:turn.dlux.io:5349?transport=tcp'))
  assert.ok(uris.includes('turn:[::1]:4000?transport=udp'))
})

test('given no host, then there are no servers, but still credentials', () => {
  const made = createTurn({ secret: 's', hosts: [], ttlSeconds: 1, clock }).credentialsFor('alice')
  assert.equal(made.iceServers, [])
  assert.equal(made.uris, [])
})

test('given an empty secret, no TTL or a wrong host, then the error says so', () => {
  const good = { secret: 's', hosts: ['a'], ttlSeconds: 1, clock }
  assert.throws(() => createTurn({ ...good, secret: '' }), /TURN_SECRET/)
  assert.throws(() => createTurn({ ...good, ttlSeconds: 0 }), /TURN_TTL/)
  assert.throws(() => createTurn({ ...good, hosts: ['http://x'] }), /TURN_HOST/)
  assert.throws(() => createTurn({ ...good, hosts: ['x:99999'] }), /port/)
})

test.run()
