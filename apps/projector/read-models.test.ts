import * as E from 'fp-ts/lib/Either.js'
import type { DatabasePool } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createReadModels } from '../../adapters/postgres/read-models.ts'
import { connectSession } from '../../adapters/postgres/session.ts'
import { LOBBY } from '../../domain/names.ts'
import { DEFAULT_SETTINGS } from '../../domain/settings.ts'
import { type MemoryLog, memoryLog } from '../../infra/testing/memory-log.ts'
import { type TestDatabase, testDatabase } from '../../infra/testing/postgres.ts'
import { isCursor } from '../../projections/cursors.ts'
import type { AuditRow, Page, ReadModels, ReadResult, SpaceList } from '../../projections/read-models.ts'
import { alice, at, bob, guest, joined, posted, recorded } from '../../projections/testing/events.ts'
import { type Projector, runProjector } from './projector.ts'

const test = suite('read models')
const space = { type: 'post', id: 'alice/my-post' } as const

let database: TestDatabase
let log: MemoryLog
let projector: Projector
let pool: DatabasePool
let models: ReadModels & { readonly close: () => Promise<void> }

const answer = async <T>(asked: ReadResult<T>): Promise<T> => {
  const result = await asked()
  if (E.isLeft(result)) throw new Error(result.left.cause)
  return result.right
}
/** Appends events, and waits until the tables contain them. */
const given = async (...all: ReadonlyArray<ReturnType<typeof recorded>>): Promise<void> => {
  let position = 0n
  for (const { stream, event } of all) position = log.push(stream, event)
  assert.is(await answer(models.waitFor(position, 5_000)), true)
}

test.before(async () => {
  database = await testDatabase()
  log = memoryLog()
  projector = runProjector({ log, databaseUrl: database.url })
  pool = await createPostgresPool(database.url)
  models = createReadModels(pool)
  const session = await connectSession(database.url, 'test')
  await session.exec(`
    INSERT INTO posts (author, permlink, type, title, content, hidden, created_at) VALUES
      ('alice', 'my-post', '360', 'My 360 photo', 'From the hill', false, '2026-01-03'),
      ('bob', 'hidden-one', 'vr', 'Not for all', '', true, '2026-01-04'),
      ('carol', 'older', 'vr', 'An older one', '', false, '2026-01-02');
    INSERT INTO collaboration_documents (id, title, creator, is_public, is_deleted, created_at) VALUES
      ('123', 'Public notes', 'bob', true, false, '2026-01-05'),
      ('124', 'Private notes', 'bob', false, false, '2026-01-06'),
      ('125', 'Gone notes', 'bob', true, true, '2026-01-07');
    INSERT INTO collaboration_permissions (document_id, user_account, permission) VALUES ('124', 'alice', 'edit')`)
  await session.close()
})
test.after(async () => {
  await projector.stop()
  await models.close()
  await pool.end()
  await database.drop()
})

test('the list has the spaces that each viewer may know of, the lobby first, then the newest', async () => {
  const ids = async (viewer: Parameters<ReadModels['listSpaces']>[0]['viewer'], more = {}) =>
    (await answer(models.listSpaces({ viewer, limit: 100, cursor: null, ...more }))).spaces.map(
      (row) => row.space_id,
    )
  assert.equal(await ids(null), ['lobby', '123', 'alice/my-post', 'carol/older'])
  assert.equal(await ids(guest as never), ['lobby', '123', 'alice/my-post', 'carol/older'])
  assert.equal(await ids({ kind: 'account', id: 'alice' }), [
    'lobby',
    '124',
    '123',
    'alice/my-post',
    'carol/older',
  ])
  assert.equal(await ids({ kind: 'account', id: 'bob' }), [
    'lobby',
    '124',
    '123',
    'bob/hidden-one',
    'alice/my-post',
    'carol/older',
  ])
  assert.equal(await ids(null, { type: 'document' }), ['123'])
  assert.equal(await ids(null, { type: 'community' }), [])
  assert.equal(await ids(null, { q: 'PHOTO' }), ['alice/my-post'])
  assert.equal(await ids(null, { q: 'carol' }), ['carol/older'])
  assert.equal(await ids(null, { q: 'ＯＬＤＥＲ ＯＮＥ' }), ['carol/older'])
  assert.equal(await ids(null, { q: 'a NUL \0 and a lone \ud800' }), [])
})

test('the list goes on where its cursor says, however it is cut', async () => {
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const list: SpaceList = await answer(models.listSpaces({ viewer: null, limit: 1, cursor }))
    assert.is(list.total, 4)
    seen.push(...list.spaces.map((row) => row.space_id))
    cursor = list.next_cursor
    if (cursor !== null) assert.ok(isCursor('spaces', cursor))
  } while (cursor !== null)
  assert.equal(seen, ['lobby', '123', 'alice/my-post', 'carol/older'])
})

test('a space is known by its content before anything happened in it, with the defaults in force', async () => {
  const row = await answer(models.space({ type: 'post', id: 'carol/older' }))
  assert.equal(row, {
    space_type: 'post',
    space_id: 'carol/older',
    ...DEFAULT_SETTINGS,
    updated_by: null,
    updated_at: null,
    title: 'An older one',
    description: '',
    type: 'vr',
    owner: 'carol',
    visibility: 'public',
    active_users: 0,
    created_at: '2026-01-02T00:00:00.000Z',
    revision: null,
    chat_revision: null,
    position: null,
  })
  assert.is(await answer(models.space({ type: 'post', id: 'nobody/nothing' })), null)
  assert.is((await answer(models.space(LOBBY)))?.title, 'Lobby')
})

test('given people in a room, then the tables say who, where and how many', async () => {
  await given(
    recorded(space, joined('s1', alice, 1)),
    recorded(space, joined('s2', guest, 2, { subspace: 'main-chess' }), guest),
    recorded(space, joined('s3', bob, 3, { boot: 'boot-2' }), bob),
  )
  const users = await answer(models.connectedUsers(space))
  assert.equal(users[1], {
    session_id: 's2',
    socket_id: 'socket-s2',
    user_account: null,
    guest_id: guest.id,
    subspace: 'main-chess',
    connected_at: at(2),
    last_activity: at(2),
    position: { x: 1, y: 0, z: -2.5 },
    avatar_data: { colour: 'red' },
    voice_enabled: false,
    marks: {},
    node: 'node-1',
  })
  assert.equal(await answer(models.subrooms(space)), [
    { subspace: 'main', active_users: 2 },
    { subspace: 'main-chess', active_users: 1 },
  ])
  assert.equal(await answer(models.subrooms({ type: 'document', id: '123' })), [
    { subspace: 'main', active_users: 0 },
  ])
  assert.is((await answer(models.space(space)))?.active_users, 3)
  assert.equal(await answer(models.boots()), [
    { boot: 'boot-1', sessions: 2 },
    { boot: 'boot-2', sessions: 1 },
  ])
  assert.equal((await answer(models.sessionsOfBoot('boot-2')))[0]?.space, space)
})

test('given grants, bans and mutes, then each is listed while it is in force', async () => {
  const past = at(10)
  const future = '2999-01-01T00:00:00.000Z'
  const ban = (subject: string, until: string | null) =>
    recorded(space, { type: 'AccountBanned', data: { subject, by: alice, reason: 'spam', until, at: at(9) } })
  await given(
    recorded(space, {
      type: 'PermissionGranted',
      data: { account: 'bob', permission: 'moderate', by: alice, reason: null, at: at(8) },
    }),
    recorded(space, {
      type: 'PermissionGranted',
      data: { account: 'carol', permission: 'access', by: alice, reason: 'a friend', at: at(8) },
    }),
    ban('dave', null),
    ban('erin', past),
    ban('frank', future),
    recorded(space, {
      type: 'AccountMuted',
      data: { subject: guest.id, by: bob, reason: null, until: null, at: at(9) },
    }),
  )
  const first = await answer(models.permissions(space, { limit: 1, cursor: null }))
  assert.equal(first.items, [
    { user_account: 'bob', permission: 'moderate', granted_by: 'alice', reason: null, created_at: at(8) },
  ])
  const second = await answer(models.permissions(space, { limit: 1, cursor: first.next_cursor }))
  assert.equal([second.items[0]?.user_account, second.next_cursor], ['carol', null])
  const bans = (await answer(models.bans(space, { limit: 100, cursor: null }))).items
  assert.equal(
    bans.map(({ subject, until }) => [subject, until]),
    [
      ['dave', null],
      ['frank', future],
    ],
  )
  assert.equal((await answer(models.mutes(space, { limit: 10, cursor: null }))).items[0]?.muted_by, 'bob')
})

test('given changed settings, then those that were named change and the rest stay', async () => {
  await given(
    recorded(space, {
      type: 'SettingsChanged',
      data: { changes: { max_users: 7, settings: { sky: 'blue', floor: 1 } }, by: alice, at: at(11) },
    }),
  )
  await given(
    recorded(space, {
      type: 'SettingsChanged',
      data: { changes: { settings: { sky: null, music: true } }, by: bob, at: at(12) },
    }),
  )
  const settings = await answer(models.settings(space))
  assert.equal(
    [settings.max_users, settings.chat_enabled, settings.settings, settings.updated_by, settings.updated_at],
    [7, true, { floor: 1, music: true }, 'bob', at(12)],
  )
})

test('given messages, then they are paged both ways, by id and by revision', async () => {
  const all = Array.from({ length: 10 }, (_, i) => recorded(space, posted(`m${i}`, `message ${i}`, 20 + i)))
  await given(...all)
  const ids = async (more: object) => {
    const got = await answer(models.messages({ space, subspace: 'main', limit: 3, ...more }))
    return [got.messages.map(({ message_id }) => message_id).join(' '), got.has_more]
  }
  assert.equal(await ids({}), ['m7 m8 m9', true])
  assert.equal(await ids({ before: 'm7' }), ['m4 m5 m6', true])
  assert.equal(await ids({ before: '3' }), ['m0 m1 m2', false])
  assert.equal(await ids({ after: 'm1' }), ['m2 m3 m4', true])
  assert.equal(await ids({ after: '6' }), ['m7 m8 m9', false])
  assert.equal(await ids({ before: 'no-such' }), ['', false])
  assert.equal(await ids({ before: 'a NUL \0' }), ['', false])
  assert.equal(await ids({ subspace: 'main-chess' }), ['', false])
})

test('given an edit, reactions and a deletion, then the message says so', async () => {
  const change = { messageId: 'm5', subspace: 'main', at: at(40) }
  await given(
    recorded(space, { type: 'MessageEdited', data: { ...change, by: alice, content: 'better' } }),
    recorded(space, { type: 'ReactionAdded', data: { ...change, by: bob, emoji: '👍' } }, bob),
    recorded(space, { type: 'ReactionAdded', data: { ...change, by: alice, emoji: '👍' } }),
    recorded(space, { type: 'ReactionAdded', data: { ...change, by: alice, emoji: '🎉' } }),
    recorded(space, { type: 'MessageDeleted', data: { ...change, messageId: 'm6', by: bob } }, bob),
  )
  const { messages } = await answer(models.messages({ space, subspace: 'main', limit: 2, after: 'm4' }))
  assert.equal(
    [messages[0]!.content, messages[0]!.edited_at, messages[0]!.reactions],
    [
      'better',
      at(40),
      [
        { emoji: '👍', count: 2, by: ['bob', 'alice'] },
        { emoji: '🎉', count: 1, by: ['alice'] },
      ],
    ],
  )
  assert.equal(
    [messages[1]!.content, messages[1]!.is_deleted, messages[1]!.deleted_by, messages[1]!.timestamp],
    ['', true, 'bob', at(26)],
  )
  const facts = await answer(models.message(space, 'm5'))
  assert.equal(
    [facts?.account, facts?.edited, facts?.deleted, facts?.revision, facts?.space, facts?.reactions.length],
    ['alice', true, false, 5n, space, 3],
  )
  assert.is(await answer(models.message(space, 'no-such')), null)
})

test('the audit log is newest first, and each filter narrows it', async () => {
  const every = await answer(models.audit({ limit: 100, cursor: null }))
  assert.is(every.items.length, log.events.length)
  assert.is(every.items[0]!.action, 'MessageDeleted')
  assert.is(every.items[0]!.ip_address, '192.0.2.7')
  const few = async (more: object) =>
    (await answer(models.audit({ limit: 100, cursor: null, ...more }))).items.map(({ action }) => action)
  assert.equal(await few({ action: 'AccountMuted' }), ['AccountMuted'])
  assert.equal(await few({ account: guest.id }), ['AccountMuted', 'SessionJoined'])
  assert.equal(await few({ account: 'dave' }), ['AccountBanned'])
  assert.equal(await few({ from: new Date(at(11)), to: new Date(at(12)) }), [
    'SettingsChanged',
    'SettingsChanged',
  ])
  assert.equal(await few({ space: LOBBY }), [])
  assert.equal(await few({ account: 'x\0' }), [])
  const seen: string[] = []
  let cursor: string | null = null
  do {
    const page: Page<AuditRow> = await answer(models.audit({ limit: 7, cursor, account: 'alice' }))
    seen.push(...page.items.map(({ position }) => position))
    cursor = page.next_cursor
  } while (cursor !== null)
  assert.equal(seen, [...new Set(seen)])
  assert.is(seen.length, (await few({ account: 'alice' })).length)
})

test('given text in any script, when it is searched, then case and the form of its letters do not matter', async () => {
  const talk = { type: 'post', id: 'carol/words' } as const
  const words = [
    'Café in ÅRHUS',
    'cafe\u0301',
    'ПРИВЕТ всем',
    'ΟΔΥΣΣΕΥΣ',
    'Straße',
    '100% _done_',
    'İstanbul',
    'ＡＢＣ',
  ]
  await given(
    ...words.map((content, n) =>
      recorded(
        talk,
        posted(`00000000-0000-4000-8000-0000000001${n.toString(16).padStart(2, '0')}`, content, 0),
      ),
    ),
  )
  for (const [text, ...found] of [
    ['café', 0, 1],
    ['CAFE\u0301', 0, 1],
    ['århus', 0],
    ['привет', 2],
    ['οδυσσευς', 3],
    ['ΔΥΣΣ', 3],
    ['STRASSE', 4],
    ['0% _', 5],
    ['abc', 7],
    ['nowhere'],
  ] as ReadonlyArray<[string, ...number[]]>) {
    const { items } = await answer(models.audit({ space: talk, text, limit: 50, cursor: null }))
    assert.equal(
      items.map((row) => words.indexOf((row.details as { content: string }).content)).sort(),
      found,
      text,
    )
  }
})

test('given words among more rows than are searched for a page, then pages that have none of them lead to those that do', async () => {
  const talk = { type: 'post', id: 'carol/long' } as const
  const said = (n: number, content: string) =>
    recorded(talk, posted(`00000000-0000-4000-8000-0000000002${n.toString(16).padStart(2, '0')}`, content, n))
  await given(
    said(0, 'needle'),
    ...Array.from({ length: 9 }, (_, n) => said(n + 1, 'hay')),
    said(10, 'needle'),
  )
  const few = createReadModels(pool, { searched: 4 })
  for (const order of ['newest', 'oldest'] as const) {
    const pages: number[] = []
    let cursor: string | null = null
    do {
      const { items, next_cursor }: Page<unknown> = await answer(
        few.audit({ space: talk, text: 'needle', order, limit: 5, cursor }),
      )
      pages.push(items.length)
      cursor = next_cursor
    } while (cursor !== null)
    assert.equal(pages, [1, 0, 1], order)
  }
  await few.close()
})

test('given a position that is not there yet, when waiting, then the wait ends as soon as it comes, or when the time is up', async () => {
  const next = log.events.at(-1)!.position + 100n
  assert.is(await answer(models.waitFor(next, 30)), false)
  const waiting = answer(models.waitFor(next, 5_000))
  const { stream, event } = recorded(space, posted('late', 'late', 60))
  log.push(stream, event)
  assert.is(await waiting, true)
  assert.is((await answer(models.checkpoint())).position, next)
})

test('given Postgres out of reach, then the answer is PostgresUnavailable', async () => {
  const gone = await testDatabase()
  const nowhere = await createPostgresPool(gone.url)
  const lost = createReadModels(nowhere)
  await gone.drop()
  const result = await lost.space(space)()
  assert.ok(E.isLeft(result) && result.left._tag === 'PostgresUnavailable')
  await lost.close()
  await nowhere.end()
})

test('given more reactions than are named, then all are counted, and the first are named', async () => {
  const chatSpace = { type: 'post', id: 'carol/older' } as const
  const messageId = '00000000-0000-4000-8000-0000000000ff'
  const react = (n: number, emoji: string) =>
    recorded(chatSpace, {
      type: 'ReactionAdded',
      data: { messageId, subspace: 'main', emoji, by: { kind: 'account', id: `fan-${n}` }, at: at(1) },
    })
  await given(
    recorded(chatSpace, posted(messageId, 'react to me', 0)),
    ...Array.from({ length: 130 }, (_, n) => react(n, '👍')),
    ...Array.from({ length: 130 }, (_, n) => react(n, String.fromCodePoint(0x1f400 + n))),
  )
  const { messages } = await answer(models.messages({ space: chatSpace, subspace: 'main', limit: 1 }))
  const { reactions } = messages[0]!
  assert.is(reactions.length, 100)
  assert.equal([reactions[0]!.emoji, reactions[0]!.count, reactions[0]!.by.length], ['👍', 130, 100])
  assert.is(reactions[0]!.by[0], 'fan-0')
  assert.is(reactions[1]!.emoji, String.fromCodePoint(0x1f400))
})

test.run()
