/** What is found to be otherwise at a primary, about rooms that somebody is in. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { connectPrimary, describePrimary } from './columns.ts'
import { changesThere, occupiedRows } from './occupied.ts'

const test = suite('rooms that somebody is in, at the primary')
const [here, there] = await Promise.all([testDatabase(), testDatabase()])
const local = new pg.Client({ connectionString: here.url })
const primary = await connectPrimary(there.url)
await local.connect()

const differing = async () => {
  const { tables } = await describePrimary(primary)
  return changesThere(primary, tables, await occupiedRows(local))
}
const enter = (account: string | null, spaceType: string, spaceId: string) =>
  local.query(
    `INSERT INTO presence_sessions (session_id, socket_id, user_account, space_type, space_id, subspace, connected_at,
       last_activity, voice_enabled, node, boot, revision)
     VALUES (gen_random_uuid(), 's', $1, $2, $3, 'main', now(), now(), false, 'one', 'one', 0)`,
    [account, spaceType, spaceId],
  )

test.before(async () => {
  // The primary's own shapes: numbers and uuids for keys, no unique key of permissions.
  await primary.query('DROP TABLE posts, collaboration_documents, collaboration_permissions')
  await primary.query(
    'CREATE TABLE posts (author varchar(32), permlink text, hidden boolean, flagged boolean)',
  )
  await primary.query(
    'CREATE TABLE collaboration_documents (id uuid, creator char(16), is_public int, is_deleted boolean)',
  )
  await primary.query(
    'CREATE TABLE collaboration_permissions (document_id smallint, user_account varchar(64), permission text)',
  )
})
test.before.each(async () => {
  await local.query('TRUNCATE posts, collaboration_documents, collaboration_permissions, presence_sessions')
  await primary.query('TRUNCATE posts, collaboration_documents, collaboration_permissions')
})

test('given rows with somebody in their room and others, when all of them go, then those with somebody are said to be gone', async () => {
  await local.query(`INSERT INTO posts (author, permlink) VALUES ('carol', 'in'), ('carol', 'out')`)
  await local.query(
    `INSERT INTO collaboration_permissions VALUES ('7', 'erin', 'editable'), ('7', 'frank', 'editable')`,
  )
  await primary.query(`INSERT INTO posts VALUES ('carol', 'another')`)
  await primary.query(`INSERT INTO collaboration_permissions VALUES (8, 'erin', 'editable')`)
  await enter(null, 'post', 'carol/in')
  await enter('erin', 'document', '7')
  assert.equal(await differing(), [
    { table: 'posts', before: { author: 'carol', permlink: 'in' }, after: null },
    { table: 'collaboration_permissions', before: { document_id: '7', user_account: 'erin' }, after: null },
  ])
})

test('given a table that is empty at the primary, then nothing of it is said to be gone', async () => {
  await local.query(`INSERT INTO posts (author, permlink) VALUES ('carol', 'in')`)
  await enter('gina', 'post', 'carol/in')
  assert.equal(await differing(), [])
})

test('given keys that the primary’s columns can’t hold, then they are not asked for, and others are', async () => {
  await local.query(
    `INSERT INTO collaboration_permissions VALUES ('my-notes', 'erin', 'editable'), ('40000', 'erin', 'editable'),
       ('007', 'erin', 'editable'), ('9', 'erin', 'editable')`,
  )
  await local.query(`INSERT INTO collaboration_documents (id, creator) VALUES ('my-notes', 'carol')`)
  await primary.query(`INSERT INTO collaboration_permissions VALUES (1, 'carol', '')`)
  for (const id of ['my-notes', '40000', '007', '9']) await enter('erin', 'document', id)
  assert.equal(
    (await differing()).map(({ before }) => before?.document_id),
    ['9'],
  )
})

test('given rows that let other people in, then those columns alone are said, and those that are the same are not', async () => {
  const [one, two] = ['6c84fb90-12c4-11e1-840d-7b25c5ee775a', '6c84fb90-12c4-11e1-840d-7b25c5ee775b']
  await local.query(
    `INSERT INTO collaboration_documents (id, creator, is_public, title) VALUES ($1, 'carol', true, 'a'), ($2, 'carol', true, 'b')`,
    [one, two],
  )
  await local.query(`INSERT INTO posts (author, permlink, hidden) VALUES ('carol', 'same', true)`)
  await primary.query(`INSERT INTO posts VALUES ('carol', 'same', true, NULL)`)
  await primary.query(
    `INSERT INTO collaboration_documents VALUES ('${one}', 'carol', 0, false), ('${two}', 'carol', 1, NULL)`,
  )
  for (const id of [one, two]) await enter('gina', 'document', id)
  await enter('gina', 'post', 'carol/same')
  assert.equal(await differing(), [
    {
      table: 'collaboration_documents',
      before: null,
      after: { id: one, creator: 'carol', is_public: '0', is_deleted: 'false' },
    },
  ])
})

test('given a key that comes twice at the primary, then nothing is said about it', async () => {
  await local.query(`INSERT INTO posts (author, permlink) VALUES ('carol', 'twice')`)
  await primary.query(`INSERT INTO posts VALUES ('carol', 'twice', true), ('carol', 'twice', false)`)
  await enter('gina', 'post', 'carol/twice')
  assert.equal(await differing(), [])
})

test.after(async () => {
  await Promise.all([local.end(), primary.end()])
  await Promise.all([here.drop(), there.drop()])
})
test.run()
