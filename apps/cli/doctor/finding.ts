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

/** What an error says, in a few words. */
export const reasonOf = (error: unknown): string => {
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error
  const { code, message, cause } = one as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'there is no such host'
  if (code === 'ETIMEDOUT' || (one as Error)?.name === 'TimeoutError') return 'it does not answer'
  if (cause instanceof Error) return reasonOf(cause)
  // OpenSSL's own words are a line of its source besides.
  const { reason } = one as { reason?: unknown }
  if (typeof reason === 'string' && code?.startsWith('ERR_SSL_')) return reason
  return message || code || String(one)
}

/** Rejects where it takes longer. */
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

const DAY_MS = 86_400_000
/** About a certificate. Null if it is valid for long enough. */
export const endOf = (validTo: string, now: number): { readonly ended: boolean; readonly days: number } => {
  const left = Date.parse(validTo) - now
  return { ended: left <= 0, days: Math.floor(left / DAY_MS) }
}
