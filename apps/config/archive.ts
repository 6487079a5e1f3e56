/** The settings of archiving: the processes read them with all others, the command line by themselves. */
import { join, resolve } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { type Name, type ValueOf, type Variable, variables } from './variables.ts'

export type ArchiveSettings = {
  /** An absolute path. */
  readonly dir: string
  /** Null for no limit. */
  readonly maxBytes: number | null
  /** In days; null for as long as everything else. */
  readonly refusals: number | null
  readonly looks: number | null
  readonly snapshots: number | null
  /** Whether rows of what is archived are deleted from the tables. */
  readonly cutTables: boolean
}

type Read = <N extends Name>(name: N) => ValueOf<N> | undefined

export const archiveFrom = (read: Read): ArchiveSettings => ({
  dir: resolve(read('LOG_ARCHIVE_DIR') ?? join(read('DATA_DIR') ?? './data', 'archives')),
  maxBytes: read('LOG_MAX_BYTES') ?? null,
  refusals: read('REFUSALS_DAYS') ?? null,
  looks: read('LOOKS_DAYS') ?? null,
  snapshots: read('SNAPSHOTS_DAYS') ?? null,
  cutTables: read('ARCHIVE_TABLES') ?? false,
})

/** Left is a sentence. */
export const archiveSettings = (
  env: Readonly<Record<string, string | undefined>> = process.env,
): E.Either<string, ArchiveSettings> => {
  let wrong: string | null = null
  const settings = archiveFrom((name) => {
    const text = env[name] ?? ''
    const { codec } = variables[name] as unknown as Variable<ValueOf<typeof name>>
    const decoded = text === '' ? null : codec.decode(text)
    if (decoded !== null && E.isLeft(decoded)) wrong ??= `${name} must be ${codec.name}.`
    return decoded !== null && E.isRight(decoded) ? decoded.right : undefined
  })
  return wrong === null ? E.right(settings) : E.left(wrong)
}
