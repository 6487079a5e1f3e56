/** A hand that is raised and lowered, everywhere that it shows: the room, the tables, the audit log, the past, a bundle. */
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

const test = suite('a raised hand')
const http = await testHttp()
test.after(() => http.close())
const SPACE = { type: 'post', id: 'alice/my-360-photo' } as const
const ROOM = '/api/spaces/post/alice/my-360-photo'

const ask = (method: 'GET' | 'PUT' | 'DELETE', url: string, who: string): Promise<AnyJson> =>
  call(http, `${method} ${url}`, who)
const joined = (account: string): Promise<string> => enter(http, SPACE, account)

test('given people in a room, when hands are raised and lowered over REST, then tables, audit log, past moments and bundle have it', async () => {
  const [bob, carol] = [await joined('bob'), await joined('carol')]
  const raised = await ask('PUT', `${ROOM}/hands/${bob}`, 'bob')
  assert.is(raised.status, 200, raised.error)
  await ask('PUT', `${ROOM}/hands/${carol}`, 'carol')
  assert.is((await ask('PUT', `${ROOM}/hands/${bob}`, 'carol')).code, 'forbidden')
  assert.is((await ask('DELETE', `${ROOM}/hands/${bob}`, 'carol')).code, 'forbidden')
  const lowered = await ask('DELETE', `${ROOM}/hands/${carol}`, 'alice')
  assert.is(lowered.status, 200, lowered.error)

  const { space } = await ask('GET', `${ROOM}?min_position=${lowered.position}`, 'bob')
  const hands = ({ hand_raised, hand_raised_since }: AnyJson) => [hand_raised, hand_raised_since !== null]
  assert.equal(space.connected_users.map(hands), [
    [true, true],
    [false, false],
  ])
  const audit = await ask('GET', '/api/audit?space=post:alice/my-360-photo&limit=3', 'auditor')
  assert.equal(
    audit.entries.map(({ action, user_account, target }: AnyJson) => [action, user_account, target]),
    [
      ['HandLowered', 'alice', 'carol'],
      ['CommandRefused', 'carol', 'bob-session'],
      ['CommandRefused', 'carol', 'bob-session'],
    ],
  )
  const then = await ask('GET', `${ROOM}/at?position=${raised.position}`, 'alice')
  assert.is(then.present[0].hand_raised, true)
  assert.is(then.present[0].hand_event.position, raised.position)
  for (const [event, by] of [
    [then.present[0].hand_event.event_id, 'bob'],
    [audit.entries[0].event_id, 'alice'],
  ]) {
    const why = await ask('GET', `${ROOM}/why?event=${event}`, 'alice')
    assert.equal([why.agrees, why.actor.id], [true, by])
  }
  const could = await ask('GET', `${ROOM}/why?action=LowerHand&subject=carol&at=${raised.position}`, 'alice')
  assert.is(could.verdict.outcome, 'nothing')
})

test('given a room with hands up, when it is exported, then its bundle holds, and an independent check agrees', async () => {
  let text = ''
  const write = async (line: string) => {
    text += line
  }
  const { log, databaseUrl } = http
  await exportBundleTo({ log, databaseUrl, signer: SIGNER, space: SPACE, from: null, to: null, write })
  const lines = text.split('\n').map((line) => Buffer.from(line))
  const verifier = verifierOf(SIGNER)
  const { faults, header } = await checkBundle(lines, verifier)
  assert.equal(faults, [])
  assert.is(header?.version, 2)
  const { end } = JSON.parse(text.split('\n').at(-3)!)
  assert.type(end.sessions['bob-session'].hand, 'string')
  assert.is(end.sessions['carol-session'].hand, null)
  const folder = mkdtempSync(join(tmpdir(), 'hand-'))
  writeFileSync(join(folder, 'bundle'), text)
  const script = fileURLToPath(new URL('../../projections/proof/independent_check.py', import.meta.url))
  const done = spawnSync('python3', [script, join(folder, 'bundle'), verifier.vkey], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  if (done.error === undefined) assert.is(done.status, 0, `${done.stdout}${done.stderr}`)
})

test('given people on sockets, when one raises a hand and a moderator lowers it, then the room is sent both, and so is somebody who was away', async () => {
  const node = await testNode(memoryLog())
  const [alice, bob] = [await node.connect('account:alice'), await node.connect('account:bob')]
  assert.is((await bob.ask('hand-raise', {})).code, 'session_not_found')
  await alice.ask('join-space', POST)
  const { sessionId } = await bob.ask('join-space', POST)
  const [{ revisions }] = bob.of('space-joined')
  assert.is((await bob.ask('hand-raise', {})).ok, true)
  const up = await alice.until('the hand', ({ event }) => event === 'hand-state')
  assert.equal([up.payload.sessionId, up.payload.hand_raised], [sessionId, true])

  const late = await node.connect('account:carol')
  await late.ask('join-space', POST)
  const raised = late.of('space-joined')[0].users.find((user: AnyJson) => user.sessionId === sessionId)
  assert.equal([raised.hand_raised, raised.hand_raised_since], [true, up.payload.timestamp])
  assert.is((await late.ask('hand-lower', { session_id: sessionId })).code, 'forbidden')
  assert.is((await alice.ask('hand-lower', { session_id: sessionId })).ok, true)
  const down = await bob.until('it is down', ({ payload }) => payload.hand_raised === false)
  assert.equal(down.payload.by, { kind: 'account', id: 'alice' })
  assert.is((await bob.ask('hand-lower', {})).ok, true)

  await bob.ask('join-space', { ...POST, since: revisions })
  const again = bob.of('hand-state').map(({ hand_raised, revision }: AnyJson) => `${hand_raised} ${revision}`)
  assert.equal(again.slice(-2), again.slice(0, 2))
  await node.stop()
})

test.run()
