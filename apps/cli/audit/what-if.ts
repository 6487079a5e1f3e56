/** `presence audit what-if`: decides a room's past again under another rule. */
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey, spaceKey } from '../../../domain/names.ts'
import { readEnd, readTime } from '../../../domain/time.ts'
import { Failed } from '../../../projections/history/errors.ts'
import { createMoments, type Moments } from '../../../projections/history/moments.ts'
import { readSupposed, whatIfView } from '../../../projections/history/what-if/supposing.ts'
import { whatIf } from '../../../projections/history/what-if/what-if.ts'
import { createMomentWriter } from '../../operations/keep/moment-writer.ts'
import { type Io, Misused, type Run } from '../command.ts'
import { openedLog } from '../opened-log.ts'
import { reached } from '../reached.ts'
import { plain, plainJson } from '../shown.ts'

export const whatIfUsage = `presence audit what-if TYPE:ID --from TIME --to TIME [--set NAME=VALUE]… [--words WORD,…] [--count N --seconds N] [--json]

Decides all commands of a span again by the rules themselves, as if settings had been other or a filter had been set, and lists
each decision that would have been otherwise. What hangs on it can't be compared, and is counted.

  --from, --to         ISO 8601, both inclusive; of a day alone, its beginning and its end
  --set NAME=VALUE     a setting, such as slow_mode_seconds=30 or guests_allowed=false
  --words WORD,…       a filter that holds messages with these words or phrases
  --count N --seconds N   a filter that holds more than N messages of one person in N seconds
  --json               as POST /api/spaces/TYPE/ID/what-if has it, with all differences`

const TEXT = { type: 'string' } as const
const OPTIONS = {
  ...{ from: TEXT, to: TEXT, words: TEXT, count: TEXT, seconds: TEXT },
  set: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const

const numberIn = (text: string | undefined): number | null => (text === undefined ? null : Number(text))

const settingsIn = (given: ReadonlyArray<string>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    given.map((one) => {
      const [name = '', ...rest] = one.split('=')
      const value = rest.join('=')
      if (value === '') throw new Misused(`--set takes NAME=VALUE, such as slow_mode_seconds=30.`)
      return [name, /^(true|false|\d+)$/.test(value) ? JSON.parse(value) : value]
    }),
  )

/** Throws `Misused` if the arguments are wrong. */
export const readAsked = (args: ReadonlyArray<string>) => {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: OPTIONS })
  const [named, ...more] = positionals
  if (named === undefined || more.length > 0) throw new Misused('Name one room, such as post:alice/my-post.')
  const space = parseSpaceKey(named)
  if (E.isLeft(space)) throw new Misused(space.left.detail)
  const [from, to] = [readTime(values.from ?? ''), readEnd(values.to ?? '')]
  if (from === null || to === null || from > to)
    throw new Misused('--from and --to must be times such as 2026-01-31, the first no later than the other.')
  const { words, count, seconds } = values
  const hasFilter = words !== undefined || count !== undefined || seconds !== undefined
  const filter = hasFilter
    ? {
        words: words?.split(',').map((one) => one.trim()) ?? null,
        count: numberIn(count),
        seconds: numberIn(seconds),
        acts: ['hold'] as const,
        muteSeconds: null,
      }
    : null
  const supposed = readSupposed(settingsIn(values.set ?? []), filter, from.toISOString())
  if (E.isLeft(supposed)) throw new Misused(supposed.left.detail)
  return { space: space.right, span: { from, to }, supposed: supposed.right, json: values.json === true }
}

type Shown = ReturnType<typeof whatIfView>
const tell = (io: Io, room: string, told: Shown): void => {
  for (const { at, actor, command, was, would, followed, position } of told.listed) {
    const more = followed === 0 ? '' : `  (${followed} later acts can't be compared)`
    io.out(`${at}  ${position}  ${plain(actor)}  ${command}: ${was}, would have been ${would}${more}`)
  }
  io.out(
    `${room}: ${told.decisions} decisions, ${told.differences} would have been otherwise; ${told.not_comparable} can't be compared, ${told.undecided} can't be decided again.`,
  )
}

/** Answers the arguments' question from that log. Throws `Failed` if the log can't be read. */
export const printWhatIf = async (
  moments: Moments,
  { space, span, supposed, json }: ReturnType<typeof readAsked>,
  io: Io,
): Promise<void> => {
  const all = Number.POSITIVE_INFINITY
  const most = { events: all, ms: all, listed: all }
  const again = await whatIf(moments, space, span, { supposed, most })()
  if (E.isLeft(again)) throw new Failed(again.left)
  const told = whatIfView(again.right)
  if (json) io.out(plainJson(JSON.stringify(told)))
  else tell(io, spaceKey(space), told)
}

export const whatIfRoom: Run = async (args, io) => {
  const asked = readAsked(args)
  const to = await reached()
  if (E.isLeft(to)) {
    io.err(to.left)
    return 1
  }
  const log = openedLog(to.right)
  try {
    await printWhatIf(createMoments(log, { keep: createMomentWriter(log).keep }), asked, io)
    return 0
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    io.err(`The log can’t be read: ${error.message}`)
    return 1
  } finally {
    await log.close()
  }
}
