/** Regular expressions that take time in proportion to what they are held against, whatever they are: a client's own must not stop the
 *  node. RE2's syntax, and look-ahead at the beginning (`^(?!…)`), by which clients say what they do not want. */
import { RE2JS } from 're2js'

type Test = (name: string) => boolean

/** Where the group that opens at `at` ends, or the pattern does; escapes and classes are passed over. `onBar`: told of each bar that
 *  is in no group. */
const walk = (pattern: string, at: number, onBar: (at: number) => void = () => {}): number => {
  let depth = 0
  let isClass = false
  for (let i = at; i < pattern.length; i += 1) {
    const letter = pattern[i]
    if (letter === '\\') i += 1
    else if (isClass) isClass = letter !== ']' || pattern[i - 1] === '[' || pattern.slice(i - 2, i) === '[^'
    else if (letter === '[') isClass = true
    else if (letter === '(') depth += 1
    else if (letter === '|' && depth === 0) onBar(i)
    else if (letter === ')') {
      depth -= 1
      if (depth === 0) return i
    }
  }
  return pattern.length
}

const alternativesOf = (pattern: string): ReadonlyArray<string> => {
  const bars: number[] = []
  // A bracket that closes no group is an error, which the library reports.
  for (let at = 0; at < pattern.length; ) at = walk(pattern, at, (bar) => void bars.push(bar)) + 1
  const edges = [-1, ...bars, pattern.length]
  return edges.slice(1).map((edge, i) => pattern.slice(edges[i]! + 1, edge))
}

const FLAGS = /^\(\?[is]+\)/
const AHEAD = /^\(\?[!=]/

/** One alternative: what must or must not stand at the beginning, and the rest. */
const testOf = (alternative: string, flags: string): Test => {
  let rest = alternative
  const ahead: Test[] = []
  if (rest.startsWith('^') && AHEAD.test(rest.slice(1))) {
    rest = rest.slice(1)
    while (AHEAD.test(rest)) {
      const end = walk(rest, 0)
      const inner = RE2JS.compile(`${flags}(?:${rest.slice(3, end)})`)
      const isWanted = rest[2] === '='
      ahead.push((name) => inner.matcher(name).lookingAt() === isWanted)
      rest = rest.slice(end + 1)
    }
    // A quantified look-ahead, as in `(?!…)?`, is not supported.
    if (/^[?*+{]/.test(rest)) throw new Error('a look-ahead that is repeated')
    rest = `^(?:${rest})`
  }
  const expression = RE2JS.compile(`${flags}${rest}`)
  return (name) => ahead.every((test) => test(name)) && expression.matcher(name).find()
}

/** The test for an expression. Throws if it has look-ahead in any other place. */
export const expressionOf = (regex: string): Test => {
  if (!/\(\?[!=]/.test(regex)) {
    const expression = RE2JS.compile(regex)
    return (name) => expression.matcher(name).find()
  }
  const flags = FLAGS.exec(regex)?.[0] ?? ''
  const tests = alternativesOf(regex.slice(flags.length)).map((one) => testOf(one, flags))
  return (name) => tests.some((test) => test(name))
}
