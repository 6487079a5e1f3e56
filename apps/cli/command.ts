/** What a command of `npm run presence -- …` is. */

/** Where a command writes; each text is a line (or several), without the line break at its end. */
export type Io = {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

export type Command = {
  /** The first word after `presence`. */
  readonly name: string
  /** Half a line, for the list of commands. */
  readonly summary: string
  /** What `presence help NAME` prints. */
  readonly usage: string
  /** Gets the words after the name. Ends with the exit code: 0 done, 1 failed, 2 asked for wrongly. */
  readonly run: (args: ReadonlyArray<string>, io: Io) => Promise<number>
}
