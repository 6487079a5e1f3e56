/** Why another system can't be reached, in words for whoever runs this one. */

/** What an error says, in a few words. An `AggregateError` (a name with several addresses) has its reasons inside. */
export const whyUnreachable = (error: unknown): string => {
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error
  const { code, message, cause } = one as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'there is no such host'
  if (code === 'ETIMEDOUT' || (one as Error)?.name === 'TimeoutError') return 'it does not answer'
  if (cause instanceof Error) return whyUnreachable(cause)
  // OpenSSL's own message also contains a line of its source.
  const { reason } = one as { reason?: unknown }
  if (typeof reason === 'string' && code?.startsWith('ERR_SSL_')) return reason
  return message || code || String(one)
}
