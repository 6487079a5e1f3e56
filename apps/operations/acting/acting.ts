/** The command path for an operator at a shell: the same deciders, on a log opened for it. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { createContent } from '../../../adapters/content/content.ts'
import { createHive } from '../../../adapters/hive/hive.ts'
import type { Commands, EventLog } from '../../../domain/ports.ts'
import { createCommands } from '../../commands/index.ts'

export type ActingOptions = {
  /** The log, which is closed with this. */
  readonly log: EventLog & { readonly close: () => Promise<void> }
  readonly databaseUrl: string
  readonly hiveNodes: ReadonlyArray<string>
  readonly hiveStandIn: boolean
  readonly systemAdmins: ReadonlyArray<string>
}
export type Acting = {
  readonly commands: Pick<Commands, 'space' | 'look'>
  /** Resolves when refusals are on the log, too. */
  readonly close: () => Promise<void>
}

const clock = { now: () => Date.now() }
const ids = { uuid: () => randomUUID() }
const logger = { info: () => {}, warn: () => {}, error: () => {} }

export const actingOn = async (options: ActingOptions): Promise<Acting> => {
  const { log, databaseUrl, systemAdmins } = options
  const hive = createHive({ nodes: options.hiveNodes, clock, allowStandIn: options.hiveStandIn })
  const content = await createContent({ url: databaseUrl, systemAdmins, clock, hive, poolSize: 1 })
  const commands = createCommands({
    log,
    content,
    clock,
    ids,
    node: { id: 'cli', boot: randomUUID() },
    messageLookup: (_, wanted) => async () => E.right(new Map(wanted.map((id) => [id, null]))),
    logger,
    limits: 'off',
  })
  return {
    commands,
    close: async () => {
      await commands.drain()
      await content.stop()
      await log.close()
    },
  }
}
