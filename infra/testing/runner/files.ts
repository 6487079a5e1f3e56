/** The test files, and what the comments at their top say. */
import { globSync, readFileSync } from 'node:fs'
import { programs } from './packages.ts'

const MARKS = ['calm', 'waits'] as const
type Mark = (typeof MARKS)[number]

export type TestFile = {
  readonly path: string
  /** `// test: calm`: it holds answers to seconds, and runs after the others, beside one of its kind.
   *  `// test: waits`: it waits for most of its time, and runs beside as many others as there are cores. */
  readonly mark: Mark | null
  /** `// timeout: 300`, in seconds. */
  readonly timeoutSeconds: number
  /** Programs that it starts: `// needs: turnserver, caddy` (commas or spaces), or the harness that starts one. */
  readonly needs: ReadonlyArray<string>
}

const DEFAULT_TIMEOUT_SECONDS = 120
const FOLDERS = ['domain', 'projections', 'adapters', 'apps', 'infra']

export const describe = (path: string, text: string): TestFile => {
  const header = text.slice(0, 2000)
  const named = header.match(/^\/\/ needs: (.+)$/m)?.[1]?.split(/[,\s]+/) ?? []
  const needs = new Set(named.filter((name) => name !== ''))
  // Only Redis has a harness that starts a program of the machine's.
  if (/testing\/redis\.ts'/.test(text)) needs.add('redis-server')
  for (const need of needs)
    if (!programs.includes(need)) throw new Error(`${path} needs ${need}, which the runner doesn't know.`)
  const said = header.match(/^\/\/ test: (.+)$/m)?.[1]
  const mark = MARKS.find((one) => one === said) ?? null
  if (said !== undefined && mark === null)
    throw new Error(`${path} says “test: ${said}”, which the runner doesn't know.`)
  return {
    path,
    mark,
    timeoutSeconds: Number(header.match(/^\/\/ timeout: (\d+)$/m)?.[1] ?? DEFAULT_TIMEOUT_SECONDS),
    needs: [...needs],
  }
}

/** Those whose path contains one of the patterns; all of them where there is none. */
export const findTests = (root: string, patterns: ReadonlyArray<string>): ReadonlyArray<TestFile> =>
  globSync(
    FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
    { cwd: root },
  )
    .sort()
    .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
    .map((path) => describe(path, readFileSync(`${root}/${path}`, 'utf8')))
