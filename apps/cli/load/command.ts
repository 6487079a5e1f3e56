/** `presence load`: measures one's own server with a given number of people who send a given number of messages. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import { parseSpaceKey, type SpaceRef } from '../../../domain/names.ts'
import { type CommandAlone, Misused, type Run } from '../command.ts'
import { openOutput } from '../output-file.ts'
import { chartOf, type Step } from './chart.ts'
import { gather } from './crowd.ts'

const usage = `presence load --url URL --token-file FILE [options]

Guests come into rooms of your own server, talk at rising rates, and hear each other: how long that takes, as a table, an SVG chart and JSON.
What they say stays on that server's log. For your own server alone: it lets no such crowd in without an API key that may bring one, which
only its system's admins can make (POST /api/keys {"name":"load","permission":"access","load":true}; revoke it afterwards). A key
that moderates every space may too.

  --url URL          the server
  --token-file FILE  the key, on the first line; PRESENCE_LOAD_TOKEN serves too
  --rooms N          rooms (10)
  --people N         people in each (10)
  --rate N           messages a second of all together, at the last of the steps (100)
  --steps N          equal steps up to that rate (4)
  --seconds N        seconds of each (10)
  --space TYPE:ID    whose rooms main-load-0, … they are (global:lobby): its max_users must have room for all
  --out NAME         writes NAME.svg and NAME.json (presence-load); --force over what is there
  --json             the JSON on the standard output too

The limits of networks (docs/limits.md) do not hold for a crowd that comes by such a key, but for SOCKETS_PER_ADDRESS: what is refused is
counted as slow_down. The audit log has the service as its user agent.`

const whole = (name: string, text: string | undefined, otherwise: number, most: number): number => {
  const number = text === undefined ? otherwise : Number(text)
  if (!Number.isSafeInteger(number) || number < 1 || number > most)
    throw new Misused(`--${name} takes a number from 1 to ${most}.`)
  return number
}

const tokenOf = (file: string | undefined): string => {
  if (file === undefined) {
    const given = process.env.PRESENCE_LOAD_TOKEN
    if (!given)
      throw new Misused('Load is for your own server alone: give --token-file with a key of its admins.')
    return given
  }
  try {
    return readFileSync(file, 'utf8').split(/\r?\n/)[0]!.trim()
  } catch (error) {
    throw new Error(`${file} can’t be read: ${(error as Error).message}.`)
  }
}

type Space = {
  readonly max_users: number
  readonly chat_enabled: boolean
  readonly guests_allowed: boolean
  readonly slow_mode_seconds: number
}

/** Ends with a sentence if the space can’t hold them. */
const looked = async (url: string, token: string, space: SpaceRef, people: number): Promise<void> => {
  const ask = async (path: string) => {
    const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } }).catch(
      (error) => {
        throw new Error(`${url} can’t be reached: ${(error as Error).message}.`)
      },
    )
    return { status: answer.status, body: await answer.text() }
  }
  const { status, body } = await ask(`/api/spaces/${space.type}/${space.id}`)
  if (status === 401)
    throw new Error('This key may bring no crowd: the server knows no such key, or it was revoked.')
  if (status !== 200) throw new Error(`There is no ${space.type}:${space.id} there (${status}).`)
  const { max_users, chat_enabled, guests_allowed, slow_mode_seconds } = (
    JSON.parse(body) as { space: Space }
  ).space
  if (max_users < people)
    throw new Error(
      `${space.type}:${space.id} has room for ${max_users}, and ${people} are to come: raise max_users, or name another --space.`,
    )
  if (!chat_enabled || !guests_allowed || slow_mode_seconds > 0)
    throw new Error(`${space.type}:${space.id} must let guests talk: chat on, guests allowed, no slow mode.`)
}

const ms = (value: number | null): string => (value === null ? '–' : `${value.toFixed(1)} ms`)
const lineOf = ({ asked, said, p50, p99, missed, refused }: Step): string => {
  const refusals = Object.entries(refused).map(([code, count]) => `${count} ${code}`)
  return `${String(asked).padStart(7)}/s  said ${String(said).padStart(7)}/s  p50 ${ms(p50).padStart(9)}  p99 ${ms(p99).padStart(9)}${missed > 0 ? `  ${missed} not heard` : ''}${refusals.length > 0 ? `  refused: ${refusals.join(', ')}` : ''}`
}

const run: Run = async (args, io) => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: 'string' },
      'token-file': { type: 'string' },
      rooms: { type: 'string' },
      people: { type: 'string' },
      rate: { type: 'string' },
      steps: { type: 'string' },
      seconds: { type: 'string' },
      space: { type: 'string' },
      out: { type: 'string' },
      force: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
  const url = values.url?.replace(/\/$/, '')
  if (url === undefined || !/^https?:\/\//.test(url)) throw new Misused('Which server? Give --url.')
  const [rooms, people] = [whole('rooms', values.rooms, 10, 1_000), whole('people', values.people, 10, 1_000)]
  const rate = whole('rate', values.rate, 100, 100_000)
  const steps = whole('steps', values.steps, 4, 20)
  const seconds = whole('seconds', values.seconds, 10, 600)
  const space = parseSpaceKey(values.space ?? 'global:lobby')
  if (E.isLeft(space)) throw new Misused(`--space: ${space.left.detail}`)
  const token = tokenOf(values['token-file'])
  const stem = values.out ?? 'presence-load'
  const force = values.force === true
  await looked(url, token, space.right, rooms * people)
  const [picture, figures] = [
    await openOutput(`${stem}.svg`, { force }),
    await openOutput(`${stem}.json`, { force }),
  ]
  let crowd: Awaited<ReturnType<typeof gather>> | null = null
  try {
    crowd = await gather({ url, token, space: space.right, rooms, people }, (done) =>
      io.err(`${done} of ${rooms * people} are in`),
    )
    const done: Step[] = []
    for (let step = 1; step <= steps; step += 1) {
      const made = await crowd.step(Math.max(1, Math.round((rate * step) / steps)), seconds)
      done.push(made)
      io.err(lineOf(made))
    }
    const result = { url, at: new Date().toISOString(), rooms, people, seconds, steps: done }
    const title = 'From saying to hearing, by how much is said'
    await picture.write(
      chartOf(title, `${rooms} rooms of ${people}, ${seconds} s a step, ${result.at}`, done),
    )
    await figures.write(`${JSON.stringify(result, null, 2)}\n`)
    await picture.done()
    await figures.done()
    if (values.json === true) io.out(JSON.stringify(result))
    else io.out(`${stem}.svg and ${stem}.json are written.`)
    return 0
  } finally {
    crowd?.close()
    await picture.abandon()
    await figures.abandon()
  }
}

export const load: CommandAlone = {
  name: 'load',
  summary: 'how your own server does under so many people who say so much: a table, a chart, JSON',
  usage,
  run,
}
