/** `presence content load FILE` */
import * as E from 'fp-ts/lib/Either.js'
import { loadContent } from '../../adapters/content/load.ts'
import { migrate } from '../../adapters/postgres/migrate.ts'
import type { Command } from './command.ts'
import { connections } from './connections.ts'

const usage = `presence content load FILE

Fills posts, collaboration_documents and collaboration_permissions from a JSON file of the form
  { "posts": [ … ], "documents": [ … ], "permissions": [ … ] }
(see adapters/content/sample.json). Rows with the same key are replaced; loading a file twice changes nothing.`

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
      for (const sentence of loaded.left) io.err(sentence)
      return 1
    }
    for (const [name, { rows, changed }] of Object.entries(loaded.right))
      io.out(`${String(rows).padStart(7)} ${name}, ${changed} new or changed`)
    return 0
  },
}
