/**
 * `npm test [-- PATTERN …]`: every *.test.ts whose path contains a pattern (all where there is none), on
 * real services: small neighbours share a process, each other file has its own. Types and lint, the arrows of imports among it, run beside
 * them. Ends with `N passed, N failed`.
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findTests, type TestFile } from './runner/files.ts'
import { judge, type Outcome } from './runner/outcome.ts'
import { installMissing } from './runner/packages.ts'
import { killAll, runCommand } from './runner/run.ts'
import { scratchRoot } from './runner/scratch.ts'
import { groupsOf, runTogether } from './runner/together.ts'

const root = join(import.meta.dirname, '../..')
const patterns = process.argv.slice(2).map((pattern) => pattern.replace(/^\.\//, ''))
/** One process, if all share a server of which each test wants to be the only user. */
const AT_ONCE = Number(process.env.TEST_PROCESSES ?? (process.env.EVENTSTORE_URL ? 1 : 3))
/** How many files share a process, of those that can (`runner/files.ts`): the start of one, and the loading of the same modules,
 *  take more of it than its tests. 1: each has its own. */
const TOGETHER = Number(process.env.TEST_TOGETHER ?? 16)
/** How many failed files are run once more, alone, and named `unsteady` if they pass then. 0 except in CI, whose machines
 *  stall; if more files failed, none is run again. */
const AGAIN = Number(process.env.TEST_AGAIN ?? 0)
const say = (line: string): void => void process.stdout.write(`${line}\n`)

/** Temporary files of tests are removed with the run, also those of tests that fail, hang or are killed. As open as the
 *  system's own folder, since a server may run as another user. */
const scratch = mkdtempSync(join(scratchRoot(), 'presence-tests-'))
chmodSync(scratch, 0o1777)
// The databases' own cluster is among them.
process.env.TMPDIR = scratch
process.once('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }))

const env: NodeJS.ProcessEnv = {
  ...process.env,
  NODE_ENV: 'test',
  TEST_STARTED_FOLDER: join(scratch, 'started'),
  PATH: [join(root, 'node_modules/.bin'), process.env.PATH, '/usr/sbin'].join(':'),
}
const ROOM_LOGS = [join(root, '../shared/data/rooms'), join(root, 'infra/testing/rooms')]
env.ROOM_LOGS ??= ROOM_LOGS.find((folder) => existsSync(folder))

const total = { passed: 0, failed: 0 }
/** What failed, and what to say about it at the end. */
const failures = new Map<string, ReadonlyArray<string>>()
const failed: Array<{ file: TestFile; outcome: Outcome }> = []

/** What each process took of the processors, in seconds. */
const processor = new Map<string, number>()
/** How many are named at the end that took the most. */
const DEAREST = 10

const report = (name: string, took: number, outcome: Outcome, output: string): void => {
  total.passed += outcome.passed
  total.failed += outcome.failed
  const seconds = `${(took / 1000).toFixed(1)} s`
  if (outcome.failed === 0) {
    say(`ok   ${name}  ${outcome.passed} passed, ${seconds}`)
    if (outcome.shown !== '') say(outcome.shown)
    return
  }
  failures.set(name, outcome.names.length > 0 ? outcome.names : outcome.problems)
  say(`FAIL ${name}  ${outcome.passed} passed, ${outcome.failed} failed, ${seconds}`)
  if (output.trim() !== '') say(output.trimEnd().replace(/^/gm, '  | '))
  for (const problem of outcome.problems) say(`  ${problem}`)
}

/** What to do where a check failed. */
const NEXT: Readonly<Record<string, string>> = {
  'npm run types': 'npm run types shows the lines that don’t fit their types',
  'npm run lint': 'npx biome check --write mends most of it, and names the rest',
}

/** How long each took last time: the longest start first, so that the last to end does not end alone. */
const TIMES = join(root, 'node_modules/.cache/test-times.json')
const times: Record<string, number> = (() => {
  try {
    return JSON.parse(readFileSync(TIMES, 'utf8'))
  } catch {
    return {}
  }
})()

const runTest = async (file: TestFile, missing: ReadonlyMap<string, string>): Promise<void> => {
  const without = file.needs.flatMap((need) => missing.get(need) ?? [])
  if (without.length > 0)
    return report(file.path, 0, { passed: 0, failed: 1, problems: without, names: [], shown: '' }, '')
  const start = performance.now()
  const ended = await runCommand(process.execPath, [file.path], {
    cwd: root,
    env,
    timeoutSeconds: file.timeoutSeconds,
  })
  times[file.path] = Math.round(performance.now() - start)
  processor.set(file.path, ended.processorSeconds)
  const outcome = judge(ended)
  report(file.path, performance.now() - start, outcome, ended.output)
  if (outcome.failed > 0) failed.push({ file, outcome })
}

/** Runs files in one process, and in one each those of which it leaves nothing known. */
const runGroup = async (files: ReadonlyArray<TestFile>): Promise<void> => {
  const { ran, left, processorSeconds } = await runTogether(
    files.map(({ path }) => path),
    { cwd: root, env, timeoutOf: (path) => files.find((one) => one.path === path)!.timeoutSeconds },
  )
  processor.set(`${files[0]!.path} and ${files.length - 1} more with it`, processorSeconds)
  for (const { path, outcome, output, took } of ran) {
    times[path] = took
    report(path, took, outcome, output)
    if (outcome.failed > 0) failed.push({ file: files.find((one) => one.path === path)!, outcome })
  }
  if (left.length > 0) say(`in a process each, since the one that they shared ended early: ${left.join(' ')}`)
  for (const path of left) await runTest(files.find((one) => one.path === path)!, new Map())
}

/** Runs files that failed beside others again, alone. */
const runAgain = async (missing: ReadonlyMap<string, string>): Promise<ReadonlyArray<string>> => {
  if (failed.length > AGAIN) return []
  const unsteady: string[] = []
  for (const { file, outcome } of failed.splice(0)) {
    total.passed -= outcome.passed
    total.failed -= outcome.failed
    failures.delete(file.path)
    say(`once more, alone: ${file.path}`)
    await runTest(file, missing)
    if (!failures.has(file.path)) unsteady.push(file.path)
  }
  return unsteady
}

/** `npm run types` and `lint` count as a test each. */
const runCheck = async (script: string): Promise<void> => {
  const start = performance.now()
  const ended = await runCommand('npm', ['run', '--silent', script], { cwd: root, env, timeoutSeconds: 180 })
  processor.set(`npm run ${script}`, ended.processorSeconds)
  const passed = ended.code === 0
  const outcome = { passed: passed ? 1 : 0, failed: passed ? 0 : 1, problems: [], names: [], shown: '' }
  report(`npm run ${script}`, performance.now() - start, outcome, ended.output)
}

const inParallel = async (jobs: ReadonlyArray<() => Promise<void>>, atOnce: number): Promise<void> => {
  const queue = [...jobs]
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) await job()
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

const main = async (): Promise<number> => {
  const start = performance.now()
  const files = [...findTests(root, patterns)].sort(
    (a, b) =>
      (times[b.path] ?? 1e9) - (times[a.path] ?? 1e9) ||
      b.timeoutSeconds - a.timeoutSeconds ||
      a.path.localeCompare(b.path),
  )
  const checks = patterns.length === 0 ? ['types', 'lint'] : []
  if (files.length === 0) {
    say(`No test file matches ${patterns.join(', ') || 'anything'}.`)
    say('0 passed, 1 failed')
    return 1
  }
  const missing = installMissing([...new Set(files.flatMap((file) => file.needs))], say)

  let unsteady: ReadonlyArray<string> = []
  let stopPostgres = async (): Promise<void> => {}
  if (!env.TEST_POSTGRES_URL) {
    // Imported here, so that a mistake in it is told like a test's.
    const { startTestCluster } = await import('./postgres.ts')
    const cluster = await startTestCluster()
    env.TEST_POSTGRES_URL = cluster.url
    stopPostgres = cluster.stop
  }
  try {
    say(`${files.length} test files, ${AT_ONCE} at a time`)
    const complete = files.filter(({ needs }) => !needs.some((need) => missing.has(need)))
    const groups = groupsOf(
      complete.toSorted((a, b) => a.path.localeCompare(b.path)),
      TOGETHER,
    )
    const shares = new Set(groups.flat())
    const marked = (...marks: ReadonlyArray<TestFile['mark']>) =>
      files
        .filter((file) => marks.includes(file.mark) && !shares.has(file))
        .map((file) => () => runTest(file, missing))
    const together = [
      ...checks.map((check) => () => runCheck(check)),
      ...groups.map((group) => () => runGroup(group)),
      ...marked(null, 'alone'),
    ]
    // Where files share a server, none runs beside another.
    if (AT_ONCE === 1) together.push(...marked('waits'))
    await Promise.all([inParallel(together, AT_ONCE), inParallel(AT_ONCE === 1 ? [] : marked('waits'), 1)])
    await inParallel(marked('calm'), Math.min(AT_ONCE, 2))
    unsteady = await runAgain(missing)
  } finally {
    await stopPostgres()
  }
  mkdirSync(dirname(TIMES), { recursive: true })
  writeFileSync(TIMES, JSON.stringify(times))

  say('')
  if (processor.size > DEAREST) {
    const dearest = [...processor].sort(([, a], [, b]) => b - a).slice(0, DEAREST)
    say(`of the processors, most was taken by:`)
    for (const [name, seconds] of dearest) say(`  ${seconds.toFixed(1).padStart(6)} s  ${name}`)
  }
  for (const [name, what] of failures) {
    say(`failed: ${name}`)
    for (const one of what) say(`  ✘ ${one}`)
    say(`  ${NEXT[name] ?? `why stands above, after “FAIL ${name}”; npm test -- ${name} runs it alone`}`)
  }
  for (const name of unsteady)
    say(`unsteady: ${name} failed once and passed when run again; why it failed stands above`)
  say(`in ${((performance.now() - start) / 1000).toFixed(0)} s`)
  say(`${total.passed} passed, ${total.failed} failed`)
  return total.failed > 0 || total.passed === 0 ? 1 : 0
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    killAll()
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })

process.exitCode = await main().catch((error: unknown) => {
  killAll()
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  say(`${total.passed} passed, ${total.failed + 1} failed`)
  return 1
})
