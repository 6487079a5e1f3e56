/** Which folder may import what, and what breaks it, one sentence each. */
import type { Import, Source } from './imports.ts'

type Rule = {
  /** Our folders that it may import from. */
  readonly ours: ReadonlyArray<string>
  /** Packages and built-in modules that it may import; any where it is not set. */
  readonly packages?: ReadonlyArray<string>
}

const RULES: Readonly<Record<string, Rule>> = {
  domain: { ours: ['domain'], packages: ['fp-ts', 'io-ts'] },
  projections: {
    ours: ['domain', 'projections'],
    packages: ['fp-ts', 'io-ts', 'slonik', 'node:crypto', 'node:buffer'],
  },
  adapters: { ours: ['domain', 'projections', 'adapters'] },
  apps: { ours: ['domain', 'projections', 'adapters', 'apps'] },
  'apps/embedded': { ours: ['domain', 'projections', 'adapters', 'apps', 'infra'] },
  infra: { ours: ['domain', 'projections', 'adapters', 'apps', 'infra'] },
}

/** Packages that one folder hides from all others. */
const HIDDEN: Readonly<Record<string, ReadonlyArray<string>>> = {
  '@eventstore/db-client': ['adapters/eventstore/', 'infra/eventstore/'],
  '@kurrent/kurrentdb-client': ['infra/eventstore/'],
  'dlux-eventstore': ['apps/embedded/', 'apps/operations/instance/', 'infra/'],
}

export const isTest = (path: string): boolean => path.endsWith('.test.ts') || path.includes('/testing/')

const ruleFor = (path: string): Rule | undefined =>
  path.startsWith('apps/embedded/') || path.startsWith('apps/operations/instance/')
    ? RULES['apps/embedded']
    : RULES[path.split('/')[0] ?? '']

const packageOf = (specifier: string): string =>
  specifier.startsWith('node:')
    ? specifier
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/')

export type Packages = {
  readonly dependencies: ReadonlyArray<string>
  readonly devDependencies: ReadonlyArray<string>
}

const brokenBy = (path: string, one: Import, known: ReadonlySet<string>, packages: Packages) => {
  const rule = ruleFor(path)
  const test = isTest(path)
  const told: string[] = []
  if (!rule) return [`${path} is in a folder that has no rule.`]
  if (one.file !== null) {
    const top = one.file.split('/')[0] ?? ''
    // Tests may use the harness, and what it is a harness of.
    if (!rule.ours.includes(top) && !(test && top === 'infra'))
      told.push(`${path} imports ${one.file}: ${top} is not open to ${path.split('/')[0]}.`)
    else if (!test && isTest(one.file) && !path.startsWith('infra/'))
      told.push(`${path} imports ${one.file}, which is for tests.`)
    if (one.file.endsWith('.ts') && !known.has(one.file))
      told.push(`${path} imports ${one.file}, which is not there.`)
    return told
  }
  const name = packageOf(one.specifier)
  const homes = HIDDEN[name]
  if (homes && !homes.some((home) => path.startsWith(home)))
    told.push(`${path} imports ${name}, which only ${homes.join(' and ')} may know.`)
  // A package of its own has a manifest and a test of its own for what it imports.
  if (!name.startsWith('node:') && !path.startsWith('infra/eventstore/')) {
    const { dependencies, devDependencies } = packages
    const listed =
      dependencies.includes(name) || ((test || path.startsWith('infra/')) && devDependencies.includes(name))
    if (!listed) told.push(`${path} imports ${name}, which is not among the dependencies of package.json.`)
  }
  if (test || !rule.packages) return told
  if (!rule.packages.includes(name))
    told.push(`${path} imports ${name}: ${path.split('/')[0]} knows ${rule.packages.join(', ')} alone.`)
  if (name === 'slonik' && !one.typeOnly && one.names.some((n) => n !== 'sql'))
    told.push(`${path} imports more than the sql tag from slonik.`)
  return told
}

/** Each circle once, as the files on it. What is imported as a type alone is gone when the program runs. */
export const circles = (sources: ReadonlyArray<Source>): ReadonlyArray<ReadonlyArray<string>> => {
  const edges = new Map(
    sources.map((source) => [
      source.path,
      source.imports.flatMap((one) => (one.file !== null && !one.typeOnly ? [one.file] : [])),
    ]),
  )
  const done = new Set<string>()
  const found: string[][] = []
  const visit = (path: string, trail: string[]): void => {
    const at = trail.indexOf(path)
    if (at >= 0) return void found.push(trail.slice(at))
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of edges.keys()) visit(path, [])
  return found
}

export const broken = (sources: ReadonlyArray<Source>, packages: Packages): ReadonlyArray<string> => {
  const known = new Set(sources.map((source) => source.path))
  return [
    ...sources.flatMap(({ path, imports }) => imports.flatMap((one) => brokenBy(path, one, known, packages))),
    ...circles(sources).map((circle) => `A circle: ${[...circle, circle[0]].join(' → ')}.`),
  ]
}
