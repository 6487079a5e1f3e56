/** `presence content load|publish|follow` */

import * as E from 'fp-ts/lib/Either.js'
import { loadContent } from '../../../adapters/content/load.ts'
import { publicationSql } from '../../../adapters/content/primary/publication.ts'
import { createHive } from '../../../adapters/hive/hive.ts'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import type { Text } from '../../config/codecs.ts'
import { primaryOf } from '../../config/primary.ts'
import { variables } from '../../config/variables.ts'
import { followPrimary } from '../../operations/content/follow.ts'
import type { PrimaryFollower } from '../../operations/content/following.ts'
import { followTrending } from '../../operations/content/trending.ts'
import { type Command, type Io, Misused, type Run } from '../command.ts'
import { reached } from '../reached.ts'
import { plain } from '../shown.ts'

/** How many errors of a file are shown. */
const MAX_TOLD = 20
const tell = (io: Io, sentences: ReadonlyArray<string>): void => {
  for (const sentence of sentences.slice(0, MAX_TOLD)) io.err(plain(sentence))
  if (sentences.length > MAX_TOLD) io.err(`And ${sentences.length - MAX_TOLD} more.`)
}

const failed = (io: Io, sentence: string): number => {
  io.err(plain(sentence))
  return 1
}

const load: Run = async (args, io) => {
  const [file, ...rest] = args
  if (file === undefined || rest.length > 0) throw new Misused('presence content load takes one file.')
  const to = await reached()
  if (E.isLeft(to)) return failed(io, to.left)
  await migrate(to.right.databaseUrl)
  const loaded = await loadContent(to.right.databaseUrl, file)
  if (E.isLeft(loaded)) {
    tell(io, loaded.left)
    return 1
  }
  const { skipped, ...tables } = loaded.right
  io.data?.({ ...tables, skipped })
  for (const [name, { rows, changed }] of Object.entries(tables))
    io.out(`${String(rows).padStart(7)} ${name}, ${changed} new or changed`)
  if (skipped.length > 0) io.err('Left out:')
  tell(io, skipped)
  return 0
}

/** Names that Postgres accepts and psql shows unchanged. */
const ROLE = /^[a-z_][a-z0-9_-]{0,62}$/i

const publish: Run = async (args, io) => {
  const at = args.indexOf('--role')
  const rest = at < 0 ? args : args.toSpliced(at, 2)
  if (rest.length !== 1 || rest[0] !== '--sql')
    throw new Misused('presence content publish takes --sql, and --role NAME if it is another.')
  const role = (at < 0 ? process.env.DB_PRIMARY_USER : args[at + 1]) || 'presence_follow'
  if (!ROLE.test(role)) return failed(io, 'A role is named by letters, digits, _ and -, 63 at most.')
  const sql = publicationSql({ role, password: process.env.DB_PRIMARY_PASSWORD || null }).trimEnd()
  io.data?.({ role, sql })
  io.out(sql)
  return 0
}

/** Whom to ask if there is no primary; null for nobody. Throws if a setting is wrong. */
const sourcesOf = (env: NodeJS.ProcessEnv): { dluxApiUrl: string | null; tag: string | null } | null => {
  const of = <A>(name: 'DLUX_API_URL' | 'CONTENT_TAG', codec: Text<A>): A | null => {
    if (!env[name]) return null
    const read = codec.decode(env[name])
    if (E.isLeft(read)) throw new Error(`${name} must be ${codec.name}.`)
    return read.right
  }
  const dluxApiUrl = of('DLUX_API_URL', variables.DLUX_API_URL.codec)?.replace(/\/+$/, '') ?? null
  const tag = of('CONTENT_TAG', variables.CONTENT_TAG.codec)
  return dluxApiUrl === null && tag === null ? null : { dluxApiUrl, tag }
}

const untilStopped = async (follower: PrimaryFollower): Promise<number> => {
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  await follower.stop()
  return 0
}

const follow: Run = async (args, io) => {
  if (args.length > 0) throw new Misused('presence content follow takes nothing more.')
  const primary = primaryOf(process.env)
  const sources = E.isLeft(primary) && !process.env.DB_PRIMARY_HOST ? sourcesOf(process.env) : null
  if (E.isLeft(primary) && sources === null) return failed(io, primary.left)
  const to = await reached()
  if (E.isLeft(to)) return failed(io, to.left)
  const { databaseUrl, endpoints } = to.right
  await migrate(databaseUrl)
  const say = (fields: Readonly<Record<string, unknown>>, message: string) =>
    io.out(plain(`${message} ${JSON.stringify(fields)}`))
  const logger = { info: say, warn: say }
  if (E.isRight(primary)) {
    io.out(`Following ${primary.right.connection.host}; Ctrl-C ends it.`)
    return untilStopped(followPrimary({ primaryUrl: primary.right.url, databaseUrl, logger }))
  }
  if (sources === null) return 1
  io.out('Asking what is read on DLUX and Hive; Ctrl-C ends it.')
  const hive = createHive({
    nodes: (process.env.HIVE_NODE || endpoints?.hiveNode || 'https://api.hive.blog').split(','),
    clock: { now: () => Date.now() },
    allowStandIn: endpoints?.hiveStandIn === true,
  })
  return untilStopped(followTrending({ ...sources, databaseUrl, logger, hive }))
}

export const content: Command = {
  name: 'content',
  summary: 'posts, documents and their permissions: load a file, follow DLUX’s primary',
  words: [
    {
      name: 'load',
      takes: 'FILE',
      says: `fills posts, collaboration_documents and collaboration_permissions from a JSON file of the form
  { "posts": [ … ], "documents": [ … ], "permissions": [ … ] }
(see adapters/content/sample.json), packed with gzip or not. Rows with the same key are replaced; loading a file twice changes
nothing. A row that can't be taken is told and left out. Times without a zone are in UTC`,
      load: async () => ({ run: load }),
    },
    {
      name: 'publish',
      takes: '--sql [--role NAME]',
      says: `prints what the owner of DLUX's primary runs there, once, so that this server may follow it: a role (DB_PRIMARY_USER, else
presence_follow), its grants, and a publication with column lists and row filters. It has no password in it: of
DB_PRIMARY_PASSWORD only what checks it. Nothing is connected to`,
      load: async () => ({ run: publish }),
    },
    {
      name: 'follow',
      takes: '',
      says: `follows DB_PRIMARY_HOST, as the projector does by itself where that is set: one of all that try does, until Ctrl-C.
Where it is not set, asks DLUX_API_URL and Hive (CONTENT_TAG) what is read there. How it goes is in presence status and /api/health`,
      load: async () => ({ run: follow }),
    },
  ],
  notes: 'See docs/content.md.',
}
