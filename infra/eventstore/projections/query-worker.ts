/** Runs one query in JavaScript in a process and a context of its own, under limits of time and memory. Text goes in and comes out:
 *  nothing of the node is within its reach. */
import { types } from 'node:util'
import { constants, createContext, Script } from 'node:vm'
import { QUERY_API } from './query-api.ts'

/** Of the events that a query is interested in. */
export type QueryEvent = {
  readonly streamId: string
  /** By which `foreachStream` divides: of what is linked by category, the stream of that category. */
  readonly ownStream: string
  readonly eventType: string
  readonly eventId: string
  readonly sequenceNumber: number
  readonly created: string
  readonly isJson: boolean
  readonly data: string
  readonly metadata: string
  readonly linkMetadata: string
}
export type QueryTask = {
  readonly query: string
  readonly isEmitting: boolean
  /** Each partition's state, as JSON. */
  readonly kept: ReadonlyArray<readonly [partition: string, state: string]>
}
/** The settings that the query declares. */
export type QueryDefinition = {
  readonly all: boolean
  readonly streams: ReadonlyArray<string>
  readonly output: boolean
  readonly isPartitioned: boolean
  readonly withLinks: boolean
  readonly resultStream: string | null
}
/** The outcome of one event; null if no handler asked for it. States and results are JSON. */
export type QueryOutcome = {
  readonly partition: string
  readonly state: string
  readonly result: string
  readonly emitted: ReadonlyArray<readonly [stream: string, type: string, data: string, metadata: string]>
} | null
export type QueryAnswer = {
  readonly done: ReadonlyArray<QueryOutcome>
  readonly failed?: { readonly at: number; readonly why: string }
}
export type QueryFailure = { readonly error: string }

/** Milliseconds for reading a query, and for a batch of events. */
const LIMIT_MS = 2_000

const context = createContext(constants.DONT_CONTEXTIFY, {
  codeGeneration: { strings: false, wasm: false },
  microtaskMode: 'afterEvaluate',
}) as { __asked?: string }
const call = new Script('__run()')
const limit = { timeout: LIMIT_MS }

const ask = (asked: object): string => {
  context.__asked = JSON.stringify(asked)
  return String(call.runInContext(context, limit))
}
/** The message of what was thrown, read without calling its getters: those are the query's own code, which would run
 *  without a time limit. */
const own = (thrown: unknown, key: string): unknown =>
  typeof thrown !== 'object' || thrown === null || types.isProxy(thrown)
    ? undefined
    : Object.getOwnPropertyDescriptor(thrown, key)?.value
const failure = (thrown: unknown): string => {
  const message = typeof thrown === 'string' ? thrown : own(thrown, 'message')
  const why =
    own(thrown, 'code') === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
      ? `it ran longer than ${LIMIT_MS / 1_000} s`
      : typeof message === 'string' && message !== ''
        ? message
        : 'it throws something without a message'
  return JSON.stringify({ error: why } satisfies QueryFailure)
}

const begin = (task: QueryTask): string => {
  try {
    // This is the only way to reach code of the outer realm.
    if (/\bimport\b/.test(task.query)) throw new Error('a query may not import')
    new Script(QUERY_API).runInContext(context)
    new Script(task.query, { filename: 'query' }).runInContext(context, limit)
    return ask({ start: { isEmitting: task.isEmitting, kept: task.kept } })
  } catch (error) {
    return failure(error)
  }
}

const run = (events: ReadonlyArray<QueryEvent>): string => {
  try {
    return ask({ events })
  } catch (error) {
    return failure(error)
  }
}

process.on('message', (asked: QueryTask | ReadonlyArray<QueryEvent>) => {
  process.send!('query' in asked ? begin(asked) : run(asked))
})
