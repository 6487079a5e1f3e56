/** `presence audit transparency` */

import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey, spaceKey } from '../../../domain/names.ts'
import { readEnd, readTime } from '../../../domain/time.ts'
import { inWords } from '../../../projections/transparency/report.ts'
import { LogUnreadable, transparencyOf } from '../../operations/transparency/from-log.ts'
import type { Io, Run } from '../command.ts'
import { connections } from '../connections.ts'
import { storedLog } from '../opened-log.ts'
import { plain, plainJson } from '../shown.ts'

export const transparencyUsage = `presence audit transparency --space TYPE:ID --from TIME --to TIME [--json]

Counts, from the log, what was reported in a room in a span of time, what came of it, and all bans, mutes and kicks. It names nobody.
projections/transparency/independent_count.py counts the same from an exported log.

  --space TYPE:ID   such as global:lobby or post:alice/my-post
  --from, --to      ISO 8601, both inclusive; of a day alone, its beginning and its end
  --json            as GET /api/spaces/TYPE/ID/transparency has it`

const TEXT = { type: 'string' } as const
const OPTIONS = { space: TEXT, from: TEXT, to: TEXT, json: { type: 'boolean' } } as const

const wrong = (io: Io, sentence: string): number => {
  io.err(plain(sentence))
  io.err(transparencyUsage)
  return 2
}

export const transparency: Run = async (args, io) => {
  const { values: given } = parseArgs({ args: [...args], options: OPTIONS })
  const space = parseSpaceKey(given.space ?? '')
  if (E.isLeft(space)) return wrong(io, `--space: ${space.left.detail}`)
  const [begin, end] = [readTime(given.from ?? ''), readEnd(given.to ?? '')]
  if (begin === null || end === null || begin > end)
    return wrong(io, '--from and --to must be times such as 2026-01-31, the first no later than the other.')
  const to = connections()
  if (E.isLeft(to)) {
    io.err(to.left)
    return 2
  }
  // Nothing that is counted is sealed.
  const log = storedLog(to.right.eventStoreUrl)
  try {
    const span = { from: begin.toISOString(), to: end.toISOString() }
    const report = await transparencyOf(log, space.right, span)
    if (given.json === true) io.out(plainJson(JSON.stringify(report)))
    else for (const line of inWords(spaceKey(space.right), report).split('\n')) io.out(plain(line))
    return 0
  } catch (error) {
    if (!(error instanceof LogUnreadable)) throw error
    io.err(plain(error.message))
    return 1
  } finally {
    await log.close()
  }
}
