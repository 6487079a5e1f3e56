/** Finds a filter's words in a message in one pass over it, whatever the words and the message are: Aho and Corasick's
 *  automaton, built once per filter. */
import { foldedWords } from '../folded.ts'

type Node = {
  /** The UTF-16 unit that leads on and the node that it leads to; most nodes have no other. */
  unit: number
  only: Node | null
  /** The nodes that other units lead to. */
  others: Map<number, Node> | null
  /** The node of the longest suffix of what was read so far that is the beginning of a phrase. */
  fallback: Node | null
  /** Whether a phrase ends at this node, or at one of those along the fallbacks. */
  ends: boolean
}

const node = (): Node => ({ unit: -1, only: null, others: null, fallback: null, ends: false })
const nextOf = (at: Node, unit: number): Node | undefined =>
  at.unit === unit ? at.only! : at.others?.get(unit)
/** The node that the unit leads to, made if there is none. */
const madeNext = (at: Node, unit: number): Node => {
  const known = nextOf(at, unit)
  if (known !== undefined) return known
  const next = node()
  if (at.only === null) {
    at.unit = unit
    at.only = next
  } else {
    at.others ??= new Map()
    at.others.set(unit, next)
  }
  return next
}
const allNext = ({ unit, only, others }: Node): ReadonlyArray<readonly [number, Node]> =>
  only === null ? [] : [[unit, only], ...(others ?? [])]

const OF_A_WORD = /[\p{L}\p{N}\p{M}_]/u
/** Scripts that put nothing between words: in them a word may end anywhere. */
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

const ofWord = (sign: string): boolean => OF_A_WORD.test(sign) && !WITHOUT_SPACES.test(sign)
/** The same for ASCII, which is most of what is written: by table, since the expressions take most of a message's time. */
const ASCII = Array.from({ length: 128 }, (_, unit) => ofWord(String.fromCharCode(unit)))
const isOfWord = (sign: string): boolean => ASCII[sign.charCodeAt(0)] ?? ofWord(sign)

/** Stands wherever no word goes on. `foldedWords` leaves no such character in a text. */
const MARK = '\0'
/** The text with marks, at both ends too. A phrase that must begin and end with a word begins and ends with a mark, so one
 *  pass finds it, however many phrases end at one place. */
const marked = (text: string): string => {
  let all = MARK
  let isWithin = false
  for (const sign of text) {
    const isNow = isOfWord(sign)
    if (all !== MARK && !(isWithin && isNow)) all += MARK
    all += sign
    isWithin = isNow
  }
  return all === MARK ? all : all + MARK
}

/** With a `*` at an end, the word may continue there. Empty if there is nothing to look for. */
const phraseOf = (word: string): string => {
  const text = foldedWords(word.replace(/^\*|\*$/g, '')).trim()
  if (text === '') return ''
  return marked(text).slice(word.startsWith('*') ? 1 : 0, word.endsWith('*') ? -1 : undefined)
}

const grow = (words: ReadonlyArray<string>): Node => {
  const root = node()
  for (const word of words) {
    const phrase = phraseOf(word)
    if (phrase === '') continue
    let at = root
    for (let i = 0; i < phrase.length; i += 1) at = madeNext(at, phrase.charCodeAt(i))
    at.ends = true
  }
  return root
}

const step = (root: Node, from: Node, unit: number): Node => {
  let at: Node | null = from
  while (at !== null) {
    const next = nextOf(at, unit)
    if (next !== undefined) return next
    at = at.fallback
  }
  return root
}

const build = (words: ReadonlyArray<string>): Node => {
  const root = grow(words)
  const waiting: Node[] = []
  for (const [, child] of allNext(root)) {
    child.fallback = root
    waiting.push(child)
  }
  // Nodes nearest the root come first: a fallback is always nearer than its node.
  for (let i = 0; i < waiting.length; i += 1) {
    const at = waiting[i]!
    for (const [unit, child] of allNext(at)) {
      child.fallback = step(root, at.fallback!, unit)
      if (child.fallback.ends) child.ends = true
      waiting.push(child)
    }
  }
  return root
}

const has = (root: Node, text: string): boolean => {
  let at = root
  for (let i = 0; i < text.length; i += 1) {
    at = step(root, at, text.charCodeAt(i))
    if (at.ends) return true
  }
  return false
}

/** The text that was looked at last, and the same with marks: all filters of a room look at one message in turn. */
let last = { text: '', marked: marked('') }

/** Cached by the list object: a filter that was set is never changed, only replaced. */
const built = new WeakMap<ReadonlyArray<string>, Node>()

/** Whether the message has any of the words. `text` is a result of `foldedWords`. */
export const hasAny = (words: ReadonlyArray<string>, text: string): boolean => {
  let root = built.get(words)
  if (root === undefined) {
    root = build(words)
    built.set(words, root)
  }
  if (last.text !== text) last = { text, marked: marked(text) }
  return has(root, last.marked)
}
