import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { eachOnOneNode, type OneNode, ALICES_POST as POST } from '../../infra/testing/sockets.ts'
import { type Voice, voiceOf, voiceOfSdp } from './voice-rights.ts'

const reading = suite('whether a description speaks')
const sdp = (...lines: string[]) =>
  `${['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', ...lines].join('\r\n')}\r\n`
const AUDIO = 'm=audio 9 UDP/TLS/RTP/SAVPF 111'

for (const [voice, what, text] of [
  ['speaks', 'a sending and receiving section', sdp(AUDIO, 'a=sendrecv')],
  ['speaks', 'one that only sends', sdp(AUDIO, 'a=sendonly')],
  ['speaks', 'one that does not say', sdp(AUDIO, 'a=rtcp-mux')],
  ['speaks', 'one behind others', sdp('m=video 9 x 96', 'a=recvonly', AUDIO, 'a=mid:1', 'a=sendrecv')],
  ['speaks', 'the second of two', sdp(AUDIO, 'a=recvonly', AUDIO, 'a=sendonly')],
  ['speaks', 'a bundled one without a port', sdp('m=audio 0 x 111', 'a=bundle-only', 'a=sendrecv')],
  ['speaks', 'the session’s direction', sdp('a=sendrecv', AUDIO)],
  ['speaks', 'lines that end in a newline alone', sdp(AUDIO, 'a=sendrecv').replaceAll('\r', '')],
  ['silent', 'one that only receives', sdp(AUDIO, 'a=recvonly')],
  ['silent', 'an inactive one', sdp(AUDIO, 'a=inactive')],
  ['silent', 'the session’s direction, received', sdp('a=recvonly', AUDIO)],
  ['silent', 'one that is refused', sdp('m=audio 0 x 111', 'a=sendrecv')],
  ['silent', 'video and data alone', sdp('m=video 9 x 96', 'a=sendrecv', 'm=application 9 x y')],
  ['none', 'no media', 'v=0'],
  ['none', 'a candidate', 'candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host'],
] as ReadonlyArray<readonly [Voice, string, string]>)
  reading(`given ${what}, then it is ${voice}, however it is wrapped`, () => {
    assert.is(voiceOfSdp(text), voice)
    for (const wrapped of [
      { type: 'offer', sdp: text },
      { sdp: { type: 'offer', sdp: text } },
      [{ description: text }],
      JSON.stringify({ type: 'offer', sdp: text }),
      { signal: JSON.stringify(JSON.stringify({ sdp: text })) },
    ])
      assert.is(voiceOf(wrapped), voice)
  })
reading.run()

const test = suite<OneNode>('voice between two sockets')
eachOnOneNode(test)
const speaking = { type: 'offer', sdp: sdp(AUDIO, 'a=sendrecv') }
const listening = { type: 'offer', sdp: sdp(AUDIO, 'a=recvonly') }

const three = async (node: OneNode['node']) => {
  const [alice, bobby, carol] = [
    await node.connect('account:alice'),
    await node.connect('account:bobby'),
    await node.connect('account:carol'),
  ]
  for (const one of [alice, bobby, carol]) await one.ask('join-space', POST)
  const send = async (from: typeof bobby, event: string, field: string, value: unknown) => {
    const answer = await from.ask(event, { targetSocketId: carol.id, [field]: value })
    return answer.ok ? 'ok' : answer.code
  }
  return { alice, bobby, carol, send }
}

test('given somebody who is muted, then offers that would carry their voice are refused, offers that listen pass, and the room is told to drop it', async ({
  node,
}) => {
  const { alice, bobby, carol, send } = await three(node)
  assert.is(await send(bobby, 'webrtc-offer', 'offer', speaking), 'ok')
  await alice.ask('mute', { subject: 'bobby' })
  const told = await carol.until('the mute', ({ event }) => event === 'permission-changed')
  assert.equal([told.payload.change, told.payload.drop_audio], ['muted', true])
  for (const [event, field, value, expected] of [
    ['webrtc-offer', 'offer', speaking, 'muted'],
    ['webrtc-offer', 'offer', { sdp: JSON.stringify(speaking) }, 'muted'],
    ['webrtc-offer', 'offer', { sdp: 'x' }, 'muted'],
    ['webrtc-answer', 'answer', { type: 'answer', sdp: sdp(AUDIO) }, 'muted'],
    ['webrtc-ice-candidate', 'candidate', speaking, 'muted'],
    ['webrtc-offer', 'offer', listening, 'ok'],
    ['webrtc-answer', 'answer', { type: 'answer', sdp: sdp(AUDIO, 'a=inactive') }, 'ok'],
    ['webrtc-offer', 'offer', { type: 'rollback' }, 'ok'],
    ['webrtc-ice-candidate', 'candidate', { candidate: 'candidate:1', sdpMid: '0' }, 'ok'],
    ['webrtc-ice-candidate', 'candidate', null, 'ok'],
  ] as const)
    assert.is(await send(bobby, event, field, value), expected, JSON.stringify(value))
  // The others may go on speaking.
  assert.is(await send(alice, 'webrtc-offer', 'offer', speaking), 'ok')
  assert.is(carol.of('webrtc-offer').length, 4)
  await alice.ask('unmute', { subject: 'bobby' })
  assert.is(await send(bobby, 'webrtc-offer', 'offer', speaking), 'ok')
})

test('given a space without voice, then nobody’s voice passes, not even the owner’s, and everybody is told to drop what they have', async ({
  node,
}) => {
  const { alice, bobby, carol, send } = await three(node)
  await alice.ask('settings-change', { voice_enabled: false })
  const told = await carol.until('the change', ({ event }) => event === 'settings-changed')
  assert.is(told.payload.drop_audio, true)
  for (const one of [alice, bobby]) {
    assert.is(await send(one, 'webrtc-offer', 'offer', speaking), 'voice_disabled')
    assert.is(await send(one, 'webrtc-answer', 'answer', speaking), 'voice_disabled')
    assert.is(await send(one, 'webrtc-offer', 'offer', listening), 'ok')
  }
  await alice.ask('settings-change', { voice_enabled: true })
  assert.is(await send(bobby, 'webrtc-offer', 'offer', speaking), 'ok')
  assert.is(carol.of('settings-changed').at(-1).drop_audio, undefined)
})
test.run()
