/** What decides, besides the rows, what a reader of the tables reads: what each is, its columns with their types,
 *  collations and expressions, what rewrites reads and writes, and what hides a table behind another of its name. */
import { sql } from 'slonik'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import { TABLES } from '../../../projections/batch.ts'
import { PARKED_TABLES } from '../../../projections/parked.ts'

/** `member`: such as "column hash"; empty for the table itself. `says`: what it is, in PostgreSQL's own words. A function
 *  has no table. */
type ShapeMember = { readonly table: string; readonly member: string; readonly says: string }
export type TablesShape = ReadonlyArray<ShapeMember>

/** The tables that are compared with the log, and those that comparing and answering read beside them. */
const SHAPED: ReadonlyArray<string> = [
  ...[...TABLES, ...PARKED_TABLES].map(({ name }) => name),
  'projection_checkpoints',
  'presence_audit_blocks',
  'presence_audit_wide_blocks',
  'proof_checkpoints',
  'proof_went_back',
  'proof_states',
  'motion_sections',
  'privacy_keys',
  'privacy_requests',
]

/** Names are written with their schema, except PostgreSQL's own: the search path must be empty. An expression that has a
 *  function which is neither PostgreSQL's own nor of the same schema says so. */
const shapeIn = (schema: string) => sql.unsafe`
  WITH rel AS (
    SELECT c.oid, c.relname::text AS name, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ${schema} AND c.relname = ANY(${sql.array([...SHAPED], 'text')}))
  SELECT name AS "table", '' AS member,
      CASE relkind WHEN 'r' THEN 'a table' WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
        WHEN 'f' THEN 'a foreign table' WHEN 'p' THEN 'a partitioned table' ELSE 'of the kind ' || relkind::text END
      || CASE WHEN relpersistence = 'p' THEN '' ELSE ' that a crash empties' END
      || CASE WHEN relrowsecurity THEN ' with row-level security' ELSE '' END
      || CASE WHEN relforcerowsecurity THEN ' for its owner, too' ELSE '' END AS says
    FROM rel
  UNION ALL SELECT rel.name, 'column ' || a.attname, format_type(a.atttypid, a.atttypmod)
      || CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END
      || CASE WHEN a.attidentity <> '' THEN ' with numbers of its own' ELSE '' END
      || CASE WHEN d.oid IS NULL THEN '' ELSE CASE a.attgenerated WHEN 'v' THEN ' computed as it is read, '
        WHEN 's' THEN ' computed as it is written, ' ELSE ' by default ' END || pg_get_expr(d.adbin, d.adrelid) END
      || coalesce((SELECT ' with ' || string_agg(DISTINCT p.oid::regprocedure::text, ', ')
          FROM regexp_matches(d.adbin::text, ':(funcid|opno) ([0-9]+)', 'g') AS named
          JOIN pg_proc p ON p.oid = CASE named[1] WHEN 'funcid' THEN named[2]::oid
            ELSE (SELECT o.oprcode::oid FROM pg_operator o WHERE o.oid = named[2]::oid) END
          JOIN pg_language l ON l.oid = p.prolang JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE NOT (n.nspname = 'pg_catalog' AND l.lanname = 'internal') AND n.nspname <> ${schema}), '')
    FROM rel JOIN pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = rel.oid AND d.adnum = a.attnum
  UNION ALL SELECT rel.name, 'trigger ' || tgname, pg_get_triggerdef(t.oid) || ', in mode ' || tgenabled::text
    FROM rel JOIN pg_trigger t ON t.tgrelid = rel.oid AND NOT t.tgisinternal
  UNION ALL SELECT rel.name, 'rule ' || rulename, pg_get_ruledef(r.oid)
    FROM rel JOIN pg_rewrite r ON r.ev_class = rel.oid
  UNION ALL SELECT rel.name, 'policy ' || polname, concat_ws(' ', 'for', polcmd, 'using', pg_get_expr(polqual, polrelid),
      'with check', pg_get_expr(polwithcheck, polrelid), 'permissive', polpermissive, 'roles', polroles)
    FROM rel JOIN pg_policy p ON p.polrelid = rel.oid
  UNION ALL SELECT rel.name, 'child ' || i.inhrelid::regclass, 'whose rows are read with its own'
    FROM rel JOIN pg_inherits i ON i.inhparent = rel.oid
  UNION ALL SELECT '', 'function ' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
      CASE WHEN p.prokind = 'f' THEN pg_get_functiondef(p.oid) ELSE 'of the kind ' || p.prokind::text END
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = ${schema} AND (${schema} = 'public' OR NOT EXISTS (SELECT FROM pg_depend e
      WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'))
  ORDER BY 1, 2`

/** The shape of the tables in `schema`, in which that schema's name is written as `public`. Inside a transaction. */
export const readShape = async (session: DatabaseSession, schema: string): Promise<TablesShape> => {
  const [before] = await session.run(
    sql.unsafe`SELECT current_setting('search_path') AS path, set_config('search_path', '', true)`,
  )
  const found = await session.run(shapeIn(schema))
  await session.run(sql.unsafe`SELECT set_config('search_path', ${String(before?.path)}, true)`)
  const named = (text: unknown): string => String(text).replaceAll(`${schema}.`, 'public.')
  return found.map(({ table, member, says }) => ({
    table: String(table),
    member: named(member),
    says: named(says),
  }))
}

/** The schemas that a search path names, in order, each name as it is stored. */
const schemasOf = (path: string): ReadonlyArray<string> =>
  [...path.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(([, quoted, bare]) =>
    quoted === undefined ? bare!.toLowerCase() : quoted.replaceAll('""', '"'),
  )

/** A sentence for each table and function of the program that some connection does not find, since another of the same
 *  name comes before it in the search path that is configured for it. */
const hidden = async (session: DatabaseSession, functions: ReadonlyArray<string>): Promise<string[]> => {
  const paths = await session.run(sql.unsafe`
    SELECT 'this connection' AS whose, reset_val AS path FROM pg_settings WHERE name = 'search_path'
    UNION ALL SELECT coalesce('the role ' || r.rolname, 'this database'), substr(setting, length('search_path=') + 1)
      FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS setting LEFT JOIN pg_roles r ON r.oid = s.setrole
      WHERE s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        AND starts_with(setting, 'search_path=')`)
  const sentences = new Set<string>()
  for (const { whose, path } of paths) {
    const named = schemasOf(String(path))
    const all = named.includes('pg_catalog') ? named : ['pg_catalog', ...named]
    const before = all.slice(0, all.includes('public') ? all.indexOf('public') : all.length)
    const ahead = all.slice(0, all.indexOf('pg_catalog'))
    const others = await session.run(sql.unsafe`
      WITH place AS (SELECT n.oid, n.nspname::text AS name, ${sql.array([...ahead], 'text')} @> ARRAY[n.nspname::text]
          OR (${ahead.includes('$user')} AND r.oid IS NOT NULL) AS is_ahead, ${sql.array([...before], 'text')}
          @> ARRAY[n.nspname::text] OR (${before.includes('$user')} AND r.oid IS NOT NULL) AS is_before
        FROM pg_namespace n LEFT JOIN pg_roles r ON r.rolname = n.nspname)
      SELECT place.name AS schema, c.relname::text AS name, 'public' AS own FROM place JOIN pg_class c ON c.relnamespace = place.oid
        WHERE is_before AND c.relname = ANY(${sql.array([...SHAPED], 'text')})
      UNION SELECT place.name, p.proname::text, 'public' FROM place JOIN pg_proc p ON p.pronamespace = place.oid
        WHERE is_before AND p.proname = ANY(${sql.array([...functions], 'text')})
      UNION SELECT place.name, p.proname::text, 'pg_catalog' FROM place JOIN pg_proc p ON p.pronamespace = place.oid
        WHERE is_ahead AND EXISTS (SELECT FROM pg_proc o WHERE o.proname = p.proname
          AND o.pronamespace = 'pg_catalog'::regnamespace)
      UNION SELECT place.name, o.oprname::text, 'pg_catalog' FROM place JOIN pg_operator o ON o.oprnamespace = place.oid
        WHERE is_ahead AND EXISTS (SELECT FROM pg_operator p WHERE p.oprname = o.oprname
          AND p.oprnamespace = 'pg_catalog'::regnamespace)
      ORDER BY 1, 2`)
    for (const { schema, name, own } of others)
      sentences.add(
        `${schema}.${name} is found before ${own}.${name}: the search path of ${whose} is ${path}.`,
      )
  }
  return [...sentences]
}

const about = ({ table, member }: ShapeMember): string =>
  member === '' ? table : table === '' ? `The ${member}` : `The ${member} of ${table}`

/** How the live tables differ from the shape that the migrations make. */
export type ShapeFaults = {
  /** A sentence for each difference. */
  readonly sentences: ReadonlyArray<string>
  /** The tables that differ. */
  readonly tables: ReadonlySet<string>
}

/** Compares the live tables with `made`, which the migrations make. Inside a transaction. */
export const shapeFaults = async (session: DatabaseSession, made: TablesShape): Promise<ShapeFaults> => {
  const live = await readShape(session, 'public')
  const keyOf = ({ table, member }: ShapeMember): string => `${table}\n${member}`
  const there = new Map(live.map((one) => [keyOf(one), one]))
  const wanted = new Map(made.map((one) => [keyOf(one), one]))
  const functions = made.flatMap(({ table, member }) =>
    table === '' ? [member.slice('function '.length, member.indexOf('('))] : [],
  )
  const sentences: string[] = []
  const tables = new Set<string>()
  const tell = ({ table }: ShapeMember, sentence: string): void => {
    sentences.push(sentence.replace(/\s+/g, ' '))
    tables.add(table)
  }
  for (const one of made) {
    const found = there.get(keyOf(one))
    if (found === undefined) {
      if (one.member === '' || there.has(`${one.table}\n`) || one.table === '')
        tell(one, `${about(one)} is missing, and the program makes it: ${one.says}.`)
    } else if (found.says !== one.says)
      tell(one, `${about(one)} is ${found.says}, and the program makes it ${one.says}.`)
  }
  for (const one of live) {
    if (wanted.has(keyOf(one))) continue
    // Whoever shares the database has functions too: only others by the same name are found instead of the program's.
    if (
      one.table === '' &&
      !functions.includes(one.member.slice('function '.length, one.member.indexOf('(')))
    )
      continue
    tell(one, `${about(one)} is none that the program makes: ${one.says}.`)
  }
  sentences.push(...(await hidden(session, functions)))
  return { sentences, tables }
}
