/** `presence content load FILE` */
import * as E from 'fp-ts/lib/Either.js'
import { loadContent } from '../../../adapters/content/load.ts'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import { plain } from '../audit/replay-view/screen.ts'
import type { Command, Io } from '../command.ts'
import { connections } from '../connections.ts'

const usage = `presence content load FILE

Fills posts, collaboration_documents and collaboration_permissions from a JSON file of the form
  { "posts": [ … ], "documents": [ … ], "permissions": [ … ] }
(see adapters/content/sample.json). Rows with the same key are replaced; loading a file twice changes nothing.
A row that can't be taken is told and left out. Packed with gzip or not; times without a zone are in UTC.`

/** Of what is wrong with a file, so many sentences are shown. */
const MAX_TOLD = 20
const tell = (io: Io, sentences: ReadonlyArray<string>): void => {
  for (const sentence of sentences.slice(0, MAX_TOLD)) io.err(plain(sentence))
  if (sentences.length > MAX_TOLD) io.err(`And ${sentences.length - MAX_TOLD} more.`)
}

export const content: Command = {
  name: 'content',
  summary: 'fill posts, documents and their permissions from a file',
  usage,
  run: async ([verb, file, ...rest], io) => {
    if (verb !== 'load' || file === undefined || rest.length > 0) {
      io.err(`presence content load takes one file.\n\n${usage}`)
      return 2
    }
    const to = connections()
    if (E.isLeft(to)) {
      io.err(to.left)
      return 1
    }
    await migrate(to.right.databaseUrl)
    const loaded = await loadContent(to.right.databaseUrl, file)
    if (E.isLeft(loaded)) {
      tell(io, loaded.left)
      return 1
    }
    const { skipped, ...tables } = loaded.right
    for (const [name, { rows, changed }] of Object.entries(tables))
      io.out(`${String(rows).padStart(7)} ${name}, ${changed} new or changed`)
    if (skipped.length > 0) io.err('Left out:')
    tell(io, skipped)
    return 0
  },
}
