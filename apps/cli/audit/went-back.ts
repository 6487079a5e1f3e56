/** `presence audit went-back` */
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import { verifierOf } from '../../../projections/proof/note.ts'
import { sayWentBack } from '../../operations/verify/say-went-back.ts'
import { verifyLog } from '../../operations/verify/verify.ts'
import { counted, type Io, Misused, type Run } from '../command.ts'
import type { Connections } from '../connections.ts'
import { openedLog } from '../opened-log.ts'
import { reached } from '../reached.ts'
import { shown } from '../shown.ts'
import { signerFor } from './key-arguments.ts'

export const wentBackUsage = `presence audit went-back [--to EVENTS]

Says, signed with AUDIT_SIGNING_KEY, that the log was put back to an earlier state: an older backup was restored. The server then
signs again, each later checkpoint says so, and audit verify tells the checkpoints of what was lost from a second history. Without it the
server signs nothing that contradicts what it signed before. presence restore says it by itself.

  --to EVENTS   how many events of the tree the log had again; unless given, those of the greatest checkpoint that still holds

Where nobody put a backup back, do not use it: then the log was altered, and presence audit verify says where.`

const eventsIn = (given: string | undefined): number | null => {
  if (given === undefined) return null
  const events = Number(given)
  if (!/^\d{1,15}$/.test(given)) throw new Misused('--to takes a number of events.')
  return events
}

const say = async (to: Connections, asked: number | null, io: Io): Promise<number> => {
  const signer = signerFor(to)
  if (signer === null) {
    io.err('AUDIT_SIGNING_KEY is not set, and it has to be signed.')
    return 2
  }
  await migrate(to.databaseUrl)
  const log = openedLog(to)
  try {
    const held = await verifyLog({
      log,
      databaseUrl: to.databaseUrl,
      verifiers: [verifierOf(signer)],
      limit: 0,
    })
    const lost = held.failures.filter(({ what }) => what === 'root')
    if (asked !== null && asked > held.size) {
      io.err(`The log has ${counted(held.size, 'event')}: it can't have gone back to ${asked}.`)
      return 1
    }
    if (asked === null && lost.length === 0) {
      io.err(
        'Every checkpoint that was signed holds: the log did not go back. If it did before any of them, say how far (--to).',
      )
      return 1
    }
    const said = await sayWentBack(to.databaseUrl, signer, asked ?? held.heldUpTo, Date.now())
    io.data?.({ ...said, lost: lost.length })
    io.out(
      `Said and signed: the log went back to ${counted(said.events, 'event')}. ${counted(lost.length, 'checkpoint')} of more, from before ${said.at}, ${lost.length === 1 ? 'is' : 'are'} of what it lost; the next says so, and is signed.`,
    )
    return 0
  } finally {
    await log.close()
  }
}

export const wentBack: Run = async (args, io) => {
  const { values } = parseArgs({ args: [...args], options: { to: { type: 'string' } } })
  const asked = eventsIn(values.to)
  const to = await reached()
  if (E.isLeft(to)) {
    io.err(to.left)
    return 2
  }
  try {
    return await say(to.right, asked, io)
  } catch (error) {
    io.err(shown((error as Error).message))
    return 2
  }
}
