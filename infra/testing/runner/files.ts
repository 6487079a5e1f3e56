/** The test files, and what the comments at their top say. */
import { globSync, readFileSync } from 'node:fs'
import { programs } from './packages.ts'

const MARKS = ['calm', 'waits', 'alone'] as const
type Mark = (typeof MARKS)[number]
/** What a file whose text has one of these does to its whole process, or leaves to its end: a process, a thread, a handler, what is
 *  shown. A log, a Redis, a browser or the product is stopped by its own handle. */
const OWN_PROCESS = [
  'node:worker_threads',
  'process.on',
  'process.exit',
  'process.argv',
  'process.memoryUsage',
  'process.resourceUsage',
  'syncBuiltinESMExports',
  '## shown',
  '## left out',
] as const
/** A process whose files use browsers keeps one for all of them (`testing/browser.ts`). */
const SHARED_PROGRAM = 'chromium'
/** What runs on beside the tests. A command that is waited for (`spawnSync`, `execFile`) does not. */
const STARTS_PROCESS = /import [^;]*?\b(?:spawn|fork|exec)\b[^;]*?from 'node:child_process'/
const STARTS_PRODUCT = /testing\/(?:browser|embedded|server|two-servers)\.ts'/
const SETS_GLOBAL =
  /^ *globalThis\.\w+ = |(?:delete process\.env|process\.env(?:\.\w+|\[[^\]]+\]) \??=[^=]|process\.env = )/m

export type TestFile = {
  readonly path: string
  /** `// test: calm`: it holds answers to seconds, and runs after the others, beside one of its kind.
   *  `// test: waits`: it waits for most of its time, and runs beside as many others as there are cores.
   *  `// test: alone`: it wants a process of its own. */
  readonly mark: Mark | null
  /** It gets a process of its own: it asks for one, says anything else at its top, or does something to its whole process. */
  readonly isAlone: boolean
  /** Whether it starts the product or a browser: such files share a process with their like, and fewer of them. */
  readonly isLarge: boolean
  /** `// timeout: 300`, in seconds. */
  readonly timeoutSeconds: number
  /** Programs that it starts: `// needs: turnserver, caddy` (commas or spaces), or the harness that starts one. */
  readonly needs: ReadonlyArray<string>
}

export const DEFAULT_TIMEOUT_SECONDS = 120
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
  const timeout = header.match(/^\/\/ timeout: (\d+)$/m)?.[1]
  const isLarge = STARTS_PRODUCT.test(text)
  const isAlone =
    mark !== null ||
    (timeout !== undefined && !isLarge) ||
    named.some((name) => name !== SHARED_PROGRAM) ||
    OWN_PROCESS.some((word) => text.includes(word)) ||
    STARTS_PROCESS.test(text) ||
    SETS_GLOBAL.test(text)
  return {
    path,
    mark,
    isAlone,
    isLarge,
    timeoutSeconds: Number(timeout ?? DEFAULT_TIMEOUT_SECONDS),
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
