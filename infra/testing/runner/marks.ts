/** The lines by which a process of several test files says where each begins and ends. */

// A control character, which no test prints at the start of a line.
const SIGN = '\u001e'

export const startOf = (path: string): string => `\n${SIGN}starts ${path}\n`
/** `code`: what a process of its own would have ended with. `took`: milliseconds. */
export const endOf = (code: number, took: number): string => `\n${SIGN}ended ${code} ${Math.round(took)}\n`

export type FilePart = {
  readonly path: string
  readonly output: string
  /** Null where it did not come to its end. */
  readonly end: { readonly code: number; readonly took: number } | null
}

/** Each file that was begun, with what it printed. */
export const sections = (output: string): ReadonlyArray<FilePart> =>
  output
    .split(`\n${SIGN}starts `)
    .slice(1)
    .map((text) => {
      const [path = ''] = text.split('\n', 1)
      const [printed = '', end] = text.slice(path.length + 1).split(`\n${SIGN}ended `)
      const [code = 0, took = 0] = end?.split(/\s/).map(Number) ?? []
      return { path, output: printed, end: end === undefined ? null : { code, took } }
    })

/** The file that a piece of output says has begun, the last if there are several; null if it says nothing of the kind. */
export const begunIn = (piece: string): string | null =>
  piece.split(`${SIGN}starts `).slice(1).at(-1)?.split('\n', 1)[0] ?? null
