/** Which test files share a process, and what one such process means for each of them. */
import { fileURLToPath } from 'node:url'
import { DEFAULT_TIMEOUT_SECONDS, type TestFile } from './files.ts'
import { begunIn, sections } from './marks.ts'
import { judge, type Outcome } from './outcome.ts'
import { runCommand } from './run.ts'

const PROGRAM = fileURLToPath(new URL('several.ts', import.meta.url))

/** Of those that start the product or a browser fewer share a process, since each takes longer. */
const LARGE = 3

/** Those that share a process: neighbours by path, since they load the same modules, and at most `size` of them. Large ones come
 *  first, and share with their like. */
export const groupsOf = (
  files: ReadonlyArray<TestFile>,
  size: number,
): ReadonlyArray<ReadonlyArray<TestFile>> => {
  const inGroups = (some: ReadonlyArray<TestFile>, most: number) => {
    const folders = Object.values(Object.groupBy(some, ({ path }) => path.split('/')[0] ?? ''))
    return folders.flatMap((folder = []) => {
      const count = Math.ceil(folder.length / most)
      const each = Math.ceil(folder.length / count)
      return Array.from({ length: count }, (_, n) => folder.slice(n * each, (n + 1) * each))
    })
  }
  const sharing = files.filter(({ isAlone }) => !isAlone)
  return [
    ...inGroups(
      sharing.filter(({ isLarge }) => isLarge),
      Math.ceil(size / LARGE),
    ),
    ...inGroups(
      sharing.filter(({ isLarge }) => !isLarge),
      size,
    ),
  ].filter(({ length }) => length > 1)
}

export type Ran = {
  readonly path: string
  readonly outcome: Outcome
  readonly output: string
  /** Milliseconds. */
  readonly took: number
}
export type Shared = {
  /** Those that came to their end, and the one during which the process ended or was killed. */
  readonly ran: ReadonlyArray<Ran>
  /** Those of which nothing is known yet. */
  readonly left: ReadonlyArray<string>
  /** Of all of them. */
  readonly processorSeconds: number
}

/** Runs files one after the other in one process. Each has its own time limit (`timeoutOf`, in seconds). If the process
 *  doesn't end well though each file did, nothing is known of any: one of them left something behind. */
export const runTogether = async (
  paths: ReadonlyArray<string>,
  options: {
    readonly cwd: string
    readonly env: NodeJS.ProcessEnv
    readonly timeoutOf?: (path: string) => number
  },
): Promise<Shared> => {
  const { cwd, env, timeoutOf = () => DEFAULT_TIMEOUT_SECONDS } = options
  const ended = await runCommand(process.execPath, [PROGRAM, ...paths], {
    cwd,
    env,
    timeoutSeconds: DEFAULT_TIMEOUT_SECONDS,
    limitFrom: (piece) => {
      const path = begunIn(piece)
      return path !== null && paths.includes(path) ? timeoutOf(path) : null
    },
  })
  const { processorSeconds } = ended
  const ran = sections(ended.output).map(({ path, output, end }) =>
    end === null
      ? { path, output, took: 0, outcome: judge({ ...ended, output }) }
      : {
          path,
          output,
          took: end.took,
          outcome: judge({ output, code: end.code, signal: null, timedOutAfterSeconds: null }),
        },
  )
  const isWhole = ran.length === paths.length && sections(ended.output).every(({ end }) => end !== null)
  if (isWhole && ended.code !== 0) return { ran: [], left: paths, processorSeconds }
  return { ran, left: paths.filter((path) => !ran.some((one) => one.path === path)), processorSeconds }
}
