/** The scripts that pages include: small, cached, for any origin, and with no code of the server in them. */
import { gunzipSync } from 'node:zlib'
import fastify, { type FastifyInstance } from 'fastify'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { SCRIPTS } from './build.ts'
import { clientScripts } from './plugin.ts'

const test = suite<{ app: FastifyInstance }>('the client’s scripts')
const MOST_BYTES = 30 * 1_024

test.before((context) => {
  context.app = fastify({ routerOptions: { ignoreTrailingSlash: true } })
  clientScripts(context.app)
})
test.after(({ app }) => app.close())

test('given each script, then it is under 30 KB as it travels, for any origin, and cached by its ETag', async ({
  app,
}) => {
  for (const path of Object.keys(SCRIPTS)) {
    const answer = await app.inject({ url: path, headers: { 'accept-encoding': 'gzip' } })
    assert.is(answer.statusCode, 200, path)
    assert.match(String(answer.headers['content-type']), /^text\/javascript/)
    assert.is(answer.headers['access-control-allow-origin'], '*')
    assert.match(String(answer.headers['cache-control']), /public, max-age=/)
    assert.is(answer.headers['content-encoding'], 'gzip')
    assert.ok(answer.rawPayload.length < MOST_BYTES, `${path} has ${answer.rawPayload.length} bytes`)
    const plain = await app.inject({ url: path })
    assert.is(plain.headers['content-encoding'], undefined)
    assert.is(gunzipSync(answer.rawPayload).toString(), plain.body)
    const again = await app.inject({ url: path, headers: { 'if-none-match': String(answer.headers.etag) } })
    assert.is(again.statusCode, 304)
    assert.is(again.body, '')
    // A page's Content-Security-Policy need not allow eval for it, and it contains nothing of Node.
    assert.not.match(plain.body, /\beval\(|new Function|require\(|node:/)
  }
})

test('given /presence.js, then it offers DLUXPresence and brings its socket', async ({ app }) => {
  const { body } = await app.inject('/presence.js')
  assert.match(body, /^"use strict";var DLUXPresence=/)
  assert.match(body, /new WebSocket\(/)
})

test('given the example pages, then each has what it names, from here, and only its own inline scripts may run', async ({
  app,
}) => {
  const index = await app.inject('/examples/')
  const pages = [...index.body.matchAll(/href="(\/examples\/[^"]+)"/g)].map(([, path = '']) => path)
  assert.is(pages.length, 4)
  for (const path of ['/examples/', ...pages]) {
    const page = await app.inject(path)
    assert.is(page.statusCode, 200, path)
    const policy = String(page.headers['content-security-policy'])
    assert.not.match(policy, /script-src[^;]*(unsafe-inline|http)/)
    assert.is(policy.includes('unsafe-eval'), path.includes('aframe'), path)
    assert.is(
      policy.match(/'sha256-/g)?.length ?? 0,
      page.body.match(/<script(?: type="module")?>/g)?.length ?? 0,
    )
    const names = [...page.body.matchAll(/(?:<script src=|from )["']([^"']+)["']/g)].map(
      ([, name = '']) => name,
    )
    for (const name of names.filter((one) => !one.startsWith('https://HOST/'))) {
      assert.match(name, /^\//)
      assert.is((await app.inject(name)).statusCode, 200, name)
    }
  }
  assert.is((await app.inject('/examples')).body, index.body)
})

test.run()
