import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Commands } from '../../domain/ports.ts'
import { spaceDecider } from '../../domain/space/decider.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { SessionRow } from '../../projections/read-models.ts'
import { alice, bob, joined } from '../../projections/testing/events.ts'
import { withAvatars } from './avatars.ts'

const test = suite('avatars of a space that woke from a snapshot')
const space = { type: 'post', id: 'alice/my-post' } as const

const looking = async (avatars: ReadonlyArray<unknown>, rows: ReadonlyArray<Partial<SessionRow>> | null) => {
  let state = spaceDecider.initial()
  for (const [i, avatarData] of avatars.entries())
    state = spaceDecider.evolve(
      state,
      joined(`s${i}`, i === 0 ? alice : bob, 1, { avatarData }) as SpaceEvent,
    )
  let asked = 0
  const commands = { look: () => TE.right({ state, revision: 1n }) } as unknown as Commands
  const looked = await withAvatars(commands, {
    connectedUsers: () => {
      asked += 1
      return rows === null
        ? TE.left({ _tag: 'PostgresUnavailable', cause: 'away' })
        : TE.right(rows as ReadonlyArray<SessionRow>)
    },
  }).look(space)()
  if (E.isLeft(looked)) throw new Error(looked.left._tag)
  return { asked, seen: [...looked.right!.state.sessions.values()].map(({ avatarData }) => avatarData) }
}

test('given some unknown avatars, then the tables’ are used; if these can’t be asked, none', async () => {
  const rows = [
    { session_id: 's0', avatar_data: 'from the table' },
    { session_id: 's9', avatar_data: 'gone' },
  ]
  assert.equal(await looking([null, 'its own'], rows), { asked: 1, seen: ['from the table', 'its own'] })
  assert.equal(await looking([null, null], null), { asked: 1, seen: [null, null] })
})

test('given that all avatars are known, then the tables are not asked', async () => {
  assert.equal(await looking(['a', 'b'], []), { asked: 0, seen: ['a', 'b'] })
})

test.run()
