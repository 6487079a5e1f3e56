/** Whose address is whose. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addressesIn, clientAddress, isLoopback, networkOf } from './addresses.ts'

const test = suite('addresses')

test('given IPv6 addresses of one network, however they are written, then they are one', () => {
  for (const ip of [
    '2001:db8::1',
    '2001:db8::ffff:2',
    '2001:0db8:0:0:1:2:3:4',
    '2001:DB8::',
    '2001:db8::1%eth0',
  ])
    assert.is(networkOf(ip), '2001:db8:0:0', ip)
  assert.is(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2')
  assert.is(networkOf('::1'), '0:0:0:0')
  assert.is(networkOf('64:ff9b::192.0.2.1'), '64:ff9b:0:0')
})

test('given an IPv4 address, then it is alone, also as IPv6 writes it', () => {
  assert.is(networkOf('192.0.2.7'), '192.0.2.7')
  assert.is(networkOf('::ffff:192.0.2.7'), '192.0.2.7')
  assert.ok(isLoopback('::FFFF:127.0.0.1') && isLoopback('::1') && isLoopback('127.9.9.9'))
  assert.not(isLoopback('128.0.0.1') || isLoopback('::2'))
})

test('given a peer that is no proxy of ours, then what it says of others is not believed', () => {
  const ours = addressesIn(['10.0.0.0/8', 'loopback', 'fd00::1'])
  assert.is(clientAddress('192.0.2.7', '1.1.1.1', ours), '192.0.2.7')
  assert.is(clientAddress('10.0.0.1', '6.6.6.6, 1.1.1.1', ours), '1.1.1.1')
  assert.is(clientAddress('::ffff:10.0.0.1', '6.6.6.6, 1.1.1.1, 10.0.0.2', ours), '1.1.1.1')
  assert.is(clientAddress('fd00::1', undefined, ours), 'fd00::1')
  assert.is(clientAddress('127.0.0.1', 'nonsense', ours), '127.0.0.1')
  assert.is(clientAddress('127.0.0.1', '6.6.6.6', addressesIn([])), '127.0.0.1')
})

test.run()
