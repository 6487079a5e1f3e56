/** Finds a filter's words in a message in one pass over it, whatever the words and the message are: Aho and Corasick's
 *  automaton, built once per filter. */
import { foldedWords } from '../folded.ts'

/** `open…`: the word may continue there (there was a `*`). */
type Phrase = { readonly text: string; readonly openStart: boolean; readonly openEnd: boolean }
type Node = {
  readonly next: Map<number, Node>
  /** The node of the longest suffix of what was read so far that is the beginning of a phrase. */
  fallback: Node | null
  /** The phrases that end at this node. */
  readonly ends: Phrase[]
  /** The next node along the fallbacks where phrases end. */
  shorter: Node | null
}

const node = (): Node => ({ next: new Map(), fallback: null, ends: [], shorter: null })

const phraseOf = (word: string): Phrase => {
  const openStart = word.startsWith('*')
  const openEnd = word.endsWith('*')
  return { text: foldedWords(word.replace(/^\*|\*$/g, '')).trim(), openStart, openEnd }
}

const grow = (words: ReadonlyArray<string>): Node => {
  const root = node()
  for (const word of words) {
    const phrase = phraseOf(word)
    if (phrase.text === '') continue
    let at = root
    for (let i = 0; i < phrase.text.length; i += 1) {
      const unit = phrase.text.charCodeAt(i)
      const next = at.next.get(unit) ?? node()
      at.next.set(unit, next)
      at = next
    }
    at.ends.push(phrase)
  }
  return root
}

const step = (root: Node, from: Node, unit: number): Node => {
  let at: Node | null = from
  while (at !== null) {
    const next = at.next.get(unit)
    if (next !== undefined) return next
    at = at.fallback
  }
  return root
}

const build = (words: ReadonlyArray<string>): Node => {
  const root = grow(words)
  const waiting: Node[] = []
  for (const child of root.next.values()) {
    child.fallback = root
    waiting.push(child)
  }
  // Nodes nearest the root come first: a fallback is always nearer than its node.
  for (let i = 0; i < waiting.length; i += 1) {
    const at = waiting[i]!
    for (const [unit, child] of at.next) {
      child.fallback = step(root, at.fallback!, unit)
      const { fallback } = child
      child.shorter = fallback.ends.length > 0 ? fallback : fallback.shorter
      waiting.push(child)
    }
  }
  return root
}

const OF_A_WORD = /[\p{L}\p{N}\p{M}_]/u
/** Scripts that put nothing between words: in them a word may end anywhere. */
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** Whether both characters belong to one word. */
const goesOn = (before: string, after: string): boolean =>
  OF_A_WORD.test(before) &&
  OF_A_WORD.test(after) &&
  !WITHOUT_SPACES.test(before) &&
  !WITHOUT_SPACES.test(after)

const before = (text: string, at: number): string => {
  const low = text.charCodeAt(at - 1)
  const isPair = low >= 0xdc00 && low <= 0xdfff && at > 1
  return text.slice(at - (isPair ? 2 : 1), at)
}
const after = (text: string, at: number): string => {
  const point = text.codePointAt(at)
  return point === undefined ? '' : String.fromCodePoint(point)
}

const stands = ({ text: phrase, openStart, openEnd }: Phrase, text: string, end: number): boolean => {
  const start = end - phrase.length
  if (!openStart && start > 0 && goesOn(before(text, start), after(text, start))) return false
  return openEnd || end >= text.length || !goesOn(before(text, end), after(text, end))
}

/** Whether `text`, a result of `foldedWords`, has any of the words. */
const has = (root: Node, text: string): boolean => {
  let at = root
  for (let i = 0; i < text.length; i += 1) {
    at = step(root, at, text.charCodeAt(i))
    for (let ending: Node | null = at; ending !== null; ending = ending.shorter)
      for (const phrase of ending.ends) if (stands(phrase, text, i + 1)) return true
  }
  return false
}

/** Cached by the list object: a filter that was set is never changed, only replaced. */
const built = new WeakMap<ReadonlyArray<string>, Node>()

/** Whether the message has any of the words. `text` is a result of `foldedWords`. */
export const hasAny = (words: ReadonlyArray<string>, text: string): boolean => {
  let root = built.get(words)
  if (root === undefined) {
    root = build(words)
    built.set(words, root)
  }
  return has(root, text)
}
