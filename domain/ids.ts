/** An event's id derives from its command's, so that a command sent twice is appended once. */

/** The hex digest of a text, 32 digits or more: SHA-1 or SHA-256, passed in. */
export type Digest = (text: string) => string

/** A UUID (version 8, RFC 9562) that is always the same for the same text. */
export const derivedUuid = (digest: Digest, text: string): string => {
  const hex = digest(text)
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** The id of a command's `index`th event. `scope` separates commands that have the same id by chance or malice: it is
 *  the sender and the stream, for example `account:alice space-post:bob/x`. */
export const eventId =
  (digest: Digest) =>
  (commandId: string, index: number, scope = ''): string =>
    derivedUuid(digest, `${scope}\n${commandId}\n${index}`)
