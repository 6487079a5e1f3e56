/** `presence rebuild` */

import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { migrate } from '../../../adapters/postgres/migrate.ts'
import { PROJECTION_NAMES } from '../../../projections/batch.ts'
import { type RebuildProgress, rebuild as rebuildTables } from '../../operations/rebuild/rebuild.ts'
import { type Command, counted } from '../command.ts'
import { openedLog } from '../opened-log.ts'
import { progressTo, type Shown } from '../progress.ts'
import { reached } from '../reached.ts'
import { plain, plainJson } from '../shown.ts'

const usage = `presence rebuild [--projection NAME] [--compare] [--dry-run] [--without-keys]

Makes all tables anew from the log, beside the live ones, and swaps them in one transaction. Readers notice nothing;
one that is cut off has changed nothing, and the next one starts over.

  --projection NAME   one projection's tables alone: ${PROJECTION_NAMES.join(', ')}
  --compare           compare with the live tables before the swap, and print what differs
  --dry-run           compare, and leave the live tables as they are
  --without-keys      swap also where keys are lost that the log was sealed under: what they seal is blank then`

const shownOf = ({ phase, events, position, target, seconds }: RebuildProgress): Shown => {
  const rate = seconds > 0 ? Math.round(events / seconds) : 0
  const share = position !== null && target ? Number((position * 1000n) / target) / 1000 : 0
  const left = share > 0.01 && share < 1 ? `, ${Math.ceil((seconds * (1 - share)) / share)} s left` : ''
  return { what: phase, share, more: `${events} events, ${rate} a second${left}` }
}

export const rebuild: Command = {
  name: 'rebuild',
  summary: 'make all tables anew from the log, and swap them in',
  usage,
  run: async (args, io) => {
    const { values: options } = parseArgs({
      args: [...args],
      options: {
        compare: { type: 'boolean' },
        'dry-run': { type: 'boolean' },
        'without-keys': { type: 'boolean' },
        projection: { type: 'string' },
      },
    })
    const only = options.projection
    if (only !== undefined && !PROJECTION_NAMES.includes(only)) {
      io.err(`There is no projection ${only}. There are: ${PROJECTION_NAMES.join(', ')}.`)
      return 2
    }
    const to = await reached()
    if (E.isLeft(to)) {
      io.err(to.left)
      return 1
    }
    const { databaseUrl } = to.right
    await migrate(databaseUrl)
    const log = openedLog(to.right)
    const progress = progressTo(io)
    try {
      const dry = options['dry-run'] === true
      const compare = dry || options.compare === true
      const done = await rebuildTables({
        log,
        databaseUrl,
        compare,
        swap: !dry,
        only,
        onProgress: (at) => progress.at(shownOf(at)),
        missingKeys: options['without-keys'] === true ? () => null : log.missingKeys,
      }).finally(progress.end)
      io.data?.({ ...done, swapped: !dry })
      const rate = Math.round(done.events / Math.max(done.seconds, 0.001))
      io.out(
        `${counted(done.events, 'event')} in ${done.seconds.toFixed(1)} s, ${rate} a second, up to ${done.position ?? 'the start'}`,
      )
      const shut = log.missingKeys()
      if (shut !== null) io.err(shut)
      if (done.parkedStreams > 0)
        io.err(`${counted(done.parkedStreams, 'parked stream')}: presence parked lists what waits.`)
      for (const fault of done.shape) io.err(plain(fault))
      for (const difference of done.differences ?? []) io.err(plainJson(JSON.stringify(difference)))
      if (compare)
        io.out(
          done.differences === null
            ? done.otherLog === null
              ? 'not compared: the live tables are behind the log'
              : 'not compared: the live tables are of another log'
            : counted(done.differences.length + done.shape.length, 'difference'),
        )
      io.out(dry ? 'the live tables are as they were' : 'swapped in')
      return (done.differences?.length ?? 0) + done.shape.length > 0 ? 1 : 0
    } finally {
      await log.close()
    }
  },
}
