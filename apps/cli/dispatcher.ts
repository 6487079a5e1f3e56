/** `presence NAME …`: finds the command and runs it. */
import type { Io } from './command.ts'
import { nearest } from './nearest.ts'
import type { Entry } from './registry.ts'

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

/** Ends with the exit code. */
export const presence = async (
  args: ReadonlyArray<string>,
  entries: ReadonlyArray<Entry>,
  io: Io,
): Promise<number> => {
  const [name, ...rest] = args
  const asksForHelp = name === undefined || name === 'help' || name === '--help' || name === '-h'
  const wanted = asksForHelp ? rest[0] : name
  if (wanted === undefined) {
    io.out(list(entries))
    return 0
  }
  const entry = entries.find((one) => one.name === wanted)
  if (!entry) {
    const near = nearest(
      wanted,
      entries.map((one) => one.name),
    )
    io.err(
      `There is no command ${wanted}${near.length > 0 ? `: did you mean ${near.join(' or ')}?` : '; presence help lists them.'}`,
    )
    return 2
  }
  const command = await entry.load()
  if (asksForHelp || rest.includes('--help') || rest.includes('-h')) {
    const word = asksForHelp ? rest[1] : rest[0]
    io.out((word === undefined ? null : await command.usageOf?.(word)) ?? command.usage)
    return 0
  }
  return command.run(rest, io)
}
