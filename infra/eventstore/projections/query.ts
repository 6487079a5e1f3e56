/** A query in JavaScript, in its process: what it wants to see, and what it makes of events. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { QueryAnswer, QueryDefinition, QueryEvent, QueryFailure, QueryTask } from './query-worker.ts'

/** What a query may hold in memory, its states included. A thread would not do: one that runs out of memory ends the node. */
const HEAP_MB = 128
const WORKER = fileURLToPath(new URL(`./query-worker${import.meta.url.slice(-3)}`, import.meta.url))
/** It may read the node's own code, and nothing else of the machine. */
const LIMITS = [
  ...[`--max-old-space-size=${HEAP_MB}`, '--permission', '--no-warnings'],
  `--allow-fs-read=${fileURLToPath(new URL('..', import.meta.url))}`,
  // Of a packed one, its manifest is outside.
  `--allow-fs-read=${fileURLToPath(new URL('../../package.json', import.meta.url))}`,
]

export class QueryError extends Error {
  override readonly name = 'QueryError'
}

export type RunningQuery = {
  readonly definition: QueryDefinition
  /** Rejects with `QueryError`; then it is of no use any more. */
  readonly run: (events: ReadonlyArray<QueryEvent>) => Promise<QueryAnswer>
  readonly close: () => void
}

/** Reads the query and begins with these states. Rejects with `QueryError`. */
export const startQuery = async (task: QueryTask): Promise<RunningQuery> => {
  const child = fork(WORKER, { execArgv: LIMITS, env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  /** While nothing is asked of it, it does not keep the node from ending. */
  const hold = (to: 'ref' | 'unref'): void => {
    child[to]()
    child.channel?.[to]()
  }
  /** Who waits for its next word. */
  let waiting:
    | { readonly resolve: (text: string) => void; readonly reject: (error: QueryError) => void }
    | undefined
  let ended: string | undefined
  const fail = (why: string): void => {
    ended ??= why
    waiting?.reject(new QueryError(ended))
  }
  child.on('message', (text: string) => waiting?.resolve(text))
  child.on('error', (error) => fail(error.message))
  child.on('exit', (_, signal) =>
    fail(signal === 'SIGKILL' ? 'it was ended' : `it took more than ${HEAP_MB} MB of memory`),
  )
  const ask = async <T extends object>(asked: QueryTask | ReadonlyArray<QueryEvent>): Promise<T> => {
    if (ended !== undefined) throw new QueryError(ended)
    hold('ref')
    const text = await new Promise<string>((resolve, reject) => {
      waiting = { resolve, reject }
      child.send(asked, (error) => error !== null && fail(error.message))
    }).finally(() => hold('unref'))
    const told = JSON.parse(text) as T | QueryFailure
    if ('error' in told) throw new QueryError(told.error)
    return told
  }
  const close = (): void => void child.kill('SIGKILL')
  try {
    const { query, isEmitting, kept } = task
    const definition = await ask<QueryDefinition>({ query, isEmitting, kept })
    return { definition, close, run: (events) => ask<QueryAnswer>(events) }
  } catch (error) {
    close()
    throw error
  }
}
