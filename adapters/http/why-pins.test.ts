/** Explanations over REST, from the log, of why an entity may be pinned, changed and unpinned. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caller } from '../../domain/identity.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { testHttp } from '../../infra/testing/http.ts'

const test = suite('why of what is pinned')
const http = await testHttp()
const space = { type: 'post', id: 'alice/my-360-photo' } as const
const ROOM = '/api/spaces/post/alice/my-360-photo'
const box = { subspace: 'main', entityId: 'box' }
const as = (id: string): Caller => ({ kind: 'account', id })

const send = (by: Caller, command: SpaceCommand) => {
  http.clock.ms += 1_000
  return http.commands.space({ by, id: crypto.randomUUID(), space, command })()
}
/** Returns the position of its event. */
const done = async (by: Caller, command: SpaceCommand): Promise<string> => {
  const sent = await send(by, command)
  if (E.isLeft(sent)) throw new Error(JSON.stringify(sent.left))
  return String(sent.right.position)
}
// biome-ignore lint/suspicious/noExplicitAny: whatever the server answers; the test says what it must be
const why = async (query: string): Promise<any> => {
  const answer = await http.app.inject({
    method: 'GET',
    url: `${ROOM}/why?${query}`,
    headers: http.bearer('alice'),
  })
  assert.is(answer.statusCode, 200, answer.body)
  return answer.json()
}
const pin: SpaceCommand = {
  type: 'PinEntity',
  ...box,
  template: '#box',
  ownership: null,
  components: { a: 1 },
}

test.after(() => http.close())

test('given an entity that is pinned, changed and unpinned, then each act is explained by who had the right, and deciding again gives the same result', async () => {
  const positions = [
    await done(as('alice'), pin),
    await done(as('bobby'), { type: 'ChangeEntity', ...box, components: { a: 2 } }),
    await done(as('alice'), { type: 'UnpinEntity', ...box }),
  ]
  await http.settled()
  const explained = await Promise.all(positions.map((position) => why(`event=${position}`)))
  assert.equal(
    explained.map(({ action, actor, verdict, agrees }) => [action, actor.id, verdict.outcome, agrees]),
    [
      ['PinEntity', 'alice', 'accepted', true],
      ['ChangeEntity', 'bobby', 'accepted', true],
      ['UnpinEntity', 'alice', 'accepted', true],
    ],
  )
  // The setting that says who may do it is among the rules that were checked.
  for (const { rules } of [explained[0], explained[2]])
    assert.ok(JSON.stringify(rules).includes('scene_pin'), JSON.stringify(rules))
})

test('given somebody who may not pin, then the refusal is explained, and so is whether they could have', async () => {
  const refused = await send(as('mallory'), pin)
  assert.ok(E.isLeft(refused))
  await http.settled()
  const { recorded } = await lastRefusal()
  const explained = await why(`event=${recorded}`)
  assert.equal([explained.action, explained.verdict.code, explained.agrees], ['PinEntity', 'forbidden', true])
  const at = new Date(http.clock.ms).toISOString()
  assert.is((await why(`subject=mallory&action=PinEntity&at=${at}`)).verdict.code, 'forbidden')
  assert.is((await why(`subject=alice&action=PinEntity&at=${at}`)).verdict.outcome, 'accepted')
})
const lastRefusal = async (): Promise<{ recorded: string }> => {
  const event = http.log.all().findLast(({ type }) => type === 'CommandRefused')
  assert.ok(event)
  return { recorded: String(event.position) }
}

test.run()
