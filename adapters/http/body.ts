/** Request bodies: JSON that the log and the tables can hold, otherwise the answer is 400 before any handler sees it. */
import type { FastifyInstance } from 'fastify'
import { isCleanJson } from '../../domain/text.ts'
import { invalid } from '../refusals.ts'
import { HttpError } from './errors.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true })
const notJson = () => new HttpError(invalid('json', 'The body is not JSON.'))
const notClean = () =>
  new HttpError(
    invalid(
      'json',
      'The body has what no value here may have: NUL, half a character, __proto__, or 32 levels.',
    ),
  )

/** An empty body (a DELETE with a content type) counts as none. */
const readJson = (bytes: Buffer): unknown => {
  if (bytes.length === 0) return undefined
  let json: unknown
  try {
    json = JSON.parse(utf8.decode(bytes))
  } catch {
    throw notJson()
  }
  if (!isCleanJson(json)) throw notClean()
  return json
}

/** Accepts JSON as the only content type. */
export const acceptJson = (app: FastifyInstance): void => {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    /^application\/(?:[\w.+-]+\+)?json\b/,
    { parseAs: 'buffer' },
    (_request, body, done) => {
      try {
        done(null, readJson(body as Buffer))
      } catch (error) {
        done(error as Error)
      }
    },
  )
}
