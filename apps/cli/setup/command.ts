/** `presence setup` */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs'
import { totalmem } from 'node:os'
import { dirname, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as E from 'fp-ts/lib/Either.js'
import type { Command, Io } from '../command.ts'
import { fileError } from '../file-errors.ts'
import { readEnv } from './env-file.ts'
import { type Answers, planned, whyNoDomain, whyNot } from './plan.ts'

const usage = `presence setup [--env FILE] [--domain NAME] [--admins ACCOUNTS] [--origins ORIGINS] [--set NAME=VALUE]… [--yes] [--json]

Writes an .env for production: what was asked, and every secret that is not there yet. One that is there is never overwritten,
and other lines stay as they are. What comes out is held to the rules that the processes start by; where one does not hold,
nothing is written. The file is readable by its owner alone.

  --env FILE          the file (./.env)
  --domain NAME       the public name, such as vr.example.org
  --admins ACCOUNTS   Hive accounts that own the lobby, commas between
  --origins ORIGINS   other sites' pages that may call, commas between: https://dlux.io,https://*.ipfs.dlux.io
                      (a star is exactly one label); none for none
  --set NAME=VALUE    another setting of .env.example
  --yes               asks nothing: what no flag says is what the file has
  --json              what was done, as JSON; secrets by name alone`

const NEEDS = [
  'Needs: 4 GB of memory, of which EventStoreDB takes most, or 1 GB with docker-compose.small.yml, which has none; 10 GB of disk to',
  'begin with, and some 2 KB for each event (a message, somebody who comes or goes), which is never cut.',
]

type Given = {
  readonly env?: string | undefined
  readonly domain?: string | undefined
  readonly admins?: string | undefined
  readonly origins?: string | undefined
  readonly set?: ReadonlyArray<string> | undefined
  readonly yes?: boolean | undefined
  readonly json?: boolean | undefined
}
/** Asks a question; the text in brackets is what an empty answer means. Rejects if no answer can come. */
export type Ask = (question: string) => Promise<string>

const TEMPLATE = fileURLToPath(new URL('../../../.env.example', import.meta.url))

const textOf = (file: string): string => {
  if (existsSync(file)) return readFileSync(file, 'utf8')
  return existsSync(TEMPLATE) ? readFileSync(TEMPLATE, 'utf8') : ''
}

const write = (file: string, text: string): void => {
  // A link stays a link.
  const name = existsSync(file) ? realpathSync(file) : file
  const part = `${name}.${process.pid}.part`
  try {
    writeFileSync(part, text, { mode: 0o600, flag: 'wx' })
    chmodSync(part, 0o600)
    renameSync(part, name)
  } finally {
    rmSync(part, { force: true })
  }
}

type Question = {
  readonly text: string
  readonly given: string | undefined
  readonly standing: string | undefined
  readonly wrong: (answer: string) => string | null
}
/** The value of the flag, else the answer, else what the file has. */
const answered = async (
  { text, given, standing, wrong }: Question,
  ask: Ask | null,
  io: Io,
): Promise<string> => {
  if (given !== undefined || ask === null) return given ?? standing ?? ''
  for (;;) {
    const typed = (await ask(`${text}${standing ? ` [${standing}]` : ''}: `)).trim()
    const answer = typed === '' ? (standing ?? '') : typed
    const why = wrong(answer)
    if (why === null) return answer
    io.err(why)
  }
}

const answersOf = async (
  given: Given,
  there: ReturnType<typeof readEnv>,
  ask: Ask | null,
  io: Io,
): Promise<Answers> => {
  const domain = await answered(
    { text: 'Public name', given: given.domain, standing: there.SITE, wrong: whyNoDomain },
    ask,
    io,
  )
  const admins = await answered(
    {
      text: 'Hive accounts that own the lobby, commas between',
      given: given.admins,
      standing: there.SYSTEM_ADMINS,
      wrong: (text) => whyNot('SYSTEM_ADMINS', text),
    },
    ask,
    io,
  )
  const origins = await answered(
    {
      text: 'Other sites’ pages that may call, such as https://*.ipfs.dlux.io, or none',
      given: given.origins,
      standing: there.CORS_ORIGINS || 'none',
      wrong: (text) => (text === 'none' ? null : whyNot('CORS_ORIGINS', text)),
    },
    ask,
    io,
  )
  const set = Object.fromEntries(
    (given.set ?? []).map((one) => {
      const at = one.indexOf('=')
      return at < 1 ? [one, ''] : [one.slice(0, at), one.slice(at + 1)]
    }),
  )
  return { domain, admins, origins: origins === 'none' ? '' : origins, set }
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`

const tell = (
  done: {
    file: string
    made: ReadonlyArray<string>
    kept: ReadonlyArray<string>
    changed: ReadonlyArray<string>
  },
  io: Io,
): void => {
  io.out(`${done.file} is written, for its owner alone.`)
  if (done.made.length > 0) io.out(`made      ${done.made.join(', ')}`)
  if (done.kept.length > 0) io.out(`kept      ${done.kept.join(', ')}`)
  if (done.changed.length > 0) io.out(`set       ${done.changed.join(', ')}`)
  for (const line of NEEDS) io.out(line)
  const disk = statfsSync(dirname(done.file))
  io.out(
    `Here:  ${gigabytes(totalmem())} of memory, ${gigabytes(disk.bavail * disk.bsize)} free on this disk.`,
  )
  io.out(
    'Keep a copy of PRIVACY_MASTER_KEY and AUDIT_SIGNING_KEY elsewhere: without the first, what people wrote is lost.',
  )
  io.out('Next: docker compose up --build --detach, then presence doctor.')
}

/** Resolves to the exit code. `ask` is null if nobody can be asked. */
export const setUp = async (given: Given, ask: Ask | null, io: Io): Promise<number> => {
  const file = resolve(given.env ?? '.env')
  try {
    const before = textOf(file)
    const answers = await answersOf(given, readEnv(before), ask, io)
    const plan = planned(before, answers, () => randomBytes(32).toString('hex'))
    if (E.isLeft(plan)) {
      for (const sentence of plan.left) io.err(sentence)
      io.err(`${file} is as it was.`)
      return 1
    }
    const { text, ...done } = plan.right
    write(file, text)
    if (given.json) io.out(JSON.stringify({ file, ...done }))
    else tell({ file, ...done }, io)
    return 0
  } catch (error) {
    io.err(fileError(error, file))
    return 1
  }
}

/** Asks whoever sits at the terminal, or whatever is piped in. Lines that come before their question are kept for it. */
const questions = (): { readonly ask: Ask; readonly close: () => void } => {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const early: string[] = []
  let take = (line: string): void => void early.push(line)
  lines.on('line', (line) => take(line))
  const closed = new Promise<never>((_, reject) =>
    lines.once('close', () =>
      reject(new Error('No answer came: give --yes and the flags, and nothing is asked.')),
    ),
  )
  closed.catch(() => {})
  const ask: Ask = async (text) => {
    process.stderr.write(text)
    const known = early.shift()
    if (known !== undefined) return known
    const next = new Promise<string>((resolve) => {
      take = (line) => {
        take = (other) => void early.push(other)
        resolve(line)
      }
    })
    return Promise.race([next, closed])
  }
  return { ask, close: () => lines.close() }
}

export const setup: Command = {
  name: 'setup',
  summary: 'write an .env for production: asks three things, makes every secret',
  usage,
  run: async (args, io) => {
    const text = { type: 'string' } as const
    const flag = { type: 'boolean' } as const
    const given: Given = parseArgs({
      args: [...args],
      options: {
        env: text,
        domain: text,
        admins: text,
        origins: text,
        set: { type: 'string', multiple: true },
        yes: flag,
        json: flag,
      },
    }).values
    if (given.yes) return setUp(given, null, io)
    const { ask, close } = questions()
    try {
      return await setUp(given, ask, io)
    } finally {
      close()
    }
  },
}
