/** `presence NAME [WORD] …`: finds the command and its word, tells how they are used, or runs them. */
import type { Command, CommandOfWords, Entry, Io, Run, Word } from './command.ts'
import { Misused } from './command.ts'
import { nearest } from './nearest.ts'
import { usageOf, usageOfWord } from './usage.ts'

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
  ].join('\n')
}

const isHelp = (word: string): boolean => word === '--help' || word === '-h'

/** Ends with 2 where the command was asked for wrongly, with 1 where it failed. */
const carryOut = async (
  run: Run,
  args: ReadonlyArray<string>,
  io: Io,
  usage: () => string | Promise<string>,
): Promise<number> => {
  try {
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
  const [name = command.otherwise, ...rest] = args
  const word = wordOf(command, name)
  if (args.some(isHelp)) {
    io.out(word === undefined ? usageOf(command) : await usageOfWord(command, word))
    return 0
  }
  if (name === undefined) {
    io.err(usageOf(command))
    return 2
  }
  if (word === undefined) return unknownWord(command, name, io)
  return carryOut((await word.load()).run, rest, io, () => usageOfWord(command, word))
}

/** Ends with the exit code. */
export const presence = async (
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
