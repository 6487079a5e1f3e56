import { strict as assert } from 'node:assert'
import { Readable } from 'node:stream'
import { fastify } from 'fastify'
import { suite } from 'uvu'
import { waitAtMost } from '../../adapters/wait-at-most.ts'
import { closeHttp } from './stopping.ts'

const stopping = suite('a server that stops')

async function* endless() {
  yield 'a line\n'
  await new Promise(() => {})
}

stopping(
  'given a replay that somebody watches, when the server stops, then the replay is ended',
  async () => {
    const http = fastify()
    http.get('/', (_request, reply) => reply.send(Readable.from(endless())))
    const response = await fetch(await http.listen({ host: '127.0.0.1', port: 0 }))
    const reader = response.body!.getReader()
    assert.equal(new TextDecoder().decode((await reader.read()).value), 'a line\n')
    const rest = reader.read().then(
      ({ done }) => (done ? 'ended' : 'more'),
      () => 'cut',
    )
    await closeHttp(http, 10)
    assert.equal(await rest, 'cut')
  },
)

stopping(
  'given an answer that ends by itself, when the server stops, then it is sent completely',
  async () => {
    const http = fastify()
    let go = () => {}
    const asked = new Promise<void>((heard) => {
      http.get('/', async () => {
        heard()
        await new Promise<void>((done) => {
          go = done
        })
        return 'all of it'
      })
    })
    const answer = fetch(await http.listen({ host: '127.0.0.1', port: 0 })).then((response) =>
      response.text(),
    )
    await asked
    const closed = closeHttp(http, 60_000)
    go()
    assert.equal(await answer, 'all of it')
    await closed
  },
)

stopping('given a part that never answers, then it is not waited for', async () => {
  await waitAtMost(1, new Promise(() => {}))
})

stopping.run()
