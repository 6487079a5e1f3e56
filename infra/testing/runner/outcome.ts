/** What a finished test process means: how many passed, how many failed, and why. */

export type Ended = {
  readonly output: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Set where it was killed for taking longer. */
  readonly timedOutAfterSeconds: number | null
  /** User and system, its children among it if it waited for them. */
  readonly processorSeconds: number
}

export type Outcome = {
  readonly passed: number
  readonly failed: number
  /** Problems that uvu itself does not report. */
  readonly problems: ReadonlyArray<string>
  /** The tests that failed, as they are called. */
  readonly names: ReadonlyArray<string>
  /** What is told also where all passed: what it printed after a line `## shown`, or why it was left out (`## left out: …`). */
  readonly shown: string
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what it takes out
const COLOUR = /\u001b\[[0-9;]*m/g

/** uvu prints its totals once, at the end; it exits 0 where a file forgets `.run()` and where `before` throws. */
export const judge = (ended: Omit<Ended, 'processorSeconds'>): Outcome => {
  const text = ended.output.replaceAll(COLOUR, '')
  const totals = [...text.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm)].at(-1)
  const [total, passed, skipped] = (totals?.slice(1) ?? []).map(Number)
  const names = [...text.matchAll(/^ {3}FAIL {2}.*? {2}"(.*)"$/gm)].map(([, name = '']) => name)
  const shown = text.split(/^## shown$/m)[1]?.trim() ?? ''
  const problems: string[] = []
  if (ended.timedOutAfterSeconds !== null)
    problems.push(
      totals
        ? `Its tests ended and the process did not, within ${ended.timedOutAfterSeconds} s: a handle is left open.`
        : `It did not end within ${ended.timedOutAfterSeconds} s, and was killed.`,
    )
  else if (ended.signal !== null) problems.push(`It was killed by ${ended.signal}.`)
  if (total === undefined || passed === undefined || skipped === undefined) {
    const ran = (text.match(/• /g) ?? []).length
    if (problems.length === 0)
      problems.push(
        ended.code === 0
          ? 'It ran no test: is a .run() missing?'
          : `It ended with code ${ended.code} before its tests did.`,
      )
    return { passed: ran, failed: 1, problems, names, shown }
  }
  const leftOut = text.match(/^## left out: (.+)$/m)?.[1]
  // What a machine can't give: the file says why, and nothing of it ran.
  if (leftOut !== undefined && total === 0 && skipped > 0 && ended.code === 0 && problems.length === 0)
    return { passed: 0, failed: 0, problems, names, shown: `     left out: ${leftOut}` }
  if (total === 0) problems.push('It ran no test: is a .run() missing?')
  if (skipped > 0) problems.push(`${skipped} of its tests were skipped (skip or only).`)
  const failed = total - passed
  if (failed === 0 && problems.length === 0 && ended.code !== 0)
    problems.push(`Its tests passed, and then it ended with code ${ended.code}.`)
  if (failed > 0 && !text.includes(' FAIL '))
    problems.push(`${failed} of its tests did not run: a hook threw.`)
  return { passed, failed: Math.max(failed + skipped, problems.length > 0 ? 1 : 0), problems, names, shown }
}
