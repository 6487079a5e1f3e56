/** Why the log could not be read, in words. */
import type { ReadError } from '../../domain/ports.ts'

export const readErrorInWords = (error: ReadError): string =>
  `The log can't be read: ${error._tag === 'StreamDeleted' ? 'a stream of it was deleted.' : error.cause}`
