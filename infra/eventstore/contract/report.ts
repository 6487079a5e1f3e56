/** The outcome of each case, and the table of outcomes: this server, the embedded node, why they differ. */

export type CaseOutcome =
  | { readonly tag: 'holds' }
  /** It failed, or did not end in time. */
  | { readonly tag: 'fails'; readonly why: string; readonly error?: Error; readonly late?: true }
  /** It was not run. */
  | { readonly tag: 'left out'; readonly why: string }

export type ReportLine = {
  readonly title: string
  readonly here: CaseOutcome
  readonly embedded: CaseOutcome
  /** If a real server has a fault: what it does instead. */
  readonly differs: string | undefined
}

/** An error's first line, without characters that would break the table. */
const inBrief = (why: string): string => {
  const line = why.split('\n').find((one) => one.trim() !== '') ?? ''
  return line.trim().replaceAll('|', '/').slice(0, 160)
}

const whyOf = ({ here, embedded, differs }: ReportLine): string => {
  const told = [here, embedded].flatMap((one) => (one.tag === 'holds' ? [] : [inBrief(one.why)]))
  if (here.tag === 'fails' && differs !== undefined) return `the real server differs: ${differs} (${told[0]})`
  return [...new Set(told)].join('; ')
}

/** Whether the outcome counts against the server. */
export const isFailure = ({ here, differs }: ReportLine): boolean =>
  here.tag === 'fails' && differs === undefined

/** Whether the case did not end in time, and may still be waiting. */
export const isHung = ({ here, embedded }: ReportLine): boolean =>
  [here, embedded].some((one) => one.tag === 'fails' && one.late === true)

/** In Markdown. Each case on which the two differ is a line; cases that hold on both are counted. */
export const tableOf = (server: string, rows: ReadonlyArray<ReportLine>): string => {
  const isSame = ({ here, embedded }: ReportLine): boolean => here.tag === 'holds' && embedded.tag === 'holds'
  const count = (which: (row: ReportLine) => boolean): number => rows.filter(which).length
  const lines = rows
    .filter((row) => !isSame(row))
    .map((row) => `| ${inBrief(row.title)} | ${row.here.tag} | ${row.embedded.tag} | ${whyOf(row)} |`)
  return [
    `| case | ${server} | the embedded node | why |`,
    '|---|---|---|---|',
    ...lines,
    `| the other ${count(isSame)} | holds | holds | |`,
    '',
    `${server}: ${count(({ here }) => here.tag === 'holds')} hold, ${count(isFailure)} fail, ` +
      `${count(({ here, differs }) => here.tag === 'fails' && differs !== undefined)} differ by a fault of the server's that is known, ` +
      `${count(({ here }) => here.tag === 'left out')} left out`,
  ].join('\n')
}

/** The outcome of `run` within `ms`. If it has not ended by then, it continues in the background. */
export const within = async (ms: number, run: () => Promise<void>): Promise<CaseOutcome> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<CaseOutcome>((resolve) => {
    timer = setTimeout(
      () => resolve({ tag: 'fails', why: `it did not end within ${ms / 1000} s`, late: true }),
      ms,
    )
  })
  const ended = (async (): Promise<CaseOutcome> => {
    try {
      await run()
      return { tag: 'holds' }
    } catch (error) {
      if (!(error instanceof Error)) return { tag: 'fails', why: String(error) }
      return { tag: 'fails', why: error.message || error.name, error }
    }
  })()
  const outcome = await Promise.race([ended, late])
  clearTimeout(timer)
  return outcome
}
