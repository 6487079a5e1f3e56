/** Deliveries go to public addresses only, whatever address a name resolves to. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { targetOf } from './target.ts'

const test = suite('where deliveries go')
const leadsTo =
  (...addresses: ReadonlyArray<string>) =>
  async () =>
    addresses.map((address) => ({ address }))
const nowhere = async () => {
  throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
}
const asked = (
  url: string,
  resolve: Parameters<typeof targetOf>[1]['resolve'] = nowhere,
  allowsLoopback = false,
) => targetOf(url, { allowsLoopback, resolve: resolve! })

const INSIDE = [
  ...[
    'http://127.0.0.1/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://0x7f000001/',
    'https://2130706433/',
  ],
  ...['https://10.0.0.1/', 'https://172.16.9.9/', 'https://192.168.1.1/', 'https://169.254.169.254/latest/'],
  ...['https://100.64.0.1/', 'https://0.0.0.0/', 'https://224.0.0.1/', 'https://255.255.255.255/'],
  ...['https://[::1]/', 'https://[::]/', 'https://[fd00::1]/', 'https://[fe80::1]/', 'https://[ff02::1]/'],
  ...[
    'https://[::ffff:10.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[::ffff:0:127.0.0.1]/',
    'https://[3fff::1]/',
    'https://[5f00::1]/',
  ],
]
for (const url of INSIDE)
  test(`given ${url}, then nothing is sent there`, async () => {
    assert.ok(E.isLeft(await asked(url)))
  })

for (const address of [
  '127.0.0.1',
  '10.1.2.3',
  '169.254.169.254',
  '::1',
  'fd12::1',
  '::ffff:192.168.0.1',
  'no address',
])
  test(`given a name that leads to ${address}, alone or among others, then nothing is sent there`, async () => {
    assert.ok(E.isLeft(await asked('https://hooks.example/', leadsTo(address))))
    assert.ok(E.isLeft(await asked('https://hooks.example/', leadsTo('93.184.216.34', address))))
  })

test('given a name that leads to a public address, then the connection goes to exactly that address', async () => {
  const target = await asked('https://hooks.example:8443/a?b', leadsTo('93.184.216.34', '2606:2800:220:1::1'))
  assert.ok(E.isRight(target))
  assert.equal(
    [target.right.address, target.right.family, target.right.url.port],
    ['93.184.216.34', 4, '8443'],
  )
})

test('given a public address without TLS, or another scheme, then nothing is sent there', async () => {
  for (const url of [
    'http://hooks.example/',
    'ftp://hooks.example/',
    'file:///etc/passwd',
    'hooks.example',
    '',
  ])
    assert.ok(E.isLeft(await asked(url, leadsTo('93.184.216.34'))), url)
})

test('given a name that leads nowhere, then the error says so', async () => {
  assert.match(((await asked('https://hooks.example/')) as E.Left<string>).left, 'ENOTFOUND')
  assert.ok(E.isLeft(await asked('https://hooks.example/', leadsTo())))
})

test('given that this machine is allowed, then only it is, besides public addresses', async () => {
  assert.ok(E.isRight(await asked('http://127.0.0.1:9/', nowhere, true)))
  assert.ok(E.isLeft(await asked('https://10.0.0.1/', nowhere, true)))
  assert.ok(E.isLeft(await asked('http://hooks.example/', leadsTo('127.0.0.1', '10.0.0.1'), true)))
})

test.run()
