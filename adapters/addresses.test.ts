/** Which address a request counts for: the client's, behind whatever proxies. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { addressesIn, addressOf, clientAddress, isLoopback, networkOf } from './addresses.ts'

const test = suite('addresses')

test('given IPv6 addresses of one network, however they are written, then they count as one', () => {
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

test('given an IPv4 address, then it counts on its own, even in its IPv6 form', () => {
  assert.is(networkOf('192.0.2.7'), '192.0.2.7')
  assert.is(networkOf('::ffff:192.0.2.7'), '192.0.2.7')
  assert.ok(isLoopback('::FFFF:127.0.0.1') && isLoopback('::1') && isLoopback('127.9.9.9'))
  assert.not(isLoopback('128.0.0.1') || isLoopback('::2'))
})

test('given a peer that is not one of our proxies, then what it says about others is not believed', () => {
  const ours = addressesIn(['10.0.0.0/8', 'loopback', 'fd00::1'])
  assert.is(clientAddress('192.0.2.7', '1.1.1.1', ours), '192.0.2.7')
  assert.is(clientAddress('10.0.0.1', '6.6.6.6, 1.1.1.1', ours), '1.1.1.1')
  assert.is(clientAddress('::ffff:10.0.0.1', '6.6.6.6, 1.1.1.1, 10.0.0.2', ours), '1.1.1.1')
  assert.is(clientAddress('fd00::1', undefined, ours), 'fd00::1')
  assert.is(clientAddress('127.0.0.1', 'nonsense', ours), '127.0.0.1')
  assert.is(clientAddress('127.0.0.1', '6.6.6.6', addressesIn([])), '127.0.0.1')
})

test('given an address in any form that proxies and systems write, then it is recognised', () => {
  const forms: Readonly<Record<string, ReadonlyArray<string>>> = {
    '192.0.2.7': [
      '192.0.2.7',
      ' 192.0.2.7 ',
      '192.0.2.7:51234',
      '"192.0.2.7:80"',
      '::ffff:192.0.2.7',
      '::FFFF:c000:207',
      '0:0:0:0:0:ffff:192.0.2.7',
      '[::ffff:192.0.2.7]:443',
      '[::ffff:192.0.2.7%eth0]:443',
    ],
    '2001:db8::1': [
      '2001:DB8:0:0::1',
      '[2001:db8::1]',
      '"[2001:db8::1]:4711"',
      '2001:0db8:0000:0000:0000:0000:0000:0001',
      '2001:db8::1%eth0',
    ],
    '::1': ['0:0:0:0:0:0:0:1', '[::1]:3000', '::0.0.0.1', '::1%lo'],
  }
  for (const [address, written] of Object.entries(forms))
    for (const one of written) {
      assert.is(addressOf(one), address, one)
      assert.is(networkOf(one), networkOf(address), one)
      assert.is(isLoopback(one), address === '::1', one)
    }
  for (const none of [
    '',
    'unknown',
    '_hidden',
    '1.2.3',
    '1.2.3.4.5',
    '300.1.1.1',
    '[1.2',
    'a:b',
    '127.0.0.1.evil.example',
    '1.2.3.4:x',
  ])
    assert.is(addressOf(none), null, none)
})

test('given proxies that write ports, brackets or IPv4 addresses as IPv6, then the client is found, in one form', () => {
  const ours = addressesIn(['::ffff:10.0.0.0/104', '[fd00::1]', 'loopback'])
  assert.is(clientAddress('::ffff:10.1.2.3', '6.6.6.6, 1.1.1.1:4711', ours), '1.1.1.1')
  assert.is(clientAddress('10.1.2.3', '[2001:db8::1]:4711, [fd00::1]:80, 127.0.0.1:9', ours), '2001:db8::1')
  assert.is(clientAddress('fd00:0::1', '::ffff:c000:207', ours), '192.0.2.7')
  assert.is(clientAddress('::1', 'unknown, 10.9.9.9:1', ours), '10.9.9.9')
  assert.is(clientAddress('::ffff:192.0.2.9', '1.1.1.1', ours), '192.0.2.9')
})

test.run()
