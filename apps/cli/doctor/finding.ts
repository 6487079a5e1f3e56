/** One finding of the doctor: a sentence, and if something is wrong another one about what to do. */

export type Finding = {
  /** What was looked at: `log`, `turn`. */
  readonly about: string
  /** `unknown`: it could not be looked at. */
  readonly is: 'well' | 'worth knowing' | 'wrong' | 'unknown'
  readonly says: string
  readonly todo?: string
}
export type Findings = ReadonlyArray<Finding>

export const about = (what: string) => ({
  well: (says: string): Finding => ({ about: what, is: 'well', says }),
  note: (says: string, todo: string): Finding => ({ about: what, is: 'worth knowing', says, todo }),
  wrong: (says: string, todo: string): Finding => ({ about: what, is: 'wrong', says, todo }),
  unknown: (says: string, todo: string): Finding => ({ about: what, is: 'unknown', says, todo }),
})

/** Rejects if it takes longer. */
export const soon = async <A>(work: Promise<A>, ms = 5_000): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not answer')), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** When a certificate ends. Null if it is valid for long enough. */
export const endOf = (
  validTo: string,
  now: number,
): { readonly ended: boolean; readonly days: number; readonly hours: number } => {
  const left = Date.parse(validTo) - now
  return { ended: left <= 0, days: Math.floor(left / DAY_MS), hours: Math.floor(left / HOUR_MS) }
}
