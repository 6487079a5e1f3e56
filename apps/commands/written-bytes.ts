/** Estimates how many bytes a command would put on the log, before it is decided. */
import type { SentCommand } from '../../domain/commands.ts'

/** An event's fixed part: its ids, its metadata, names and times, and a client's address, sealed. */
const EVENT_BYTES = 1_000
/** Sealed data is there as base64, of JSON in which each character may be escaped. */
const SEALED = 4 / 3

const jsonBytes = (value: unknown): number => {
  if (value === null || value === undefined) return 0
  try {
    return Buffer.byteLength(JSON.stringify(value) ?? '')
  } catch {
    // It is not JSON: it will be refused for its form, and none of it is kept.
    return 0
  }
}

/** Counts the parts that the sender chooses and that may be of any length; the rest is in `EVENT_BYTES`. */
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
      // Includes the case that it opens.
      return 2 * EVENT_BYTES + SEALED * jsonBytes(command.words)
    case 'Appeal':
      return EVENT_BYTES + SEALED * jsonBytes(command.words)
    case 'ChangeSettings':
      return EVENT_BYTES + jsonBytes(command.changes)
    default:
      return EVENT_BYTES
  }
}
