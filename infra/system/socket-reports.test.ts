/** A report that comes by a socket: of a message, of somebody by name, or of whoever a session is; and nobody hears of it. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memoryLog } from '../testing/memory-log.ts'
import { ALICES_POST as POST, testNode } from '../testing/sockets.ts'

const test = suite('reports by a socket')

test('given people in a room, when one reports others, then each becomes a case, and neither they nor the room get any news of it', async () => {
  const log = memoryLog()
  const node = await testNode(log)
  const [carol, dave] = [await node.connect('account:carol'), await node.connect('account:dave')]
  assert.is((await carol.ask('report', { subject: 'dave' })).code, 'session_not_found')
  await carol.ask('join-space', POST)
  const { sessionId } = await dave.ask('join-space', POST)
  const { message_id } = await dave.ask('chat-message', { content: 'You are no good.' })
  const before = dave.heard.length

  const answers = [
    await carol.ask('report', { message_id, text: 'This is about me.' }),
    await carol.ask('report', { session_id: sessionId }),
    await carol.ask('report', { subject: 'guest:9f2c04ab17de', ...POST, subspace: undefined }),
  ]
  for (const answer of answers) {
    assert.ok(answer.ok, answer.error)
    assert.equal(Object.keys(answer).sort(), ['ok', 'position', 'report_id'])
  }
  const again = await carol.ask('report', { subject: 'dave' })
  assert.equal(Object.keys(again).sort(), ['ok', 'position', 'report_id'])

  for (const [payload, code] of [
    [{}, 'invalid_message_id'],
    [{ message_id, subject: 'dave' }, 'invalid_message_id'],
    [{ subject: 'No Name' }, 'invalid_subject'],
    [{ subject: 'carol' }, 'invalid_subject'],
    [{ session_id: 'nobody' }, 'session_not_found'],
    [{ message_id: crypto.randomUUID() }, 'message_not_found'],
    [{ subject: 'erin', text: 'x'.repeat(1_001) }, 'invalid_text'],
    [{ subject: 7 }, 'invalid_subject'],
  ] as const)
    assert.is((await carol.ask('report', payload)).code, code, JSON.stringify(payload))

  const written = log.all().filter(({ stream }) => stream.startsWith('cases-'))
  assert.equal(
    written.map(({ type, data }) => [type, (data as { subject?: string }).subject]),
    [
      ['CaseOpened', 'dave'],
      ['ReportFiled', undefined],
      ['CaseOpened', 'dave'],
      ['ReportFiled', undefined],
      ['CaseOpened', 'guest:9f2c04ab17de'],
      ['ReportFiled', undefined],
    ],
  )
  // What the room hears next is the next that is said.
  await carol.ask('chat-message', { content: 'And on.' })
  await dave.until(
    'what is said next',
    ({ event, payload }) => event === 'chat-message' && payload.content === 'And on.',
  )
  assert.equal(
    dave.heard.slice(before).map(({ event }) => event),
    ['chat-message'],
  )
  await node.stop()
})

test.run()
