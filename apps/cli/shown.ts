/** Text from a file or a log, made safe for a terminal: it can neither move the cursor nor look like a line of ours. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it escapes
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g
const escaped = (c: string): string => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Our line breaks stay; every other control character is escaped, wherever it came from. */
export const asLines = (text: string): string =>
  text.replace(CONTROL, (c) => (c === '\n' || c === '\t' ? c : escaped(c)))

/** A name or a time as it is; anything else between quotes, on one line, and no longer than a line. */
export const shown = (text: string): string => {
  if (/^[A-Za-z0-9_.:/@+=~-]{1,300}$/.test(text)) return text
  const short = text.length > 300 ? `${text.slice(0, 300)}…` : text
  return JSON.stringify(short).replace(CONTROL, escaped)
}
