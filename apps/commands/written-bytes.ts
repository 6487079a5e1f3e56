/** Estimates how many bytes a command would put on the log, before it is decided. */
import type { SentCommand } from '../../domain/commands.ts'

/** An event's own: its ids, its metadata, names and times, and a client's address, sealed. */
const EVENT_BYTES = 1_000
/** What is sealed stands there as base64, of JSON that may escape each character. */
const SEALED = 4 / 3

const jsonBytes = (value: unknown): number => {
  if (value === null || value === undefined) return 0
  try {
    return Buffer.byteLength(JSON.stringify(value) ?? '')
  } catch {
    // No JSON at all: refused for its form, and none of it is kept.
    return 0
  }
}

/** What is its sender's alone and of any length; the rest is in `EVENT_BYTES`. */
export const writtenBytes = (command: SentCommand): number => {
  switch (command.type) {
    case 'JoinSpace':
      // Includes the session's end, since leaving must not wait.
      return 2 * EVENT_BYTES + jsonBytes(command.position) + SEALED * jsonBytes(command.avatarData)
    case 'LeaveSpace':
      return 0
    case 'MoveSession':
      return EVENT_BYTES + jsonBytes(command.position)
    case 'PostMessage':
    case 'EditMessage':
      return EVENT_BYTES + SEALED * jsonBytes(command.content)
    case 'PinEntity':
    case 'ChangeEntity':
      return EVENT_BYTES + SEALED * jsonBytes(command.components)
    case 'FileReport':
      // What it opens, with it.
      return 2 * EVENT_BYTES + SEALED * jsonBytes(command.words)
    case 'Appeal':
      return EVENT_BYTES + SEALED * jsonBytes(command.words)
    case 'ChangeSettings':
      return EVENT_BYTES + jsonBytes(command.changes)
    default:
      return EVENT_BYTES
  }
}
