/** A database that records the migrations by former names ends like one that is created today. */
import pg from 'pg'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { testDatabase } from '../../infra/testing/postgres.ts'
import { FORMER_NAMES, knownAs } from './former-migrations.ts'
import { type Migration, migrate, pendingMigrations, readMigrations } from './migrate.ts'

/** What each release contained, by the names of its time. */
const RELEASED: Readonly<Record<string, string>> = {
  '0001_read_models.sql': 'a138fcf247505e9bd4ab41ad32bac1d8c4ce3419854e8e4421e6d7633f6e3f42',
  '0920_privacy.sql': 'b3b6c25496d44a4d0f1fe5b0ae5cb45254743be68bcc255cd25d9aba25ef24eb',
  '0921_erasure.sql': 'ee4c4f3ae020200ffa3b8022921734afcc2cd1054814c0c431cbd7e32acb9db0',
  '0930_proof.sql': '3993ef61400037904f8ba2719ff609025a1bfe15a91acf32246ea7935aff5a7e',
  '0940_message_key.sql': '9c70ecb4f1dbdc6ae19ff3627f58f53f9d2a170a9caf2c3d3af3202c0eda96dd',
  '0960_checkpoint_numbers.sql': '08a05c97fd2674e451d4ad20e894aa2ce4c2534c03f0caf52c5b020c73019791',
  '0961_checkpoint_of_older.sql': 'f63e217f35de32320c89e6bb2ce053d930e25e9bcfdc49c230a117a2be032f73',
  '0970_other_settings.sql': '5c39dfaafcc8fd1ba22dca203bbc6f5780d5593c3555a781f8da18d4f1c1e063',
  '0971_session_marks.sql': 'bbdb7c95aa968f87cf59e58baba72c9579829f44eebcb74b011da3cc6000f00b',
  '0980_folded.sql': 'b273aedeb47d380fd3b348397e5638ff6a67b6940910d1e4557955f263dae60c',
  '0981_used_tickets.sql': '24900bdd18adc317ac4c8bf1eed449d88a3ff905a92a5cea96759d3cf736c767',
}

/** The migrations as they were called before. */
const formerly = (today: ReadonlyArray<Migration>): ReadonlyArray<Migration> => {
  const renamed = new Set(Object.values(FORMER_NAMES).flat())
  const former = Object.entries(RELEASED).map(([name, hash]) => ({
    name,
    hash,
    text: knownAs(name, today)
      .map(({ text }) => text)
      .join(''),
  }))
  return [...former, ...today.filter(({ name }) => !renamed.has(name))].sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )
}

const SCHEMA = `
  SELECT 'column' AS kind, a.attrelid::regclass || ' ' || a.attnum AS name,
      concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation, a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid)) AS is
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL SELECT 'constraint', conrelid::regclass || ' ' || conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT 'trigger', tgname || ' ' || tgrelid::regclass, tgenabled::text || ' ' || pg_get_triggerdef(oid)
    FROM pg_trigger WHERE NOT tgisinternal
  ORDER BY 1, 2`

const asking = async (url: string, text: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows ?? []
  } finally {
    await client.end()
  }
}
const emptyDatabase = async () => {
  const database = await testDatabase()
  await asking(database.url, 'DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  return database
}

const test = suite('migrations by former names')

test('given a database migrated under the former names, when it is migrated today, then nothing runs and it is the same as a fresh one', async () => {
  const today = await readMigrations()
  const [older, fresh] = await Promise.all([emptyDatabase(), testDatabase()])
  try {
    const former = formerly(today)
    assert.ok(former.length < today.length)
    // A program of that time identified its files by name alone.
    await asking(
      older.url,
      'CREATE TABLE public.schema_migrations (name text PRIMARY KEY, hash text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())',
    )
    for (const { name, text, hash } of former) {
      await asking(older.url, text)
      await asking(older.url, `INSERT INTO schema_migrations (name, hash) VALUES ('${name}', '${hash}')`)
    }
    assert.equal(await pendingMigrations(older.url), { fresh: [], trouble: null })
    assert.equal(await migrate(older.url), [])
    const schema = await asking(older.url, SCHEMA)
    assert.ok(schema.length > 100)
    assert.equal(schema, await asking(fresh.url, SCHEMA))
  } finally {
    await Promise.all([older.drop(), fresh.drop()])
  }
})

test('given a database that stopped halfway under the former names, then what is missing runs under today’s', async () => {
  const database = await testDatabase()
  const today = await readMigrations()
  const models = knownAs('0001_read_models.sql', today).map(({ name }) => name)
  await asking(
    database.url,
    `DELETE FROM schema_migrations WHERE name IN (${models.map((name) => `'${name}'`)}) OR name LIKE '0996%';
     DROP TABLE hive_posts;
     INSERT INTO schema_migrations (name, hash) VALUES ('0001_read_models.sql', '${RELEASED['0001_read_models.sql']}')`,
  )
  assert.equal(await migrate(database.url), ['0996_hive_posts.sql'])
  await database.drop()
})

test('given a former migration whose text differs from its files today, then it counts as changed', async () => {
  const database = await testDatabase()
  await asking(
    database.url,
    `INSERT INTO schema_migrations (name, hash) VALUES ('0001_read_models.sql', 'x')`,
  )
  const { trouble } = await pendingMigrations(database.url)
  assert.match(trouble ?? '', '0010_spaces.sql was changed after it was applied')
  await database.drop()
})

test('given every former name, then it was released, its files exist, and no file has that name today', async () => {
  const names = (await readMigrations()).map(({ name }) => name)
  assert.equal(Object.keys(FORMER_NAMES).sort(), Object.keys(RELEASED).sort())
  for (const [former, files] of Object.entries(FORMER_NAMES)) {
    assert.not(names.includes(former), former)
    for (const file of files) assert.ok(names.includes(file), file)
  }
})

test('given a database of another encoding than UTF8, when it is migrated, then one sentence says what to do, and nothing is made in it', async () => {
  const database = await testDatabase()
  const name = `${new URL(database.url).pathname.slice(1)}_ascii`
  const ascii = Object.assign(new URL(database.url), { pathname: `/${name}` }).toString()
  await asking(database.url, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'`)
  try {
    await migrate(ascii)
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, /has the encoding SQL_ASCII, and UTF8 is needed: create another/)
  }
  assert.equal(await asking(ascii, "SELECT to_regclass('public.schema_migrations') AS found"), [
    { found: null },
  ])
  await asking(database.url, `DROP DATABASE ${name}`)
  await database.drop()
})

test.run()
