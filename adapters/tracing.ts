/** One trace of each command: from the command to the append, to the tables, to the rooms. It uses only OpenTelemetry's
 *  API: if no SDK is loaded (node --import), nothing is wrapped and there is no cost. The trace's id is the
 *  `$correlationId` of the events. */
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api'
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import { spaceKey } from '../domain/names.ts'
import type { CommandRequest, Commands, EventLog, LogSubscription, RecordedEvent } from '../domain/ports.ts'

const tracer = () => trace.getTracer('dlux-presence')
const TRACE_ID = /^[0-9a-f]{32}$/

/** Whether spans are recorded anywhere. */
export const isTracing = (): boolean => {
  const span = tracer().startSpan('presence starts')
  span.end()
  return isSpanContextValid(span.spanContext())
}

/** The commands under way, by their traces: appends for them become their children. */
const underway = new Map<string, SpanContext>()

const correlationOf = (metadata: unknown): string | null => {
  const id = (metadata as { readonly $correlationId?: unknown } | null)?.$correlationId
  return typeof id === 'string' && TRACE_ID.test(id) ? id : null
}
const commandOf = (metadata: unknown): string =>
  String((metadata as { readonly command?: { readonly id?: unknown } } | null)?.command?.id ?? '')

/** Another process made the command's span: its trace is known, and its id derives from the command's id. */
const parentOf = (traceId: string, metadata: unknown): SpanContext =>
  underway.get(traceId) ?? {
    traceId,
    spanId: commandOf(metadata).replaceAll('-', '').slice(0, 16).padEnd(16, '1'),
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  }

type Of = { readonly metadata: unknown; readonly type: string }
const below = (
  name: string,
  { metadata, type }: Of,
  more: { readonly startTime?: Date } = {},
): Span | null => {
  const traceId = correlationOf(metadata)
  if (traceId === null) return null
  const parent = trace.setSpanContext(ROOT_CONTEXT, parentOf(traceId, metadata))
  return tracer().startSpan(name, { attributes: { 'presence.event': type }, ...more }, parent)
}

type Carry = <C extends { readonly type: string }>(
  carry: (request: CommandRequest<C>) => TaskEither<unknown, unknown>,
) => (request: CommandRequest<C>) => TaskEither<unknown, unknown>

const traced: Carry = (carry) => (request) => async () => {
  const attributes = { 'presence.command': request.command.type, 'presence.space': spaceKey(request.space) }
  const span = tracer().startSpan(`presence ${request.command.type}`, { kind: SpanKind.SERVER, attributes })
  const spanContext = span.spanContext()
  underway.set(spanContext.traceId, spanContext)
  try {
    const done = await carry({ ...request, correlationId: spanContext.traceId })()
    if (E.isLeft(done as E.Either<unknown, unknown>)) span.setStatus({ code: SpanStatusCode.ERROR })
    return done
  } finally {
    underway.delete(spanContext.traceId)
    span.end()
  }
}

/** Each command is a span, and its trace’s id goes onto the log with it. */
export const tracedCommands = (commands: Commands): Commands => {
  if (!isTracing()) return commands
  const { space, chat, cases } = commands
  return {
    ...commands,
    space: traced(space as never) as never,
    chat: traced(chat as never) as never,
    cases: traced(cases as never) as never,
  }
}

/** Each append is a span below every command that it is for. */
export const tracedLog = <Log extends EventLog>(log: Log): Log => {
  if (!isTracing()) return log
  const append: EventLog['append'] = (stream, expected, events) => async () => {
    const first = new Map(events.map((event) => [correlationOf(event.metadata), event]))
    const spans = [...first.values()].map((event) => below('presence append', event))
    const done = await log.append(stream, expected, events)()
    for (const span of spans) {
      if (E.isLeft(done)) span?.setStatus({ code: SpanStatusCode.ERROR, message: done.left._tag })
      span?.end()
    }
    return done
  }
  return { ...log, append }
}

/** A span for sending to rooms: from when the follower has an event until it asks for the next. */
export const tracedTelling = <Log extends Pick<EventLog, 'subscribe'>>(log: Log): Log => {
  if (!isTracing()) return log
  const subscribe: EventLog['subscribe'] = (options) => {
    const inner = log.subscribe(options)
    const outer: LogSubscription = {
      state: inner.state,
      stop: inner.stop,
      async *[Symbol.asyncIterator]() {
        for await (const batch of inner) {
          const spans = batch.map((item) =>
            item.kind === 'event' ? below('presence tell rooms', item.event) : null,
          )
          yield batch
          for (const span of spans) span?.end()
        }
      },
    }
    return outer
  }
  return { ...log, subscribe }
}

/** A span for writing to the tables: from when the event was on the log. */
export const traceApplied = (events: ReadonlyArray<RecordedEvent>): void => {
  for (const event of events) below('presence project', event, { startTime: event.created })?.end()
}
