/** Which keys somebody presses, from the bytes that a terminal sends. */
export type KeyPress =
  | {
      readonly kind:
        | 'pause'
        | 'forward'
        | 'back'
        | 'faster'
        | 'slower'
        | 'jump'
        | 'quit'
        | 'enter'
        | 'escape'
        | 'erase'
    }
  | { readonly kind: 'text'; readonly text: string }

const SEQUENCES: ReadonlyArray<readonly [string, KeyPress['kind']]> = [
  ['\u001b[C', 'forward'],
  ['\u001bOC', 'forward'],
  ['\u001b[D', 'back'],
  ['\u001bOD', 'back'],
  ['\u0003', 'quit'],
  ['\u0004', 'quit'],
  ['\r', 'enter'],
  ['\n', 'enter'],
  ['\u007f', 'erase'],
  ['\b', 'erase'],
]
const LETTERS: Readonly<Record<string, KeyPress['kind']>> = {
  ' ': 'pause',
  g: 'jump',
  q: 'quit',
  '+': 'faster',
  '=': 'faster',
  '-': 'slower',
}

/** The first key in `bytes` (null: a key without meaning here) and its length. `typing`: letters are text, as in the prompt for a time. */
export const nextKey = (
  bytes: string,
  typing: boolean,
): { readonly key: KeyPress | null; readonly length: number } => {
  const known = SEQUENCES.find(([sequence]) => bytes.startsWith(sequence))
  if (known !== undefined) return { key: { kind: known[1] } as KeyPress, length: known[0].length }
  if (bytes.startsWith('\u001b')) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what terminals send
    const other = /^\u001b(\[[0-9;]*[A-Za-z~]|O[A-Za-z])/.exec(bytes)
    return other === null ? { key: { kind: 'escape' }, length: 1 } : { key: null, length: other[0].length }
  }
  const letter = String.fromCodePoint(bytes.codePointAt(0) ?? 32)
  const { length } = letter
  if (typing) return { key: letter >= ' ' ? { kind: 'text', text: letter } : null, length }
  const kind = LETTERS[letter]
  return { key: kind === undefined ? null : ({ kind } as KeyPress), length }
}
