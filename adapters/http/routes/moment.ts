/** A room at any moment, its replay, and why each act in it was allowed or not: for the space's moderators and for auditors. */
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { Actor, Caller } from '../../../domain/identity.ts'
import { isGuest, type SpaceRef } from '../../../domain/names.ts'
import type { Sender } from '../../../domain/ports.ts'
import { Failed, type MomentError, told } from '../../../projections/history/errors.ts'
import { isEarlier, type Moments, type When } from '../../../projections/history/moments.ts'
import { eventAt, replay, stepView } from '../../../projections/history/replay.ts'
import { momentView } from '../../../projections/history/view.ts'
import { explainEvent, explainQuestion, findEvent } from '../../../projections/history/why/explain.ts'
import { createPast } from '../../../projections/history/why/past.ts'
import { questionOf } from '../../../projections/history/why/question.ts'
import { explanationView } from '../../../projections/history/why/view.ts'
import { type Described, describeRefusal } from '../../refusals.ts'
import {
  Action,
  EndTime,
  from,
  Limit,
  optional,
  PermissionCodec,
  Position,
  Subject,
  SubspaceCodec,
  Text,
  Time,
  Uuid,
} from '../codecs.ts'
import type { HttpDeps } from '../deps.ts'
import { catchUp, Fresh, mount, plainText, STRICT, senderOf, sendStream, shownBy } from '../endpoint.ts'
import { HttpError, orTell, tell, tellInvalid } from '../errors.ts'
import { longAnswer, stillProved } from '../long-answers.ts'
import { free, listOf, orNull, spaceId, spaceType, text, yesNo } from '../shapes.ts'
import { accessTo, isAuditor, needRole, SpaceParams, seen, spaceOf } from '../space-gate.ts'
import { schemaFor } from '../validate.ts'
import { LostServers, type Merged, merged, motionLines } from './motion-lines.ts'

const NO_EVENT: Described = {
  status: 404,
  code: 'event_not_found',
  error: 'There is no such event in this space.',
}

const describe = (error: MomentError): Described => {
  switch (error._tag) {
    case 'LogUnavailable':
      return {
        status: 503,
        code: 'eventstore_unavailable',
        error: 'The log can’t be read just now.',
        retry_after: 2,
      }
    case 'Archived':
      return {
        status: 410,
        code: 'archived',
        error:
          error.archive === null
            ? 'That is not on the log any more.'
            : `What was before ${error.archive.before} is in the archive ${error.archive.name}.`,
        ...(error.archive === null ? {} : { archive: error.archive }),
      }
    case 'Unreadable':
      return {
        status: 503,
        code: 'moment_unavailable',
        error: 'An event on the way to this moment can’t be read by this version.',
        retry_after: 60,
      }
    case 'NoSuchMoment':
      return { status: 400, code: `invalid_${error.field}`, error: error.detail }
    case 'NoSuchEvent':
      return NO_EVENT
    default: {
      const never: never = error
      throw new Error(`unknown error ${JSON.stringify(never)}`)
    }
  }
}
export const orDescribe = <A>(either: E.Either<MomentError, A>): A => {
  if (E.isRight(either)) return either.right
  throw new HttpError(describe(either.left), either.left)
}

/** Ends the request unless the caller is a moderator of the space or an auditor; for people who may not know of the
 *  space, it does not exist. */
export const mayAudit = async (
  deps: HttpDeps,
  space: SpaceRef,
  caller: Caller,
): Promise<{ readonly isAuditor: boolean }> => {
  if (!isAuditor(deps, caller)) {
    needRole(await seen(deps, space, caller), 'moderate')
    return { isAuditor: false }
  }
  const of = await accessTo(deps, space, caller)
  if (!of.content.exists && of.state.opened === null) tell(describeRefusal({ _tag: 'SpaceNotFound' }))
  return { isAuditor: true }
}

/** Records the look on the log before anything is shown. Times as ISO 8601, positions in decimal. */
export const recordLook = async (
  deps: HttpDeps,
  space: SpaceRef,
  sender: Sender,
  { call, filters }: { readonly call: string; readonly filters: Readonly<Record<string, unknown>> },
): Promise<void> => {
  const given = Object.fromEntries(
    Object.entries(filters)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, plainly(value)]),
  )
  orTell(await deps.looks.record({ sender, space, call, filters: given, rows: null })())
}
const plainly = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  const when = value as When
  return when.kind === 'time'
    ? when.time.toISOString()
    : String(when.kind === 'position' ? when.position : when.revision)
}

/** A moment by its time, or by its place in the log. */
const momentBy = (codec: typeof Time) =>
  from<When>('a time such as 2026-01-31T12:00:00Z, or a position', (value) => {
    const position = Position.decode(value)
    if (E.isRight(position)) return { kind: 'position', position: position.right }
    const time = codec.decode(value)
    return E.isRight(time) ? { kind: 'time', time: time.right } : undefined
  })
const Moment_ = momentBy(Time)
const LastMoment = momentBy(EndTime)
const Flag = from(
  'true or false',
  (value) => (value === 'true' ? true : value === 'false' ? false : undefined),
  yesNo,
)
/** A switch as it is usually written, `?motion=1`. */
const Switch = from(
  'true, false, 1 or 0',
  (value) =>
    value === '1' || value === 'true' ? true : value === '0' || value === 'false' ? false : undefined,
  yesNo,
)
/** It may contain no other words, because it is written to the log with the look. */
const SocketId = from('a socket’s id', (value) =>
  typeof value === 'string' && /^[\w-]{1,64}$/.test(value) ? value : undefined,
)
const Speed = from('a number of times as fast, such as 60x', (value) => {
  const speed =
    typeof value === 'string' && /^\d{1,7}(\.\d{1,3})?x?$/.test(value) ? Number.parseFloat(value) : 0
  return speed > 0 ? speed : undefined
})
const EventName = from('an event’s id or its position', (value) => {
  const id = Uuid.decode(value)
  if (E.isRight(id)) return id.right
  return E.isRight(Position.decode(value)) ? (value as string) : undefined
})

/** After this many milliseconds of silence something is sent, so that no proxy takes the connection for dead. */
const HEARTBEAT_MS = 15_000

export const moment = (app: FastifyInstance, deps: HttpDeps): void => {
  const { moments } = deps
  if (moments === undefined) return
  at(app, deps, moments)
  replays(app, deps, moments)
  why(app, deps, moments)
}

const at = (app: FastifyInstance, deps: HttpDeps, moments: Moments): void => {
  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/at',
    answer: {
      space_type: spaceType,
      space_id: spaceId,
      opened: orNull(free),
      time: 'string?',
      position: 'string?',
      revision: 'string?',
      chat_revision: 'string?',
      present: 'array',
      seats_held: 'array',
      queue: 'array',
      voice_routes: 'array',
      permissions: 'array',
      bans: 'array',
      mutes: 'array',
      entities: 'array',
      filters: 'array',
      ban_lists: 'array',
      settings: 'object',
      settings_set_by: 'object',
      messages: 'array',
    },
    tag: 'audit',
    summary:
      'The room at a moment, from the log: who was present, what was in force and by which event, and the last messages as they read then. Takes exactly one of time, position (in the log, inclusive) and revision (of the space).',
    params: SpaceParams,
    strict: true,
    query: t.type({
      time: optional(Time),
      position: optional(Position),
      revision: optional(Position),
      messages: optional(Limit),
    }),
    handle: async ({ params, query, sender }) => {
      const space = spaceOf(params)
      const { time, position, revision } = query
      await mayAudit(deps, space, sender.by as Caller)
      const asked: When[] = []
      if (time !== null) asked.push({ kind: 'time', time })
      if (position !== null) asked.push({ kind: 'position', position })
      if (revision !== null) asked.push({ kind: 'revision', revision })
      const [when] = asked
      if (when === undefined || asked.length > 1)
        return tellInvalid('time', 'Give exactly one of time, position and revision.')
      const messages = query.messages ?? 50
      const then = orDescribe(await moments.at(space, when, { messages })())
      await recordLook(deps, space, sender, { call: 'at', filters: { time, position, revision } })
      return momentView(then)
    },
  })
}

const errorLine = ({ error, code }: Described, sse: boolean): string => {
  const data = JSON.stringify({ error, code })
  return sse ? `event: error\ndata: ${data}\n\n` : `${data}\n`
}

type Shown = {
  readonly speed: number | null
  readonly state: boolean
  readonly client: boolean
  readonly sse: boolean
  readonly signal: AbortSignal
}
const textOf = (one: Merged, { sse, client, state }: Shown): string => {
  if ('motion' in one) {
    const data = JSON.stringify(one.motion.line)
    return sse ? `event: ${one.motion.line.type}\ndata: ${data}\n\n` : `${data}\n`
  }
  const { step } = one
  const data = JSON.stringify({
    ...stepView(step, { client }),
    ...(state ? { state: momentView(step.after) } : {}),
  })
  return sse
    ? `id: ${step.recorded.position}\nevent: ${step.decoded?.event.type ?? 'unreadable'}\ndata: ${data}\n\n`
    : `${data}\n`
}

/** The events, and motion if it is asked for, one text each. `signal`: aborted when the client is gone. */
async function* lines(replayed: AsyncIterable<Merged>, shown: Shown): AsyncGenerator<string, void, void> {
  const { speed, sse, signal } = shown
  let begun: { readonly event: number; readonly here: number } | null = null
  try {
    for await (const one of replayed) {
      const at = 'motion' in one ? one.motion.at : Date.parse(one.step.at)
      if (speed !== null && begun === null) begun = { event: at, here: performance.now() }
      while (speed !== null && begun !== null) {
        const due = begun.here + (at - begun.event) / speed - performance.now()
        if (due <= 0) break
        await delay(Math.min(due, HEARTBEAT_MS), undefined, { signal })
        if (due > HEARTBEAT_MS) yield sse ? ': \n\n' : '\n'
      }
      yield textOf(one, shown)
    }
  } catch (error) {
    if (signal.aborted) return
    const failed =
      error instanceof Failed ? error.error : { _tag: 'LogUnavailable' as const, cause: String(error) }
    yield errorLine(describe(failed), sse)
  }
}

async function* steps(from: ReturnType<typeof replay>): AsyncGenerator<Merged, void, void> {
  for await (const step of from) yield { step }
}
type MotionQuery = {
  readonly motion: boolean | null
  readonly subspace: string | null
  readonly as: string | null
}
/** Adds the motion of one of its rooms if that is asked for: selected by times, since it is not on the log. */
const withMotion = (
  deps: HttpDeps,
  events: ReturnType<typeof replay>,
  space: SpaceRef,
  {
    motion,
    subspace,
    as,
    from: begin,
    to,
  }: MotionQuery & { readonly from: When | null; readonly to: When | null },
): AsyncGenerator<Merged, void, void> => {
  if (motion !== true || deps.motion === undefined) return steps(events)
  const now = deps.clock.now()
  const asked = {
    space,
    subspace: subspace ?? 'main',
    as,
    from: begin?.kind === 'time' ? begin.time.getTime() : 0,
    to: to?.kind === 'time' ? to.time.getTime() : now,
  }
  return merged(events, motionLines(deps.motion, asked, now), new LostServers(deps.motion, asked))
}

const replays = (app: FastifyInstance, deps: HttpDeps, moments: Moments): void => {
  const Query = t.intersection([
    t.type({
      from: optional(Moment_),
      to: optional(LastMoment),
      speed: optional(Speed),
      state: optional(Flag),
      motion: optional(Switch),
      subspace: optional(SubspaceCodec),
      as: optional(SocketId),
    }),
    Fresh,
  ])
  app.route({
    method: 'GET',
    url: '/api/spaces/:type/:id/replay',
    schema: {
      tags: ['audit'],
      summary:
        'The room’s events in the log’s order, as NDJSON or, if requested, as server-sent events. With speed (60x) they are paced by their own clock, otherwise they come as fast as they are read; state=true adds the room after each event; motion=1 adds how people and things moved, if that was kept (docs/scene.md): in the room that subspace names, all of it, or as it was told to the socket given by as.',
      params: schemaFor(SpaceParams),
      description: STRICT,
      querystring: schemaFor(Query, { strict: 'query' }),
      response: plainText('The events, one a line.', ['application/x-ndjson', 'text/event-stream']),
    },
    handler: async (request: FastifyRequest, reply) => {
      const proof = shownBy(request)
      const who = orTell(await deps.auth.authenticate(proof, undefined, request.address)())
      request.server.costly.asked(request, who.caller)
      const {
        from: begin,
        to,
        speed,
        state,
        min_position,
        ...moved
      } = request.query as t.TypeOf<typeof Query>
      if (moved.motion === true)
        for (const [name, when] of Object.entries({ from: begin, to }))
          if (when !== null && when.kind !== 'time') return tellInvalid(name, 'With motion it is a time.')
      if (isEarlier(to, begin)) tellInvalid('from', 'from must not be after to.')
      if (min_position !== undefined) {
        await catchUp(min_position, deps)
        await stillProved(deps, proof)
      }
      const space = spaceOf(request.params as t.TypeOf<typeof SpaceParams>)
      const sender = senderOf(request, who.caller)
      const may = await mayAudit(deps, space, who.caller)
      await recordLook(deps, space, sender, { call: 'replay', filters: { from: begin, to, state, ...moved } })
      const sse = /\btext\/event-stream\b/.test(request.headers.accept ?? '')
      // A browser that lost its connection sends the last id that it received.
      const had = sse ? Position.decode(request.headers['last-event-id']) : E.left(null)
      const start: When | null = E.isRight(had) ? { kind: 'position', position: had.right + 1n } : begin
      const range = { ...(start === null ? {} : { from: start }), ...(to === null ? {} : { to }) }
      const right = { proof, check: () => mayAudit(deps, space, who.caller) }
      const shown = { speed, state: state === true, client: may.isAuditor, sse }
      const text = longAnswer(
        {
          ...{ deps, reply, right, word: (why) => errorLine(why, sse) },
          pay: (characters) => request.server.costly.paid(request, who.caller, characters),
        },
        who.caller.id,
        (signal) =>
          lines(withMotion(deps, replay(moments, space, range), space, { ...moved, from: start, to }), {
            ...shown,
            signal,
          }),
      )
      reply
        .header('x-accel-buffering', 'no')
        .type(sse ? 'text/event-stream; charset=utf-8' : 'application/x-ndjson; charset=utf-8')
      return sendStream(request, reply, Readable.from(text, { objectMode: true, highWaterMark: 1 }))
    },
  })
}

const actorOf = (subject: string): Actor =>
  isGuest(subject) ? { kind: 'guest', id: subject } : { kind: 'account', id: subject }

const why = (app: FastifyInstance, deps: HttpDeps, moments: Moments): void => {
  /** The tables know where an event is; if they don't yet, the room's newest events are searched. */
  const eventOf = async (space: SpaceRef, name: string) => {
    if (/^\d+$/.test(name)) return eventAt(moments, space, BigInt(name))
    const found = await deps.proofs?.find({ event: name })()
    if (found !== undefined && E.isRight(found) && found.right !== null) {
      const event = await eventAt(moments, space, BigInt(found.right.position))
      if (event?.id === name) return event
    }
    return findEvent(moments, space, name)
  }

  mount(app, deps, {
    method: 'GET',
    path: '/api/spaces/:type/:id/why',
    answer: {
      action: 'string',
      asked: 'object',
      actor: 'object',
      at: 'string',
      happened: orNull(free),
      verdict: orNull(free),
      agrees: orNull(yesNo),
      right: 'object',
      rules: 'array',
      says: listOf(text({ description: 'A sentence.' })),
      gaps: listOf(text({ description: 'What is not known.' })),
    },
    tag: 'audit',
    summary:
      'Why an act was accepted or refused: that of an event (by its id or position), or whether subject could have done action (a command, such as Ban) at a moment. The rules themselves decide again, on the room as it stood.',
    params: SpaceParams,
    strict: true,
    query: t.type({
      event: optional(EventName),
      subject: optional(Subject),
      action: optional(Action),
      at: optional(Moment_),
      target: optional(Text),
      permission: optional(PermissionCodec as t.Type<'access' | 'moderate' | 'admin', unknown, unknown>),
    }),
    handle: async ({ params, query, sender }) => {
      const space = spaceOf(params)
      const { event: name, subject, action, at: when, target, permission } = query
      await mayAudit(deps, space, sender.by as Caller)
      const isQuestion = subject !== null || action !== null
      if ((name === null) === !isQuestion)
        return tellInvalid('event', 'Give either an event, or subject, action and at.')
      const past = createPast(moments)
      if (name !== null) {
        const explained = await told(async () => {
          const decoded = await eventOf(space, name)
          if (decoded === null) throw new Failed({ _tag: 'NoSuchEvent' })
          return explainEvent(moments, past, decoded)
        })()
        const explanation = orDescribe(explained)
        await recordLook(deps, space, sender, { call: 'why', filters: { event: name } })
        return explanationView(explanation)
      }
      if (subject === null) return tellInvalid('subject', 'Say who: subject is missing.')
      if (action === null) return tellInvalid('action', 'Say what: action is missing.')
      if (when === null) return tellInvalid('at', 'Say when: at is missing.')
      const then = orDescribe(await moments.at(space, when)())
      const question = questionOf(
        action,
        subject,
        { ...(target === null ? {} : { target }), ...(permission === null ? {} : { permission }) },
        then,
      )
      if (E.isLeft(question)) return tellInvalid(question.left.field, question.left.detail)
      const actor = actorOf(subject)
      const facts = orTell(await deps.content.factsFor(space, actor as Caller)())
      const explained = await told(() =>
        explainQuestion(past, {
          space,
          subject: actor,
          command: question.right,
          standing: then.standing,
          chatRevision: then.chatRevision,
          at: then.time ?? new Date(deps.clock.now()).toISOString(),
          facts,
        }),
      )()
      const explanation = orDescribe(explained)
      await recordLook(deps, space, sender, {
        call: 'why',
        filters: { subject, action, at: when, target, permission },
      })
      return explanationView(explanation)
    },
  })
}
