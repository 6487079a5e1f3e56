/** `presence audit replay`: a room as it was, in the terminal. */

import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey, type SpaceRef, spaceKey, streamName } from '../../../domain/names.ts'
import { Failed, readEvents } from '../../../projections/history/errors.ts'
import { createMoments, isEarlier, type Moments, type When } from '../../../projections/history/moments.ts'
import { createPlayer, replay, stepView } from '../../../projections/history/replay.ts'
import { createMomentWriter } from '../../operations/keep/moment-writer.ts'
import { type Io, Misused, type Run } from '../command.ts'
import { openedLog } from '../opened-log.ts'
import { reached } from '../reached.ts'
import { plain, plainJson } from '../shown.ts'
import { type Terminal, watch } from './replay-view/watch.ts'
import { readLast, readSpeed, readWhen } from './replay-view/when.ts'

export const replayUsage = `presence audit replay TYPE:ID [--from WHEN] [--to WHEN] [--speed 60x] [--plain | --json]

Who is in, the chat and what happens in a room, as it was, from the log. WHEN is a time (2026-01-31T12:00:00Z) or a
position. In a terminal: space pauses, the arrows step forwards and back, g goes to a time, + and - change the speed, q
quits. Elsewhere, or with --plain, each event is a line; --json gives each as a JSON object.

  --speed 60x   so many times as fast as it was. Default: 60x in a terminal, as fast as it can be read elsewhere`

type Asked = {
  readonly space: SpaceRef
  readonly from: When | null
  readonly to: When | null
  readonly speed: number | null
  readonly plain: boolean
  readonly json: boolean
}

/** Throws `Misused` if the arguments are wrong. */
export const readAsked = (args: ReadonlyArray<string>): Asked => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      speed: { type: 'string' },
      plain: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
  const [named, ...more] = positionals
  if (named === undefined || more.length > 0) throw new Misused('Name one room, such as post:alice/my-post.')
  const space = parseSpaceKey(named)
  if (E.isLeft(space)) throw new Misused(space.left.detail)
  const when = { from: null as When | null, to: null as When | null }
  for (const side of ['from', 'to'] as const) {
    const text = values[side]
    if (typeof text !== 'string') continue
    when[side] = side === 'to' ? readLast(text) : readWhen(text)
    if (when[side] === null)
      throw new Misused(`--${side} takes a time such as 2026-01-31T12:00:00Z, or a position.`)
  }
  if (isEarlier(when.to, when.from)) throw new Misused('--to is before --from.')
  const speed = typeof values.speed === 'string' ? readSpeed(values.speed) : null
  if (typeof values.speed === 'string' && speed === null)
    throw new Misused('--speed takes a number such as 60x.')
  return { space: space.right, ...when, speed, plain: values.plain === true, json: values.json === true }
}

const isUnknown = async ({ stored }: Moments, space: SpaceRef): Promise<boolean> => {
  const firsts = ['space', 'chat', 'refusal'] as const
  const pages = firsts.map((kind) => readEvents(stored, streamName(kind, space), { limit: 1 }))
  return (await Promise.all(pages)).every(({ length }) => length === 0)
}

/** Prints a line for each event, paced if a speed is given. */
export const printReplay = async (moments: Moments, asked: Asked, io: Io): Promise<number> => {
  const { space, from, to, speed, json } = asked
  const range = { ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) }
  let begun: { readonly event: number; readonly here: number } | null = null
  let count = 0
  for await (const step of replay(moments, space, range)) {
    const { at } = step
    if (speed !== null) {
      begun ??= { event: Date.parse(at), here: performance.now() }
      const due = begun.here + (Date.parse(at) - begun.event) / speed - performance.now()
      if (due > 0) await delay(due)
    }
    count += 1
    if (json) io.out(plainJson(JSON.stringify(stepView(step, { client: true }))))
    else
      io.out(`${at}  ${String(step.after.standing.state.sessions.size).padStart(4)} in  ${plain(step.says)}`)
  }
  if (count === 0) io.err(`Nothing happened in ${spaceKey(space)} then.`)
  return 0
}

const show = async (moments: Moments, asked: Asked): Promise<number> => {
  const { space, from, to } = asked
  const player = await createPlayer(moments, space, from ?? undefined)
  const end = to === null ? null : await moments.bound(space, to, 'after')
  const { stdin, stdout } = process
  const terminal: Terminal = {
    write: (text) => void stdout.write(text),
    size: () => ({ columns: stdout.columns ?? 80, rows: stdout.rows ?? 24 }),
    onInput: (hear) => void stdin.on('data', (bytes) => hear(String(bytes))),
    onResize: (hear) => void stdout.on('resize', hear),
  }
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.resume()
  // An alternate screen without a cursor; both are restored whatever happens.
  stdout.write('\u001b[?1049h\u001b[?25l\u001b[2J')
  const giveBack = (): void => void stdout.write('\u001b[?25h\u001b[?1049l')
  process.once('exit', giveBack)
  try {
    const start = from?.kind === 'time' ? from.time.getTime() : null
    await watch(player, terminal, { speed: asked.speed ?? 60, end, start })
    return 0
  } finally {
    process.removeListener('exit', giveBack)
    giveBack()
    stdin.setRawMode(false)
    stdin.removeAllListeners('data')
    stdin.pause()
  }
}

export const replayRoom: Run = async (args, io) => {
  const asked = readAsked(args)
  const to = await reached()
  if (E.isLeft(to)) {
    io.err(to.left)
    return 1
  }
  const log = openedLog(to.right)
  const moments = createMoments(log, { keep: createMomentWriter(log).keep })
  try {
    if (await isUnknown(moments, asked.space)) {
      io.err(`The log has nothing of ${spaceKey(asked.space)}.`)
      return 1
    }
    const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true
    return isTerminal && !asked.plain && !asked.json
      ? await show(moments, asked)
      : await printReplay(moments, asked, io)
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    io.err(
      error.error._tag === 'NoSuchMoment' ? error.error.detail : `The log can’t be read: ${error.message}`,
    )
    return 1
  } finally {
    await log.close()
  }
}
