/** One call of the API: who asks, what is asked, and the answer, with everything that all calls have in common. */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Caller } from '../../domain/identity.ts'
import type { Sender } from '../../domain/ports.ts'
import type { ReadModels } from '../../projections/read-models.ts'
import { networkOf } from '../addresses.ts'
import type { Authenticated } from '../auth/authenticate.ts'
import type { Purpose } from '../auth/challenges.ts'
import { proofOfRequest, type ReadProof } from '../auth/proof.ts'
import { codesInWords } from '../codes.ts'
import { describeError } from '../refusals.ts'
import { waitAtMost } from '../wait-at-most.ts'
import { Position, Uuid } from './codecs.ts'
import type { HttpDeps } from './deps.ts'
import { Download } from './download.ts'
import { orTell, tell, tellInvalid } from './errors.ts'
import { longAnswer, stillProved } from './long-answers.ts'
import { loggedId } from './request-id.ts'
import {
  free,
  Identity,
  type JsonSchema,
  listOf,
  orNull,
  position,
  revision,
  sometimes,
  text,
  yesNo,
} from './shapes.ts'
import { type AnyCodec, refuseBesideProof, schemaFor } from './validate.ts'
import { identityOf } from './views.ts'

/** Node keeps only the first of two `Authorization` headers; here, two are an error and not a proof. */
export const shownBy = ({ headers, body, raw }: FastifyRequest, inBody = false): ReadProof => {
  const { authorization } = headers
  if (authorization === undefined) return proofOfRequest(headers, body, inBody)
  const all = raw.rawHeaders.filter((_, i, list) => i % 2 === 1 && /^authorization$/i.test(list[i - 1]!))
  return proofOfRequest(all.length > 1 ? { ...headers, authorization: all } : headers, body, inBody)
}

export type EndpointRequest<P, Q, B> = {
  readonly who: Authenticated
  readonly params: P
  readonly query: Q
  readonly body: B
  readonly request: FastifyRequest
  /** The sender to name in a command. */
  readonly sender: Sender
  /** The command's id: the caller's `Idempotency-Key`, or a new one. */
  readonly commandId: { readonly id: string; readonly isIdChosen: boolean }
}

type Kind = 'string' | 'boolean' | 'number' | 'object' | 'array' | 'string?'
export type AnswerShape = Readonly<Record<string, Kind | JsonSchema>>
/** The fields that the answer of every write has besides its own. */
export const WRITTEN: AnswerShape = { success: 'boolean', position, revision }
/** The fields that the answer also has for a guest who came without a token: with the token the guest stays the same. */
export const NEW_GUEST: AnswerShape = {
  identity: sometimes(Identity),
  session_token: sometimes(text()),
}

const KINDS: Readonly<Record<Kind, JsonSchema>> = {
  string: text(),
  boolean: yesNo,
  number: { type: 'number' },
  object: free,
  array: listOf(free),
  'string?': orNull(text()),
}
const answerSchema = (answer: AnswerShape) => {
  const properties = Object.fromEntries(
    Object.entries({ ...answer, node: text({ description: 'The process that answered.' }) }).map(
      ([name, kind]) => [name, typeof kind === 'string' ? KINDS[kind] : kind],
    ),
  )
  const required = Object.keys(properties).filter((name) => properties[name]?.['x-sometimes'] !== true)
  return { type: 'object', additionalProperties: true, properties, required }
}
const ERROR = {
  title: 'Error',
  type: 'object',
  properties: {
    error: { type: 'string', description: 'A sentence.' },
    code: { type: 'string', description: codesInWords() },
    request_id: { type: 'string' },
    message: { type: 'string', description: 'The sentence again, where the panel looks for it there.' },
    capacity: { type: 'object', description: 'The seats of a full room, in an answer to the panel.' },
    is_premium: {
      type: 'boolean',
      description: 'False: there is nothing to pay for. In an answer to the panel.',
    },
    retry_after: { type: 'number', description: 'Seconds, with 429 and 503.' },
    archive: {
      type: 'object',
      description: 'With archived: where what was asked for is.',
      properties: {
        name: { type: 'string' },
        place: { type: 'string' },
        before: { type: 'string', description: 'What was before then is in it; ISO 8601.' },
        position: { type: 'string', description: 'Of the last event in it: after that, all is on the log.' },
      },
    },
    node: { type: 'string' },
  },
  required: ['error', 'code', 'request_id'],
}

const REFUSED = { description: 'Refused or failed; the status goes by the code.', ...ERROR }
/** The documented answer of a call that returns plain text. */
export const plainText = (description: string, types: ReadonlyArray<string> = ['text/plain']) => ({
  200: { description, content: Object.fromEntries(types.map((type) => [type, { schema: text() }])) },
  default: REFUSED,
})

/** What the documentation says about a strict call. */
export const STRICT = 'A parameter that is none of these is refused: 400 `invalid_query`.'

export type Endpoint<P extends AnyCodec, Q extends AnyCodec, B extends AnyCodec> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly summary: string
  readonly tag: string
  /** The fields of the answer, for the documentation. */
  readonly answer: AnswerShape
  /** The fields of the answer with 202, given when the answer’s `queue` is a place to wait in. */
  readonly waits?: AnswerShape
  /** Other media types in which the answer may be requested. */
  readonly exports?: ReadonlyArray<string>
  readonly params?: P
  readonly query?: Q
  /** Refuses parameters that `query` and `body` don't name: a misspelt filter would show more than was asked for, and a
   *  proof that nobody reads would turn an account into a guest. */
  readonly strict?: boolean
  readonly body?: B
  /** A proof may be in the body: `{ account, challenge, signature }`. */
  readonly proofInBody?: boolean
  /** What a proof is used for here: a server's challenge made for another purpose is refused. */
  readonly purpose?: Purpose
  readonly handle: (
    asked: EndpointRequest<t.TypeOf<P>, t.TypeOf<Q>, t.TypeOf<B>>,
    deps: HttpDeps,
  ) => Promise<Readonly<Record<string, unknown>> | Download>
}

/** How many milliseconds a read waits for `min_position`. */
export const CATCH_UP_MS = 2_000

export const Fresh = t.partial({ min_position: Position })
const MAX_AGENT = 512

const agentOf = (request: FastifyRequest): { userAgent?: string } => {
  const agent = request.headers['user-agent']
  // A header may not be valid text; since it is kept on the log for good, it is made valid.
  return agent === undefined
    ? {}
    : { userAgent: agent.slice(0, MAX_AGENT).replaceAll('\0', '').toWellFormed() }
}

export const senderOf = (request: FastifyRequest, caller: Caller): Sender => ({
  by: caller,
  client: { ip: request.address, ...agentOf(request) },
  correlationId: loggedId(request.id),
})

const commandIdOf = (
  request: FastifyRequest,
  deps: HttpDeps,
): EndpointRequest<unknown, unknown, unknown>['commandId'] => {
  const key = request.headers['idempotency-key']
  if (key === undefined) return { id: deps.ids.uuid(), isIdChosen: false }
  const id = typeof key === 'string' ? key.toLowerCase() : key
  if (!E.isRight(Uuid.decode(id))) tellInvalid('idempotency_key', 'Idempotency-Key must be a UUID.')
  return { id: String(id), isIdChosen: true }
}

/** How much longer the database has to answer. */
const GRACE_MS = 500

/** Waits until the tables have what the caller has seen elsewhere, but not for a database that does not answer. */
export const catchUp = async (
  position: bigint | undefined,
  { readModels }: { readonly readModels: Pick<ReadModels, 'waitFor'> },
): Promise<void> => {
  if (position === undefined) return
  let reached = false
  const asked = async () => {
    reached = orTell(await readModels.waitFor(position, CATCH_UP_MS)())
  }
  await waitAtMost(CATCH_UP_MS + GRACE_MS, asked())
  if (!reached) tell(describeError({ _tag: 'NotCaughtUp' }))
}

/** Answers a HEAD with the headers alone: fastify would read all of the stream and throw it away. */
export const sendStream = (request: FastifyRequest, reply: FastifyReply, body: Readable): FastifyReply => {
  if (request.method !== 'HEAD') return reply.send(body)
  body.destroy()
  return reply.send(Readable.from([]))
}

const mustWait = (answer: Readonly<Record<string, unknown>>): boolean =>
  ('queue' in answer && answer.queue !== null) || 'queue_info' in answer

export const mount = <P extends AnyCodec, Q extends AnyCodec, B extends AnyCodec>(
  app: FastifyInstance,
  deps: HttpDeps,
  endpoint: Endpoint<P, Q, B>,
): void => {
  const { method, params, query, body, purpose, strict = false } = endpoint
  const isRead = method === 'GET'
  // A strict write accepts no parameters in its address either.
  const taken = isRead || !strict ? query : (query ?? t.type({}))
  const querystring = isRead ? (taken === undefined ? Fresh : t.intersection([taken, Fresh])) : taken
  app.route({
    method,
    url: endpoint.path,
    schema: {
      summary: endpoint.summary,
      ...(strict ? { description: STRICT } : {}),
      tags: [endpoint.tag],
      response: {
        200: {
          description: 'Done.',
          content: {
            'application/json': { schema: answerSchema(endpoint.answer) },
            ...Object.fromEntries((endpoint.exports ?? []).map((type) => [type, { schema: text() }])),
          },
        },
        ...(endpoint.waits === undefined
          ? {}
          : {
              202: {
                description: 'Every seat is taken: a place in the queue.',
                content: { 'application/json': { schema: answerSchema(endpoint.waits) } },
              },
            }),
        default: REFUSED,
      },
      ...(params === undefined ? {} : { params: schemaFor(params) }),
      ...(querystring === undefined
        ? {}
        : { querystring: schemaFor(querystring, strict ? { strict: 'query' } : {}) }),
      ...(body === undefined ? {} : { body: schemaFor(body, strict ? { strict: 'body' } : {}) }),
    },
    handler: async (request, reply) => {
      if (endpoint.proofInBody === true && body !== undefined) refuseBesideProof(request.body, body)
      const shown = shownBy(request, endpoint.proofInBody)
      const auth = await deps.auth.authenticate(shown, purpose, request.address)()
      const who = orTell(auth)
      request.server.costly.asked(request, who.caller)
      const { min_position } = (isRead ? request.query : {}) as { min_position?: bigint }
      if (min_position !== undefined) {
        await catchUp(min_position, deps)
        await stillProved(deps, shown)
      }
      const answer = await endpoint.handle(
        {
          who,
          params: request.params as t.TypeOf<P>,
          query: request.query as t.TypeOf<Q>,
          body: (request.body ?? {}) as t.TypeOf<B>,
          request,
          sender: senderOf(request, who.caller),
          commandId: commandIdOf(request, deps),
        },
        deps,
      )
      if (answer instanceof Download) {
        reply.header('content-type', answer.contentType)
        reply.header('content-disposition', `attachment; filename="${answer.fileName}"`)
        const right = { proof: shown, check: answer.check }
        const { caller } = who
        const reader = caller.kind === 'account' ? caller.id : networkOf(request.address)
        const pay = (characters: number) => request.server.costly.paid(request, caller, characters)
        const body = longAnswer({ deps, reply, right, word: answer.word, pay }, reader, () => answer.rows)
        return sendStream(request, reply, Readable.from(body, { objectMode: true, highWaterMark: 1 }))
      }
      if (endpoint.waits !== undefined && mustWait(answer)) reply.code(202)
      const isNew = !isRead && who.via === 'none' && 'revision' in answer && !('session_token' in answer)
      const own = isNew
        ? { identity: identityOf(who.caller), session_token: deps.auth.tokenFor(who).token }
        : null
      return { ...answer, ...own, node: deps.config.nodeId }
    },
  })
}
