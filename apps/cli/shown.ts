/** Text from a file, a log or the network, made safe for a terminal: it can neither move the cursor nor look like a
 *  line of ours. All output of the command line is turned into text here. */

/** Control characters, line breaks, and characters that change the direction of writing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it escapes
const MOVING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g
const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Everything that is printed goes through this: our line breaks stay, every other character that moves something is
 *  escaped, wherever it came from. */
export const asLines = (text: string): string =>
  text.replace(MOVING, (c) => (c === '\n' || c === '\t' ? c : escaped(c)))

/** A sentence that contains others' words, on one line. */
export const plain = (text: string): string => text.replace(MOVING, ' ')

/** JSON in which no character moves anything: those that `JSON.stringify` leaves are escaped, too. */
export const plainJson = (json: string): string =>
  json
    .split('\n')
    .map((line) => line.replace(MOVING, escaped))
    .join('\n')

/** A name or a time as it is; anything else between quotes, on one line, and no longer than a line. */
export const shown = (text: string): string => {
  if (/^[A-Za-z0-9_.:/@+=~-]{1,300}$/.test(text)) return text
  const short = text.length > 300 ? `${text.slice(0, 300)}…` : text
  return JSON.stringify(short).replace(MOVING, escaped)
}
