/** The word on a stage, everywhere that it shows: the room, REST, the audit log, the past, its reasons, a bundle. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exportBundleTo } from '../../apps/operations/export/bundle.ts'
import { checkBundle } from '../../projections/proof/check-bundle.ts'
import { verifierOf } from '../../projections/proof/note.ts'
import { type AnyJson, ask as call, enter } from '../testing/calls.ts'
import { SIGNER, testHttp } from '../testing/http.ts'
import { memoryLog } from '../testing/memory-log.ts'
import { ALICES_POST as POST, testNode } from '../testing/sockets.ts'

const test = suite('the word on a stage')
const http = await testHttp()
test.after(() => http.close())
const SPACE = { type: 'post', id: 'alice/my-360-photo' } as const
const ROOM = '/api/spaces/post/alice/my-360-photo'

const ask = (
  method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE',
  url: string,
  who: string,
  payload?: object,
): Promise<AnyJson> => call(http, `${method} ${url}`, who, payload)
const joined = (account: string): Promise<string> => enter(http, SPACE, account)

test('given a room with a stage, when the word is given, handed on and taken over REST, then tables, audit log, past moments and explanations have it', async () => {
  const [bob, carol] = [await joined('bob'), await joined('carol')]
  assert.is((await ask('PATCH', `${ROOM}/settings`, 'alice', { stage: true })).status, 200)
  assert.is((await ask('PUT', `${ROOM}/speakers/${bob}`, 'bob')).code, 'forbidden')
  const given = await ask('PUT', `${ROOM}/speakers/${bob}`, 'alice')
  assert.is(given.status, 200, given.error)
  assert.is((await ask('POST', `${ROOM}/speakers`, 'carol', { session_id: bob })).code, 'not_on_stage')
  const handed = await ask('POST', `${ROOM}/speakers`, 'bob', { session_id: carol })
  assert.is(handed.status, 200, handed.error)
  const { space } = await ask('GET', `${ROOM}?min_position=${handed.position}`, 'bob')
  assert.equal(
    space.connected_users.map(({ user_account, on_stage }: AnyJson) => [user_account, on_stage]),
    [
      ['bob', false],
      ['carol', true],
    ],
  )
  assert.is(space.settings.stage ?? space.stage, true)
  const then = await ask('GET', `${ROOM}/at?position=${given.position}`, 'alice')
  assert.is(then.present.find(({ user_account }: AnyJson) => user_account === 'bob').on_stage, true)
  const taken = await ask('DELETE', `${ROOM}/speakers/${carol}`, 'alice')
  assert.is(taken.status, 200, taken.error)
  const audit = await ask(
    'GET',
    `/api/audit?space=post:alice/my-360-photo&limit=9&min_position=${taken.position}`,
    'auditor',
  )
  // Looks at the past are on it too.
  const entries = audit.entries.filter(({ action }: AnyJson) => action !== 'AuditRead').slice(0, 4)
  assert.equal(
    entries.map(({ action, user_account, target }: AnyJson) => [action, user_account, target]),
    [
      ['SpeakTaken', 'alice', 'carol'],
      ['SpeakGranted', 'bob', 'carol'],
      ['SpeakTaken', 'bob', null],
      ['CommandRefused', 'carol', 'bob-session'],
    ],
  )
  for (const [entry, actor] of [
    [entries[0], 'alice'],
    [entries[1], 'bob'],
  ]) {
    const why = await ask('GET', `${ROOM}/why?event=${entry.event_id}`, 'alice')
    assert.equal([why.agrees, why.actor.id], [true, actor])
  }
  const refused = await ask('GET', `${ROOM}/why?event=${entries[3].event_id}`, 'alice')
  assert.ok(refused.rules.some(({ rule, value }: AnyJson) => rule === 'word' && value === false))
})

test('given a room whose stage was used, when it is exported, then its bundle holds, and an independent check agrees', async () => {
  let text = ''
  const write = async (line: string) => {
    text += line
  }
  const { log, databaseUrl } = http
  await exportBundleTo({ log, databaseUrl, signer: SIGNER, space: SPACE, from: null, to: null, write })
  const verifier = verifierOf(SIGNER)
  const { faults } = await checkBundle(
    text.split('\n').map((line) => Buffer.from(line)),
    verifier,
  )
  assert.equal(faults, [])
  const folder = mkdtempSync(join(tmpdir(), 'stage-'))
  writeFileSync(join(folder, 'bundle'), text)
  const script = fileURLToPath(new URL('../../projections/proof/independent_check.py', import.meta.url))
  const done = spawnSync('python3', [script, join(folder, 'bundle'), verifier.vkey], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  if (done.error === undefined) assert.is(done.status, 0, `${done.stdout}${done.stderr}`)
})

test('given people on sockets and a stage, when one raises a hand and gets the word, then the room is sent it, and signals with a voice pass only then', async () => {
  const node = await testNode(memoryLog())
  const [alice, bob] = [await node.connect('account:alice'), await node.connect('account:bob')]
  const mine = await alice.ask('join-space', POST)
  const { sessionId } = await bob.ask('join-space', POST)
  assert.is(mine.ok, true)
  await alice.ask('settings-change', { stage: true })
  const to = alice.of('space-joined')[0].users[0].socketId
  const offer = { type: 'offer', sdp: 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\n' }
  const speak = () => bob.ask('webrtc-offer', { targetSocketId: to, offer })
  assert.is((await bob.ask('voice-state', { enabled: true })).code, 'not_on_stage')
  assert.is((await speak()).code, 'not_on_stage')
  await bob.ask('hand-raise', {})
  assert.is((await alice.ask('speak-grant', { session_id: sessionId })).ok, true)
  const told = await bob.until('the word', ({ event }) => event === 'stage-state')
  assert.equal([told.payload.on_stage, told.payload.by.id], [true, 'alice'])
  await bob.until('the hand is down', ({ payload }) => payload.hand_raised === false)
  assert.is((await bob.ask('voice-state', { enabled: true })).ok, true)
  assert.is((await speak()).ok, true)
  const late = await node.connect('account:carol')
  await late.ask('join-space', POST)
  const seen = late.of('space-joined')[0]
  assert.is(seen.users.find((user: AnyJson) => user.sessionId === sessionId).on_stage, true)
  assert.is((await alice.ask('speak-take', { session_id: sessionId })).ok, true)
  const gone = await late.until('it is taken', ({ payload }) => payload.on_stage === false)
  assert.is(gone.payload.drop_audio, true)
  await late.until('the voice ends', ({ event, payload }) => event === 'voice-state' && !payload.enabled)
  assert.is((await speak()).code, 'not_on_stage')
  await node.stop()
})

test.run()
