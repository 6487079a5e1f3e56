/** What each of our files imports. TypeScript 7 has no parser to call yet, and Biome keeps imports in one form. */
import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

export type Import = {
  /** As written: `./state.ts`, `node:fs`, `fp-ts/lib/Either.js`. */
  readonly specifier: string
  /** Our file that it names, from the root, or null for a package. */
  readonly file: string | null
  /** `sql` of `import { sql } from 'slonik'`; empty for a namespace, a default or a dynamic import. */
  readonly names: ReadonlyArray<string>
  readonly typeOnly: boolean
}
export type SourceFile = { readonly path: string; readonly imports: ReadonlyArray<Import> }

const STATIC = /^(?:import(?=\s*')|(?:import|export)\b(?<what>[^'"`;()=]*?)\bfrom)\s*'(?<from>[^'\n]+)'/gm
const DYNAMIC = /\bimport\(\s*['"`](?<from>[^'"`\n$]+)['"`]/g

const namesIn = (what: string): ReadonlyArray<string> =>
  (what.match(/\{([^}]*)\}/)?.[1] ?? '')
    .split(',')
    .map((name) => name.trim().replace(/ as .*/, ''))
    .filter((name) => name !== '')

export const importsOf = (path: string, text: string): ReadonlyArray<Import> => {
  const resolve = (specifier: string): string | null =>
    specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : null
  const found: Import[] = []
  for (const { groups } of text.matchAll(STATIC)) {
    const [what, specifier] = [groups?.what?.trim() ?? '', groups?.from ?? '']
    const names = namesIn(what)
    const typeOnly =
      what.startsWith('type ') || (names.length > 0 && names.every((n) => n.startsWith('type ')))
    found.push({
      specifier,
      file: resolve(specifier),
      names: names.map((name) => name.replace(/^type /, '')),
      typeOnly,
    })
  }
  for (const { groups } of text.matchAll(DYNAMIC)) {
    const specifier = groups?.from ?? ''
    found.push({ specifier, file: resolve(specifier), names: [], typeOnly: false })
  }
  return found
}

export const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.includes('/testing/')

export const FOLDERS = ['domain', 'projections', 'adapters', 'apps', 'infra'] as const

export const readSources = (root: string): ReadonlyArray<SourceFile> =>
  globSync(
    FOLDERS.map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  )
    .sort()
    .map((path) => ({ path, imports: importsOf(path, readFileSync(join(root, path), 'utf8')) }))
