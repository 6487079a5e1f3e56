/** Structured logs, one JSON object per line, without anything that would let a reader act as somebody else. */
import { type DestinationStream, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/** Paths of secrets, at the top or one or two levels down. */
const SECRETS = [
  'authorization',
  'cookie',
  'signature',
  'token',
  'session_token',
  'credential',
  'password',
  'secret',
  '["x-signature"]',
  '["x-challenge"]',
  'challenge',
  'turn_credentials',
]
const under = (name: string): ReadonlyArray<string> => {
  const key = name.startsWith('[') ? name : `.${name}`
  return [name, `*${key}`, `*.*${key}`]
}

/** `level` is as in LOG_LEVEL; `to` is standard output unless a test reads it. */
export const createLogger = (level: string, to?: DestinationStream, base: object = {}): Logger =>
  pino(
    {
      level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRETS.flatMap(under), censor: '[redacted]' },
    },
    to ?? pino.destination({ dest: 1, sync: false }),
  )
