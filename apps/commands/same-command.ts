/** Whether a command under a used id is the same command. Only for ids that callers choose. */
import { hash } from 'node:crypto'
import type { SentCommand } from '../../domain/commands.ts'
import type { RecordedEvent } from '../../domain/ports.ts'

/** Sorts the keys, since a repeated request need not have the same order in its JSON. */
const ordered = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

/** What the server adds to a command. */
const INNER = { fresh: undefined, network: undefined, editId: undefined, heldAs: undefined }

/** A digest of everything that the caller says in the command. It reveals too much about words to be kept anywhere but in memory. */
export const wholeDigest = (command: SentCommand): string =>
  hash('sha256', JSON.stringify({ ...command, ...INNER }, ordered), 'hex').slice(0, 32)

const withoutWords = (command: SentCommand): SentCommand => {
  if ('content' in command) return { ...command, content: '' }
  return 'words' in command && command.type !== 'SetFilter' ? { ...command, words: '' } : command
}

/** A digest of the command without the words of a message or a report: those are in its event, where they can be erased. */
export const keptDigest = (command: SentCommand): string => wholeDigest(withoutWords(command))

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null

/** Whether the words are the same; words that are no longer on the log count as the same. */
const saysTheSame = (content: string, { data }: RecordedEvent): boolean =>
  !isObject(data) ||
  typeof data.content !== 'string' ||
  data.erased !== undefined ||
  data.unreadable !== undefined ||
  data.content === content

/** `happened`: the events of the command that used the id. What they don't show counts as the same. */
export const isSame = (command: SentCommand, happened: ReadonlyArray<RecordedEvent>): boolean => {
  const metadata = happened[0]?.metadata
  if (!isObject(metadata) || !isObject(metadata.command)) return true
  if (metadata.command.type !== command.type) return false
  if (metadata.asked !== undefined && metadata.asked !== keptDigest(command)) return false
  return !('content' in command) || happened.every((event) => saysTheSame(command.content, event))
}
