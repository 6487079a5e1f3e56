/** What a command of `npm run presence -- …` is. */

/** Where a command writes; each text is a line (or several), without the line break at its end. */
export type Io = {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** `1 event`, `2 events`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

export type Command = {
  /** The first word after `presence`. */
  readonly name: string
  /** Half a line, for the list of commands. */
  readonly summary: string
  /** What `presence help NAME` prints. */
  readonly usage: string
  /** What `presence help NAME WORD` prints; null where there is no such word. */
  readonly usageOf?: (word: string) => Promise<string | null>
  /** Gets the words after the name. Ends with the exit code: 0 done, 1 failed, 2 asked for wrongly. */
  readonly run: (args: ReadonlyArray<string>, io: Io) => Promise<number>
}

export type Entry = {
  readonly name: string
  /** As in the command itself: the list of commands must not load them all. A test compares. */
  readonly summary: string
  readonly load: () => Promise<Command>
}
