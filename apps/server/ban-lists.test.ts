/** Ban lists with several servers: one server at a time keeps them up to date, and another takes over when it stops. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SpaceRef } from '../../domain/names.ts'
import { type TestHttp, testHttp } from '../../infra/testing/http.ts'
import { keepBanLists } from './ban-lists.ts'

const test = suite<{ http: TestHttp }>('ban lists on servers')
const SPACE: SpaceRef = { type: 'post', id: 'alice/my-post' }
const [ROOM, OTHER] = ['/api/spaces/post/alice/my-post', '/api/spaces/post/alice/my-360-photo']

test.before(async (context) => {
  context.http = await testHttp()
})
test.after(({ http }) => http.close())

const done = async ({ app, bearer }: TestHttp, call: string, payload: object): Promise<void> => {
  const [method, url = ''] = call.split(' ') as ['PUT', string]
  const answer = await app.inject({ method, url, headers: bearer('alice'), payload })
  assert.is(answer.statusCode, 200, answer.body)
}
const entitiesIn = async ({ commands }: TestHttp): Promise<ReadonlyArray<string>> => {
  const looked = await commands.look(SPACE)()
  const entries = looked._tag === 'Right' ? looked.right?.state.lists.get('mine')?.entries : undefined
  return (entries ?? []).map(({ entity }) => entity)
}
/** If it never becomes so, the test's own timeout ends it. */
const until = async (isSo: () => Promise<boolean>): Promise<void> => {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20))
}

test('given an owner’s list, when they ban somebody elsewhere, then the server that leads brings it up to date, and after it another', async ({
  http,
}) => {
  const keep = (failures: string[]) =>
    keepBanLists(
      {
        commands: http.commands,
        models: http.deps.readModels,
        content: http.deps.content,
        clock: http.clock,
        ids: http.deps.ids,
      },
      {
        databaseUrl: http.databaseUrl,
        logger: { warn: (...said: unknown[]) => void failures.push(JSON.stringify(said)) } as never,
        everyMs: 20,
      },
    )
  const failures: string[] = []
  await done(http, `PUT ${ROOM}/lists/mine`, { owner: true })
  const [one, two] = [keep(failures), keep(failures)]
  await done(http, `PUT ${OTHER}/bans/dave`, { reason: 'sold hats' })
  await until(async () => (await entitiesIn(http)).includes('dave'))
  await one.stop()
  await done(http, `PUT ${OTHER}/bans/erin`, {})
  await until(async () => (await entitiesIn(http)).includes('erin'))
  await two.stop()
  assert.equal(failures, [])
  assert.equal(await entitiesIn(http), ['dave', 'erin'])
})
test.run()
