/** A session against a server that says one thing at a time. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Session } from './session.ts'
import type { Json, LineEvents } from './transport.ts'

const test = suite('a session')

const JOINED = { type: 'space-joined', sessionId: 'mine', revisions: { space: '1', chat: '0' }, users: [] }

/** `told`: what the room is told, `joined` among it; `sent`: what the server is sent. `say` is the server's. */
const begin = () => {
  const [told, sent]: [string[], Json[]] = [[], []]
  let line: LineEvents | undefined
  const joining = Promise.withResolvers<string>()
  const session = new Session({
    transport: {
      call: async () => ({}),
      open: async (_, events) => {
        line = events
        const send = (message: Json) => {
          sent.push(message)
          joining.resolve(String(message.request_id))
        }
        return { send, close: () => {} }
      },
    },
    enter: async () => ({ websocket_url: 'ws://server' }),
    greeting: () => ({}),
    onJoined: () => told.push('joined'),
    onMessage: (type) => told.push(type),
    onCut: () => {},
    onEnd: () => {},
    now: () => 0,
  })
  const started = session.start()
  return { session, started, told, sent, say: (message: Json) => line?.onMessage(message), joining }
}

test('given signals that come before the state of the room, then the room is told of them after it, in their order', async () => {
  const { session, started, told, say, joining } = begin()
  const request_id = await joining.promise
  say({ type: 'webrtc-offer', fromSocketId: 'other' })
  say({ type: 'webrtc-ice-candidate', fromSocketId: 'other' })
  assert.equal(told, [])
  say(JOINED)
  assert.equal(told, ['joined', 'webrtc-offer', 'webrtc-ice-candidate'])
  say({ type: 'answer', request_id, ok: true })
  await started
  assert.is(session.state, 'connected')
})

test('given somebody who has entered, when the answer to the join is still to come, then what they tell goes out', async () => {
  const { session, started, sent, say, joining } = begin()
  const request_id = await joining.promise
  session.tell('webrtc-answer', { targetSocketId: 'other', answer: {} })
  assert.is(sent.length, 1)
  say(JOINED)
  session.tell('webrtc-answer', { targetSocketId: 'other', answer: {} })
  assert.is(sent.at(-1)?.type, 'webrtc-answer')
  say({ type: 'answer', request_id, ok: true })
  await started
})

test.run()
