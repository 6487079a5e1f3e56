/** Which events of `$all` a read or a subscription wants. */
import { locateNames, type Names } from '../protocol/record.ts'
import { expressionOf } from './expressions.ts'

export type FilterSpec = {
  readonly on: 'stream' | 'type'
  readonly prefixes: ReadonlyArray<string>
  /** Empty for none. With it, prefixes say nothing. */
  readonly regex: string
}

/** Whether a stored event's bytes match. */
export type Filter = (body: Buffer) => boolean

/** The number of names for which it is remembered whether they match, because most names come again and again. */
const REMEMBERED = 4_096
/** The longest name for which it is remembered. */
const LONGEST_REMEMBERED = 256
const LONGEST_EXPRESSION = 2_048

/** A test by a regular expression in time proportional to the name, whatever the expression, because a client's
 *  expression must not stop the node. Throws SyntaxError if that is impossible. */
const matcherOf = (regex: string): ((name: string) => boolean) => {
  if (regex.length > LONGEST_EXPRESSION)
    throw new SyntaxError(`A filter's expression has at most ${LONGEST_EXPRESSION} characters`)
  let expression: (name: string) => boolean
  try {
    expression = expressionOf(regex)
  } catch (error) {
    throw new SyntaxError(
      `The filter's expression is not one that is taken (RE2 syntax: no look-around but for ^(?!…) and ^(?=…), and no references back): ${(error as Error).message}`,
    )
  }
  const known = new Map<string, boolean>()
  return (name) => {
    const before = known.get(name)
    if (before !== undefined) return before
    const matches = expression(name)
    if (name.length > LONGEST_REMEMBERED) return matches
    if (known.size >= REMEMBERED) known.clear()
    known.set(name, matches)
    return matches
  }
}

/** A filter over stored bytes. Prefixes are compared as bytes; a regular expression decodes the name it needs.
 *  Throws SyntaxError for a bad expression. */
export const compileFilter = (spec: FilterSpec): Filter => {
  const names: Names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }
  const onStream = spec.on === 'stream'
  if (spec.prefixes.length > 0 && spec.regex === '') {
    const prefixes = spec.prefixes.map((prefix) => Buffer.from(prefix, 'utf8'))
    return (body) => {
      locateNames(body, names)
      const start = onStream ? names.nameStart : names.typeStart
      const length = (onStream ? names.nameEnd : names.typeEnd) - start
      for (const prefix of prefixes) {
        if (prefix.length > length) continue
        let i = 0
        while (i < prefix.length && body[start + i] === prefix[i]) i++
        if (i === prefix.length) return true
      }
      return false
    }
  }
  const matches = matcherOf(spec.regex)
  return (body) => {
    locateNames(body, names)
    return matches(
      onStream
        ? body.toString('utf8', names.nameStart, names.nameEnd)
        : body.toString('utf8', names.typeStart, names.typeEnd),
    )
  }
}
