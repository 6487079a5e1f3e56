/** The type of a command of `npm run presence -- …`. */

/** Where a command writes; each text is a line (or several), without the line break at its end. */
export type Io = {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** What it found, for programs: with --json it is printed besides the text. */
  readonly data?: (value: unknown) => void
}

/** `1 event`, `2 events`. */
export const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`

/** Thrown by a command that is used wrongly: the dispatcher prints the sentence and the usage, and ends with 2. */
export class Misused extends Error {
  override readonly name = 'Misused'
}

/** Gets the words after the command's own. Resolves to the exit code: 0 done, 1 failed, 2 used wrongly. */
export type Run = (args: ReadonlyArray<string>, io: Io) => Promise<number>

/** A word that a command is followed by, such as `backup` in `presence log backup FILE`. */
export type Word = {
  readonly name: string
  /** The arguments of the word, such as `FILE [--data DIR]`; empty if there are none. */
  readonly takes: string
  /** What it does, in a line or a few. */
  readonly says: string
  /** `usage`: the help text, if there is more to say than `takes` and `says`. */
  readonly load: () => Promise<{ readonly run: Run; readonly usage?: string }>
}

type Named = {
  /** The first word after `presence`. */
  readonly name: string
  /** Half a line, for the list of commands. */
  readonly summary: string
}
/** A command with words. `notes` ends its help; `otherwise` is the word that is meant if none is given. */
export type CommandOfWords = Named & {
  readonly words: ReadonlyArray<Word>
  readonly notes: string
  readonly otherwise?: string
}
/** `usage` is what `presence help NAME` prints. */
export type CommandAlone = Named & { readonly usage: string; readonly run: Run }
export type Command = CommandOfWords | CommandAlone

export type Entry = {
  readonly name: string
  /** The same as in the command itself, since the list of commands must not load them all. A test compares the two. */
  readonly summary: string
  readonly load: () => Promise<Command>
}
