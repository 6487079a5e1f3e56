/** Hive's last answer about something, kept in a table, so that it is still known while no node answers. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Clock } from '../../domain/ports.ts'
import type { HiveError } from '../hive/hive.ts'

/** No Hive node answers, and no earlier answer is known. */
export class HiveSilent extends Error {
  override readonly name = 'HiveSilent'
}

/** How many questions a minute are asked of Hive, so that made-up names can't cost it more. */
const PER_MINUTE = 300

/** `ask` asks a node, `keep` stores its answer (null: no node knows it), `read` returns what was stored. Throws `HiveSilent`. */
export const lastKnown = <A>(
  clock: Clock,
  table: {
    readonly ask: (name: string) => TaskEither<HiveError, A | null>
    readonly keep: (name: string, found: A | null) => Promise<void>
    readonly read: (name: string) => Promise<A | null>
  },
): { readonly find: (name: string) => Promise<A | null> } => {
  let minute = 0
  let asked = 0
  const mayAsk = (): boolean => {
    const now = Math.floor(clock.now() / 60_000)
    if (now !== minute) asked = 0
    minute = now
    asked += 1
    return asked <= PER_MINUTE
  }
  return {
    find: async (name) => {
      const answer = mayAsk() ? await table.ask(name)() : null
      if (answer !== null && E.isRight(answer)) {
        await table.keep(name, answer.right)
        return answer.right
      }
      const known = await table.read(name)
      if (known === null) throw new HiveSilent(answer === null ? 'too many were asked for' : answer.left._tag)
      return known
    },
  }
}
