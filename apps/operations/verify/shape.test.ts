import { randomBytes } from 'node:crypto'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { migrate, readMigrations } from '../../../adapters/postgres/migrate.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { FILLING } from '../../../projections/testing/events.ts'
import { runProjector } from '../../projector/projector.ts'
import { makeByMigrations, NARROWING } from '../rebuild/made-tables.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { readShape, shapeFaults } from '../tables/shape.ts'
import { verifyLog } from './verify.ts'

const test = suite('shape')

/** Tables that a projector made of a log in memory; `before` prepares the empty database. */
const withTables = async (
  work: (log: ReturnType<typeof memoryLog>, url: string, session: DatabaseSession) => Promise<void>,
  before: (url: string, session: DatabaseSession) => Promise<void> = async () => {},
): Promise<void> => {
  const database = await testDatabase()
  const session = await connectSession(database.url, 'test')
  try {
    await before(database.url, session)
    const log = memoryLog(97)
    for (const { stream, event } of FILLING) log.push(stream, event)
    const projector = runProjector({ log, databaseUrl: database.url })
    await until('all is applied', () => projector.state().position === log.events.at(-1)!.position)
    await projector.stop()
    await work(log, database.url, session)
  } finally {
    await session.close()
    await database.drop()
  }
}

const ALTER = 'ALTER TABLE presence_audit_log'
/** What somebody may do to the tables, and what is said of it. */
const CHANGES: ReadonlyArray<readonly [string, RegExp]> = [
  [
    `${ALTER} ALTER COLUMN hash SET EXPRESSION AS (coalesce(hash_text, 'ff'))`,
    /^The column hash of presence_audit_log is text computed as it is read, .*'ff'.*, and the program makes it text computed as it is read, .*hash_head/,
  ],
  [
    `${ALTER} DROP COLUMN event_id; ${ALTER} ADD COLUMN event_id text GENERATED ALWAYS AS (event_text) STORED`,
    /^The column event_id of presence_audit_log is text computed as it is written/,
  ],
  [
    `${ALTER} DROP COLUMN prev_hash; ${ALTER} ADD COLUMN prev_hash text DEFAULT 'x'`,
    /^The column prev_hash of presence_audit_log is text by default 'x'/,
  ],
  [
    `${ALTER} RENAME COLUMN action TO done; ${ALTER} RENAME COLUMN subspace TO action`,
    /^The column subspace of presence_audit_log is missing/,
  ],
  [
    'ALTER TABLE presence_sessions ALTER COLUMN node TYPE varchar(3) USING left(node, 3)',
    /^The column node of presence_sessions is character varying\(3\)/,
  ],
  [
    `CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
      ALTER TABLE presence_bans ALTER COLUMN reason TYPE text COLLATE alike`,
    /^The column reason of presence_bans is text COLLATE public.alike/,
  ],
  [
    `CREATE FUNCTION replace(uuid, text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT '' $$;
      ALTER TABLE presence_bans ALTER COLUMN reason SET DEFAULT replace(gen_random_uuid(), 'a', 'b')`,
    /^The column reason of presence_bans is text by default public.replace/,
  ],
  [
    'ALTER TABLE chat_messages RENAME TO kept; CREATE VIEW chat_messages AS SELECT * FROM kept WHERE false',
    /^chat_messages is a view, and the program makes it a table/,
  ],
  ['DROP TABLE chat_reactions', /^chat_reactions is missing/],
  [
    'ALTER TABLE presence_bans ENABLE ROW LEVEL SECURITY; ALTER TABLE presence_bans FORCE ROW LEVEL SECURITY',
    /^presence_bans is a table with row-level security for its owner, too, and the program makes it a table/,
  ],
  [
    'CREATE POLICY nothing ON presence_bans USING (false)',
    /^The policy nothing of presence_bans is none that the program makes/,
  ],
  [
    'CREATE RULE silent AS ON DELETE TO presence_bans DO INSTEAD NOTHING',
    /^The rule silent of presence_bans is none that the program makes/,
  ],
  [
    `CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER other BEFORE INSERT ON parked_events FOR EACH ROW EXECUTE FUNCTION other()`,
    /^The trigger other of parked_events is none that the program makes/,
  ],
  [
    'ALTER TABLE proof_checkpoints DISABLE TRIGGER proof_checkpoint_number',
    /^The trigger proof_checkpoint_number of proof_checkpoints is .* in mode D, and the program makes it .* in mode O/,
  ],
  [
    'CREATE TABLE more () INHERITS (presence_bans)',
    /^The child public.more of presence_bans is none that the program makes/,
  ],
  ['ALTER TABLE chat_messages SET UNLOGGED', /^chat_messages is a table that a crash empties/],
  [
    'CREATE OR REPLACE FUNCTION presence_folded(words text) RETURNS text LANGUAGE sql IMMUTABLE RETURNS NULL ON NULL INPUT RETURN words',
    /^The function presence_folded\(words text\) is .* and the program makes it/,
  ],
  [
    'CREATE FUNCTION presence_folded(words varchar) RETURNS text LANGUAGE sql AS $$ SELECT words $$',
    /^The function presence_folded\(words character varying\) is none that the program makes/,
  ],
  [
    `CREATE SCHEMA before; CREATE TABLE before.presence_bans (LIKE presence_bans);
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path TO before, public', current_database()); END $$`,
    /^before.presence_bans is found before public.presence_bans: the search path of this database is before, public/,
  ],
  [
    `DO $$ BEGIN EXECUTE format('CREATE SCHEMA %I', current_user);
      EXECUTE format('CREATE VIEW %I.chat_messages AS SELECT * FROM public.chat_messages WHERE false', current_user); END $$`,
    /\.chat_messages is found before public.chat_messages: the search path of this connection is "\$user", public/,
  ],
  [
    `CREATE SCHEMA ahead; CREATE FUNCTION ahead.replace(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT '' $$;
      DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path TO ahead, pg_catalog, public', current_database()); END $$`,
    /^ahead.replace is found before pg_catalog.replace/,
  ],
]

test('given anything by which readers would read something else, then it is named; given nothing, nothing', () =>
  withTables(async (_log, _url, session) => {
    await session.exec('BEGIN')
    const schema = `rebuild_${randomBytes(4).toString('hex')}_made`
    await makeByMigrations(session, schema)
    const made = await readShape(session, schema)
    await session.exec('ROLLBACK; BEGIN')
    assert.equal((await shapeFaults(session, made)).sentences, [])
    // As a dump that is put back has it.
    await session.exec(`DO $$ DECLARE statement text; BEGIN
      FOR statement IN SELECT format('ALTER TABLE presence_audit_log ALTER COLUMN %I SET EXPRESSION AS (%s)', attname,
          pg_get_expr(adbin, adrelid)) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
        WHERE adrelid = 'presence_audit_log'::regclass AND attgenerated <> ''
      LOOP EXECUTE statement; END LOOP; END $$`)
    assert.equal((await shapeFaults(session, made)).sentences, [])
    for (const [change, said] of CHANGES) {
      await session.exec(`SAVEPOINT one; SET LOCAL search_path TO public; ${change}`)
      const { sentences } = await shapeFaults(session, made)
      assert.ok(
        sentences.some((sentence) => said.test(sentence)),
        `${change}\n${sentences.join('\n')}`,
      )
      await session.exec('ROLLBACK TO one')
    }
    await session.exec('ROLLBACK')
  }))

test('given an expression that was changed, then verifying and comparing fail, and a rebuild puts it right', () =>
  withTables(async (log, databaseUrl, session) => {
    const verify = () => verifyLog({ log, databaseUrl, verifiers: [] })
    assert.equal((await verify()).shape, [])
    // Only of one event: all others are read as before.
    await session.exec(`${ALTER} ALTER COLUMN event_id SET EXPRESSION AS
      (CASE WHEN position = 100 THEN 'another' ELSE coalesce(event_text, event_uuid::text) END)`)
    const done = await verify()
    assert.is(done.shape.length, 1)
    assert.match(done.shape[0]!, /^The column event_id of presence_audit_log is .*another/)
    assert.ok(done.compared!.found > 0)
    for (const { table, columns } of done.compared!.differences)
      assert.equal([table, columns], ['presence_audit_log', ['event_id']])
    const compared = await rebuild({ log, databaseUrl, compare: true })
    assert.equal(compared.shape, done.shape)
    assert.equal(
      compared.differences!.map(({ table }) => table),
      ['presence_audit_log'],
    )
    const after = await verify()
    assert.equal([after.shape, after.compared!.differences], [[], []])
  }))

test('given a view in the place of a table that has another name now, then it is named, and so is each row that it leaves out', () =>
  withTables(async (log, databaseUrl, session) => {
    await session.exec(
      'ALTER TABLE presence_bans RENAME TO kept; CREATE VIEW presence_bans AS SELECT * FROM kept WHERE false',
    )
    const { shape, compared } = await verifyLog({ log, databaseUrl, verifiers: [] })
    assert.match(shape[0]!, /^presence_bans is a view, and the program makes it a table/)
    assert.ok(
      compared!.differences.some(({ table, kind }) => table === 'presence_bans' && kind === 'missing'),
    )
  }))

test('given a database that was migrated before PostgreSQL 18, whose rows are wide, then it holds', () =>
  withTables(
    async (log, databaseUrl, session) => {
      const [row] = await session.run(
        sql.unsafe`SELECT attgenerated::text AS how FROM pg_attribute
          WHERE attrelid = 'presence_audit_log'::regclass AND attname = 'hash'`,
      )
      assert.is(row?.how, '')
      for (const swap of [false, true]) {
        const { shape, compared } = await verifyLog({ log, databaseUrl, verifiers: [] })
        assert.equal([shape, compared!.differences], [[], []])
        assert.equal((await rebuild({ log, databaseUrl, compare: true, swap })).differences, [])
      }
    },
    async (url, session) => {
      await session.exec('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
      const all = await readMigrations()
      await migrate(
        url,
        all.filter(({ name }) => name !== NARROWING),
      )
    },
  ))

test.run()
