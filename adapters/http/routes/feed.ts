/** The feed of events, live or from any position: of one space for its moderators, of all spaces for auditors. */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../../domain/identity.ts'
import type { SpaceRef } from '../../../domain/names.ts'
import type { Archived } from '../../../domain/ports.ts'
import { type FeedRequest, feed as follow } from '../../outside/feed.ts'
import type { PositionBefore } from '../../outside/item.ts'
import { BEYOND, isBeyond } from '../../outside/place.ts'
import { type Described, describeRefusal } from '../../refusals.ts'
import { from, optional, Position, SpaceKeyCodec } from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { plainText, STRICT, senderOf, sendStream, shownBy } from '../endpoint.ts'
import { describeThrown, HttpError, orTell, tell, tellInvalid } from '../errors.ts'
import { longAnswer } from '../long-answers.ts'
import { text, whole, yesNo } from '../shapes.ts'
import { isAuditor } from '../space-gate.ts'
import { schemaFor } from '../validate.ts'
import { mayAudit } from './moment.ts'

/** How many feeds may be read from one process at once: each is a subscription of the log. */
const AT_ONCE = 200
/** How long (ms) a feed waits for the tables if only they know what came before. */
const TABLES_MS = 5_000

export const After = from<bigint | 'start'>(
  'a position, or start',
  (value) => {
    if (value === 'start') return value
    const position = Position.decode(value)
    return E.isRight(position) ? position.right : undefined
  },
  text({ pattern: '^([0-9]+|start)$', description: 'A position on the log, exclusive, or start.' }),
)
const Limit = from(
  'a whole number from 1 to 1,000',
  (value) => {
    const number = typeof value === 'string' && /^\d{1,4}$/.test(value) ? Number(value) : 0
    return number >= 1 && number <= 1_000 ? number : undefined
  },
  whole({ minimum: 1, maximum: 1_000 }),
)
const Live = from(
  'true or false',
  (value) => (value === 'true' ? true : value === 'false' ? false : undefined),
  yesNo,
)
/** Types of events, separated by commas. */
const Types = from<ReadonlyArray<string>>(
  'types of events such as MessagePosted, with commas between, 40 at most',
  (value) => {
    const types = typeof value === 'string' ? value.split(',') : []
    return types.length <= 40 && types.every((type) => /^[A-Za-z]{1,64}$/.test(type)) ? types : undefined
  },
  text({ description: 'Types of events, with commas between.' }),
)
const Query = t.type({
  after: optional(After),
  space: optional(SpaceKeyCodec),
  types: optional(Types),
  limit: optional(Limit),
  live: optional(Live),
})

export const NOT_READ = E.left({ _tag: 'Unavailable', what: 'eventstore', cause: 'not read yet' } as const)
const FORBIDDEN: Described = {
  status: 403,
  code: 'forbidden',
  error: 'What happens in all spaces is for auditors: name a space that you moderate.',
}

const archivedIn = (archive: Archived): Described => ({
  status: 410,
  code: 'archived',
  error: `Some of what came after that is in the archive ${archive.name}, up to ${archive.before}: ask for what came after position ${archive.position}.`,
  archive,
})

/** Ends the request if something after that place is no longer on the log, or if the log ends before it: nobody gets a
 *  feed with a gap in it. */
export const mustBeOnLog = async (
  { archivedAfter, feedLog }: HttpDeps,
  after: bigint | 'start' | 'end',
): Promise<void> => {
  const archive = after === 'end' ? null : ((await archivedAfter?.(after)) ?? null)
  if (archive !== null) tell(archivedIn(archive))
  const isMissing = await isBeyond(feedLog!, after).catch(() => orTell(NOT_READ))
  if (isMissing) tell({ status: 410, code: 'beyond_log', error: BEYOND })
}

/** Ends the request unless the caller is a moderator of the space or an auditor; without a space, unless an auditor. */
export const mayFollow = async (deps: HttpDeps, space: SpaceRef | null, caller: Caller): Promise<void> => {
  if (space !== null) await mayAudit(deps, space, caller)
  else if (!isAuditor(deps, caller)) tell(FORBIDDEN)
}

/** The position according to the tables, once they have reached that place. */
export const positionBefore =
  ({ readModels }: Pick<HttpDeps, 'readModels'>): PositionBefore =>
  async (space, position, { types }) => {
    if (!orTell(await readModels.waitFor(position, TABLES_MS)()))
      return tell({ status: 504, code: 'not_caught_up', error: 'The tables are behind the log: ask again.' })
    return orTell(await readModels.positionBefore(space, position, types)())
  }

const errorLine = ({ error, code }: Described, sse: boolean): string => {
  const data = JSON.stringify({ error, code })
  return sse ? `event: error\ndata: ${data}\n\n` : `${data}\n`
}

async function* lines(
  deps: HttpDeps,
  request: FeedRequest,
  sse: boolean,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  try {
    // Sent at once, so that the reader knows the feed is open.
    yield sse ? ': \n\n' : '\n'
    for await (const item of follow(deps.feedLog!, positionBefore(deps), request, signal)) {
      if (item === null) yield sse ? ': \n\n' : '\n'
      else {
        const data = JSON.stringify(item)
        yield sse ? `id: ${item.position}\nevent: ${item.type}\ndata: ${data}\n\n` : `${data}\n`
      }
    }
  } catch (error) {
    if (!signal.aborted) yield errorLine(error instanceof HttpError ? error.told : describeThrown(error), sse)
  }
}

export const feed = (app: FastifyInstance, deps: HttpDeps): void => {
  if (deps.feedLog === undefined) return
  let open = 0
  app.route({
    method: 'GET',
    url: '/api/feed',
    schema: {
      tags: ['feed'],
      summary:
        'Events as they happen, as NDJSON or, if requested, as server-sent events: those of a space for its moderators, those of all spaces for auditors. Begins after a position on the log (start: with the first event; by default from now on). Each event has its position and that of the previous one in its space. An empty line means that nothing happened.',
      description: STRICT,
      querystring: schemaFor(Query, { strict: 'query' }),
      response: plainText('The events, one a line.', ['application/x-ndjson', 'text/event-stream']),
    },
    handler: async (request: FastifyRequest, reply) => {
      const proof = shownBy(request)
      const { caller } = orTell(await deps.auth.authenticate(proof, undefined, request.address)())
      request.server.costly.asked(request, caller)
      const { after, space, types, limit, live } = request.query as t.TypeOf<typeof Query>
      await mayFollow(deps, space, caller)
      if (open >= AT_ONCE) tell(describeRefusal({ _tag: 'SlowDown', retryAfterSeconds: 5 }))
      const sse = /\btext\/event-stream\b/.test(request.headers.accept ?? '')
      const last = request.headers['last-event-id']
      const had = sse && last !== undefined ? Position.decode(last) : null
      if (had !== null && E.isLeft(had)) tellInvalid('last_event_id', 'Last-Event-ID must be a position.')
      const from = had !== null && E.isRight(had) ? had.right : (after ?? 'end')
      await mustBeOnLog(deps, from)
      const filters = {
        after: String(from),
        ...(types === null ? {} : { types }),
        ...(limit === null ? {} : { limit }),
      }
      const sender = senderOf(request, caller)
      orTell(await deps.looks.record({ sender, space, call: 'feed', filters, rows: null })())
      const asked: FeedRequest = {
        after: from,
        space,
        types,
        limit,
        isLive: live !== false,
        showsClient: isAuditor(deps, caller),
      }
      const right = { proof, check: () => mayFollow(deps, space, caller) }
      const body = longAnswer(
        {
          ...{ deps, reply, right, word: (why) => errorLine(why, sse) },
          pay: (characters) => request.server.costly.paid(request, caller, characters),
        },
        caller.id,
        (signal) => {
          open += 1
          signal.addEventListener('abort', () => {
            open -= 1
          })
          return lines(deps, asked, sse, signal)
        },
      )
      reply
        .header('x-accel-buffering', 'no')
        .type(sse ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson; charset=utf-8')
      return sendStream(request, reply, Readable.from(body, { objectMode: true, highWaterMark: 1 }))
    },
  })
}
