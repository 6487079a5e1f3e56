/** Finds names that a file exports and no other file uses. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FOLDERS, importsOf } from './imports.ts'

/** Entry points that others use: what the packages export, and the pages' scripts. */
const DOORS: ReadonlySet<string> = new Set([
  ...['index', 'options', 'log/backup'].map((name) => `infra/eventstore/${name}.ts`),
  ...['index', 'module', 'script', 'aframe', 'three', 'sfu', 'stub'].map(
    (name) => `apps/client/src/${name}.ts`,
  ),
])

/** By path from the root: a file's text. */
export type Texts = ReadonlyMap<string, string>

/** Biome keeps the beginning of a statement at the beginning of a line, and all else of it off there. */
const STATEMENT = /^(?=(?:export|import|const|let|async|function|class|type|interface|declare)\b)/m
const DECLARED = /^export (?:async )?(?<kind>const|let|function\*?|class|type|interface) +(?<name>[\w$]+)/
const LISTED = /^export (?:type )?\{(?<names>[^}]*)\}/

/** The exported names of `a`, `type b` and `c as d`. */
const namesOf = (list: string): ReadonlyArray<string> =>
  list
    .split(',')
    .map((name) =>
      name
        .trim()
        .replace(/^type /, '')
        .replace(/^.* as /, ''),
    )
    .filter((name) => name !== '')

/** A type that another export of the file mentions may be named by that export's users. */
const isMentioned = (name: string, own: string, statements: ReadonlyArray<string>): boolean =>
  statements.some(
    (one) => one !== own && one.startsWith('export') && new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(one),
  )

const exportedBy = (text: string): ReadonlyArray<string> => {
  const statements = text.split(STATEMENT)
  return statements.flatMap((statement) => {
    const { kind, name } = DECLARED.exec(statement)?.groups ?? {}
    if (name === undefined) return namesOf(LISTED.exec(statement)?.groups?.names ?? '')
    const isType = kind === 'type' || kind === 'interface'
    return isType && isMentioned(name, statement, statements) ? [] : [name]
  })
}

/** By file: what others use of it. Of what is imported whole (`import * as`, `import()`), any word of the importing file. */
const usesIn = (texts: Texts): ReadonlyMap<string, ReadonlySet<string>> => {
  const uses = new Map<string, Set<string>>()
  for (const [path, text] of texts)
    for (const { file, names } of importsOf(path, text)) {
      if (file === null) continue
      const of = uses.get(file) ?? new Set()
      uses.set(file, of)
      for (const name of names.length > 0 ? names : (text.match(/[\w$]+/g) ?? [])) of.add(name)
    }
  return uses
}

/** `file: name` of each. */
export const unusedExports = (texts: Texts): ReadonlyArray<string> => {
  const uses = usesIn(texts)
  return [...texts].flatMap(([path, text]) =>
    DOORS.has(path)
      ? []
      : exportedBy(text).flatMap((name) => (uses.get(path)?.has(name) ? [] : [`${path}: ${name}`])),
  )
}

export const readTexts = (root: string): Texts =>
  new Map(
    globSync(
      FOLDERS.map((folder) => `${folder}/**/*.ts`),
      { cwd: root, exclude: (name) => name === 'node_modules' },
    )
      .sort()
      .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  )
