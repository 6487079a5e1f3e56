/** The paths that the console asks for, taken from its scripts: each text in them that begins with a path, with `*` for every value that
 *  is only known in the page. Paths below a room or a case begin there. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PAGE = fileURLToPath(new URL('../../apps/console/page/', import.meta.url))
/** A text in quotes, or in backticks where it may begin with the address of a room or of a case. */
const PATHS =
  /'(\/[a-z][^']*)'|`(?:\$\{(?:spacePath\([^`]*?\)|base|this\.base)\})?(\/(?:[a-z]|\$\{list\})[^`]*)`/g

/** Without what is in braces: values are `*`, and queries are nothing. */
const withoutValues = (text: string): string => {
  let path = ''
  for (let i = 0; i < text.length; i += 1) {
    if (!text.startsWith('${', i)) {
      path += text[i]
      continue
    }
    const begun = i + 2
    let depth = 0
    for (; i < text.length; i += 1) {
      if (text[i] === '{') depth += 1
      else if (text[i] === '}') {
        depth -= 1
        if (depth === 0) break
      }
    }
    if (!text.startsWith('query(', begun)) path += '*'
  }
  return path.replace(/\?.*$/, '')
}

/** In order, each once. */
export const consolePaths = (): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const name of readdirSync(PAGE).filter((one) => one.endsWith('.js'))) {
    const text = readFileSync(`${PAGE}${name}`, 'utf8').replace(/spacePath\(`[^`]*`\)/g, 'spacePath()')
    for (const [, quoted, built] of text.matchAll(PATHS)) found.add(withoutValues(quoted ?? built ?? ''))
  }
  return [...found].sort()
}
