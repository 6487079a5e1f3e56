/** Whether the caller is the operator: somebody on this machine and not behind a proxy, or somebody with OPERATOR_TOKEN. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { isLoopback } from '../addresses.ts'
import type { Check, Checks } from './deps.ts'

/** Headers that proxies add: everybody may be behind a proxy on this machine. */
const PASSED_ON = ['forwarded', 'via', 'x-real-ip', 'cf-connecting-ip', 'true-client-ip'] as const

const isPassedOn = (headers: FastifyRequest['headers']): boolean =>
  PASSED_ON.some((name) => headers[name] !== undefined) ||
  Object.keys(headers).some((name) => name.startsWith('x-forwarded-'))

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()

const shows = (authorization: string | undefined, token: string | null): boolean => {
  const [, shown] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? []
  return token !== null && shown !== undefined && timingSafeEqual(digest(shown), digest(token))
}

export const isOperator = ({ raw, headers }: FastifyRequest, token: string | null): boolean =>
  shows(headers.authorization, token) || (isLoopback(raw.socket.remoteAddress ?? '') && !isPassedOn(headers))

/** Kinds of trouble, by the words that parts use for them. */
const CLASSES: ReadonlyArray<readonly [RegExp, string]> = [
  [/no answer|time[d -]*out|did not answer|ETIMEDOUT/i, 'silent'],
  [/refused|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH/i, 'unreachable'],
  [/disk|ENOSPC|No space/i, 'disk_full'],
  [/tables are not there/i, 'no_tables'],
  [/behind the log/i, 'behind'],
  [/parked/i, 'parked'],
  [/does not arrive/i, 'unheard'],
  [/password|authenti|permission/i, 'not_allowed'],
]
const classOf = (error: unknown): string =>
  CLASSES.find(([words]) => words.test(String(error)))?.[1] ?? 'down'

/** What everybody may know about a part: whether it works, how far behind it is, and the kind of its trouble. Its name,
 *  address and messages are for the operator. */
const forAnyone = ({ ok, vital, lag_ms, error }: Check): Check => ({
  ok,
  vital,
  ...(typeof lag_ms === 'number' ? { lag_ms } : {}),
  ...(error === undefined || error === null ? {} : { error: classOf(error) }),
})

export const checksFor = (checks: Checks, operator: boolean): Checks =>
  operator
    ? checks
    : (Object.fromEntries(Object.entries(checks).map(([name, check]) => [name, forAnyone(check)])) as Checks)
