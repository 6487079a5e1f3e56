/** Which events of `$all` a read or a subscription wants. */
import { locateNames, type Names } from '../protocol/record.ts'

export type FilterSpec = {
  readonly on: 'stream' | 'type'
  readonly prefixes: ReadonlyArray<string>
  /** Empty for none. With it, prefixes say nothing. */
  readonly regex: string
}

/** True for a stored event's bytes that match. */
export type Filter = (body: Buffer) => boolean

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
  const expression = new RegExp(spec.regex)
  return (body) => {
    locateNames(body, names)
    return expression.test(
      onStream
        ? body.toString('utf8', names.nameStart, names.nameEnd)
        : body.toString('utf8', names.typeStart, names.typeEnd),
    )
  }
}
