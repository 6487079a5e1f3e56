/** The port, and what its end waits for. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http2'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCertificate } from '../contract/certificate.ts'
import { listen } from './listener.ts'

const test = suite('the port')
const OPTIONS = { host: '127.0.0.1', port: 0 }
const refuse = (_request: unknown, response: { writeHead: (status: number) => { end: () => void } }) =>
  response.writeHead(404).end()

for (const what of ['plain', 'TLS'] as const)
  test(`${what}: given connections that say nothing or are idle, when the listener is closed, then it ends, and so do they`, async () => {
    const { key, cert, ca, remove } = createCertificate()
    const tls = { key: readFileSync(key), cert: readFileSync(cert) }
    const listener = await listen(what === 'TLS' ? { ...OPTIONS, tls } : OPTIONS, createServer(), refuse)
    const silent = connect(listener.port, '127.0.0.1')
    const idle =
      what === 'TLS'
        ? connectTls({ port: listener.port, host: '127.0.0.1', ca: readFileSync(ca), ALPNProtocols: ['h2'] })
        : connect(listener.port, '127.0.0.1')
    for (const socket of [silent, idle]) socket.on('error', () => {})
    const ends = [silent, idle].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    await Promise.all([once(silent, 'connect'), once(idle, what === 'TLS' ? 'secureConnect' : 'connect')])
    for (const socket of [silent, idle]) socket.resume()
    await listener.close()
    await Promise.all(ends)
    assert.ok(silent.destroyed && idle.destroyed)
    remove()
  })

test.run()
