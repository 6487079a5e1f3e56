/** Turns anything that goes wrong on HTTP into the one error shape: `{ error, code, request_id, node, retry_after? }`. */

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import { type Described, describeError, type EdgeError, invalid, tooLarge } from '../refusals.ts'

/** Ends a handler early: thrown here, answered by `answerError`. `cause` is for the logs. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly told: Described
  constructor(told: Described, cause?: unknown) {
    super(told.code, { cause })
    this.told = told
  }
}

/** Returns the value, or throws an `HttpError` with what went wrong. */
export const orTell = <A>(either: E.Either<EdgeError, A>): A => {
  if (E.isRight(either)) return either.right
  throw new HttpError(describeError(either.left), either.left)
}

export const tell = (told: Described): never => {
  throw new HttpError(told)
}
export const tellInvalid = (field: string, detail: string): never => tell(invalid(field, detail))

export const NOT_FOUND: Described = { status: 404, code: 'not_found', error: 'There is no such address.' }
export const NOT_ALLOWED: Described = {
  status: 405,
  code: 'method_not_allowed',
  error: 'This address does not take this method: Allow says which it does.',
}

/** Describes what fastify and its plugins throw, by their codes; null for a defect of our own. */
const ofFramework = (error: Partial<FastifyError>): Described | null => {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return tooLarge('The body is too large.')
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return invalid('content_type', 'The body must be application/json.')
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return invalid('content_length', 'The body is not as long as Content-Length says.')
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return invalid('url', 'The address is not well formed.')
  }
  const status = error.statusCode
  if (status === undefined || status < 400 || status >= 500) return null
  return status === 404
    ? NOT_FOUND
    : { status: 400, code: 'invalid_request', error: 'The request is not well formed.' }
}

const DEFECT: Described = { status: 500, code: 'internal', error: 'Something went wrong on our side.' }

export const describeThrown = (error: unknown): Described =>
  error instanceof HttpError ? error.told : (ofFramework(error as Partial<FastifyError>) ?? DEFECT)

/** The body of an error's answer; sets status and `Retry-After`. */
export const answerError = (
  node: string,
  told: Described,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply => {
  if (told.retry_after !== undefined) reply.header('retry-after', String(told.retry_after))
  if (told.status === 401) reply.header('www-authenticate', 'Bearer')
  // A request that fastify itself refuses has not passed through our hooks.
  reply.header('x-request-id', request.id).header('cache-control', 'no-store')
  const { error, code, retry_after, message, capacity, is_premium, archive } = told
  return reply.code(told.status).send({
    error,
    code,
    request_id: request.id,
    node,
    ...(message === undefined ? {} : { message }),
    ...(capacity === undefined ? {} : { capacity }),
    ...(is_premium === undefined ? {} : { is_premium }),
    ...(archive === undefined ? {} : { archive }),
    ...(retry_after === undefined ? {} : { retry_after }),
  })
}
