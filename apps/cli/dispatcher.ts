/** `presence NAME [WORD] …`: finds the command and its word, and prints their usage or runs them. */
import type { Command, CommandOfWords, Entry, Io, Run, Word } from './command.ts'
import { Misused } from './command.ts'
import { nearest } from './nearest.ts'
import { flagsOf, usageOf, usageOfWord } from './usage.ts'

const list = (entries: ReadonlyArray<Entry>): string => {
  const rows = [
    ...entries.map(({ name, summary }) => [name, summary] as const),
    ['help', 'this list, or how to use one: presence help NAME'] as const,
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return [
    'Usage: npm run presence -- COMMAND …',
    '',
    ...rows
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    'They talk to what npm start runs on DATA_DIR (./data), or to what the environment names (see .env.example).',
    'Each takes --json, and ends with 0 where it is done, 1 where it failed or found something wrong, 2 where it was asked for wrongly.',
  ].join('\n')
}

const isHelp = (word: string): boolean => word === '--help' || word === '-h'

const asText = (value: unknown): string =>
  JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** JSON for programs, for a command that has none of its own: how it ended, what it found, and what it printed, line by line. */
const withJson = async (run: (io: Io) => Promise<number>, io: Io): Promise<number> => {
  const [out, err]: [string[], string[]] = [[], []]
  let data: unknown = null
  const code = await run({
    out: (text) => void out.push(...linesOf(text)),
    err: (text) => void err.push(...linesOf(text)),
    data: (value) => {
      data = value
    },
  })
  io.out(asText({ ok: code === 0, exit_code: code, data, out, err }))
  return code
}

/** Found before the command runs, so that it has asked nobody by then. Throws `Misused`. */
const refuseUnknownFlag = (args: ReadonlyArray<string>, usage: string): void => {
  const known = flagsOf(usage)
  const end = args.indexOf('--')
  const flag = args
    .slice(0, end < 0 ? args.length : end)
    .find((word) => word.startsWith('--') && !known.has(word.replace(/=.*/s, '')))
  if (flag === undefined) return
  const name = flag.replace(/=.*/s, '')
  const near = nearest(name, [...known])
  throw new Misused(
    `There is no ${name} here.${near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ''}`,
  )
}

/** Resolves to 2 if the command was used wrongly, to 1 if it failed. */
const carryOut = async (
  run: Run,
  args: ReadonlyArray<string>,
  io: Io,
  usage: () => string | Promise<string>,
): Promise<number> => {
  if (args.includes('--json') && !(await usage()).includes('--json'))
    return withJson(
      (quiet) =>
        carryOut(
          run,
          args.filter((word) => word !== '--json'),
          quiet,
          usage,
        ),
      io,
    )
  try {
    refuseUnknownFlag(args, await usage())
    return await run(args, io)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const isMisused = error instanceof Misused || code?.startsWith('ERR_PARSE_ARGS') === true
    io.err(isMisused ? `${message}\n\n${await usage()}`.trimStart() : message)
    if (!isMisused && process.env.LOG_LEVEL === 'debug') io.err((error as Error).stack ?? '')
    return isMisused ? 2 : 1
  }
}

const unknownWord = (command: CommandOfWords, word: string, io: Io): number => {
  const near = nearest(
    word,
    command.words.map(({ name }) => name),
  )
  const meant = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ''
  io.err(`There is no presence ${command.name} ${word}.${meant}\n\n${usageOf(command)}`)
  return 2
}

const wordOf = ({ words }: CommandOfWords, name: string | undefined): Word | undefined =>
  words.find((word) => word.name === name)

/** Carries out one command; `args` are the words after its name. */
export const runCommand = async (command: Command, args: ReadonlyArray<string>, io: Io): Promise<number> => {
  if (!('words' in command)) {
    if (!args.some(isHelp)) return carryOut(command.run, args, io, () => command.usage)
    io.out(command.usage)
    return 0
  }
  if (args.some(isHelp)) {
    const about = wordOf(command, args[0])
    io.out(about === undefined ? usageOf(command) : await usageOfWord(command, about))
    return 0
  }
  // If there are only options, they are for the default word.
  const hasWord = command.otherwise === undefined || args[0]?.startsWith('-') === false
  const [name, ...rest] = hasWord ? args : [command.otherwise, ...args]
  const word = wordOf(command, name)
  if (name === undefined) {
    io.err(usageOf(command))
    return 2
  }
  if (word === undefined) return unknownWord(command, name, io)
  return carryOut((await word.load()).run, rest, io, () => usageOfWord(command, word))
}

/** Ends with the exit code. With --json there is JSON on the output whatever happens: of what failed before it printed anything,
 *  the sentences, which go to the other output too. */
export const presence = async (
  args: ReadonlyArray<string>,
  entries: ReadonlyArray<Entry>,
  io: Io,
): Promise<number> => {
  if (!args.includes('--json') || args.some(isHelp)) return carriedOut(args, entries, io)
  let isPrinted = false
  const err: string[] = []
  const code = await carriedOut(args, entries, {
    out: (text) => {
      isPrinted = true
      io.out(text)
    },
    err: (text) => {
      err.push(...linesOf(text))
      io.err(text)
    },
  })
  if (!isPrinted && code !== 0) io.out(asText({ ok: false, exit_code: code, data: null, out: [], err }))
  return code
}

const carriedOut = async (
  args: ReadonlyArray<string>,
  entries: ReadonlyArray<Entry>,
  io: Io,
): Promise<number> => {
  const [first, ...rest] = args
  const asksForHelp = first === undefined || first === 'help' || isHelp(first)
  const name = asksForHelp ? rest[0] : first
  if (name === undefined) {
    io.out(list(entries))
    return 0
  }
  const entry = entries.find((one) => one.name === name)
  if (entry !== undefined)
    return runCommand(await entry.load(), asksForHelp ? [...rest.slice(1), '--help'] : rest, io)
  const near = nearest(
    name,
    entries.map((one) => one.name),
  )
  io.err(
    `There is no command ${name}${near.length > 0 ? `: did you mean ${near.join(' or ')}?` : '; presence help lists them.'}`,
  )
  return 2
}
