/** Runs a JavaScript query in a process of its own: reads what it declares, and gives it events. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type {
  QueryAnswer,
  QueryDefinition,
  QueryEvent,
  QueryFailure,
  QueryOutcome,
  QueryTask,
} from './query-worker.ts'

/** The memory of a query in MB, its states included. It is a process because a thread that runs out of memory ends the
 *  node. */
const HEAP_MB = 128
const WORKER = fileURLToPath(new URL(`./query-worker${import.meta.url.slice(-3)}`, import.meta.url))
/** The process may read the node's own code, and nothing else on the machine. */
const LIMITS = [
  ...[`--max-old-space-size=${HEAP_MB}`, '--permission', '--no-warnings'],
  `--allow-fs-read=${fileURLToPath(new URL('..', import.meta.url))}`,
  // A packed node's manifest lies outside its folder.
  `--allow-fs-read=${fileURLToPath(new URL('../../package.json', import.meta.url))}`,
]

/** Longer than the limits inside the process: one that does not answer within this time is ended. */
const SILENT_MS = 30_000

export class QueryError extends Error {
  override readonly name = 'QueryError'
}

export type RunningQuery = {
  readonly definition: QueryDefinition
  /** Rejects with `QueryError`; then the process can't be used any more. */
  readonly run: (events: ReadonlyArray<QueryEvent>) => Promise<QueryAnswer>
  readonly close: () => void
}

const UNREADABLE = 'its answer can’t be read'
const isText = (value: unknown): value is string => typeof value === 'string'
const isList = (value: unknown, isOne: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isOne)
const fromText = (text: string): object => {
  try {
    const told: unknown = JSON.parse(text)
    if (typeof told === 'object' && told !== null) return told
  } catch {
    // Treated like any other malformed answer.
  }
  throw new QueryError(UNREADABLE)
}
/** A query can change the language's own objects and with them its answers, so only answers of the right shape are
 *  accepted. */
const isDefinition = ({ streams, resultStream }: QueryDefinition): boolean =>
  isList(streams, isText) && (resultStream === null || isText(resultStream))
const isOutcome = (one: unknown): boolean => {
  if (one === null) return true
  const { partition, state, result, emitted } = one as Partial<NonNullable<QueryOutcome>>
  return (
    isText(partition) &&
    isText(state) &&
    isText(result) &&
    isList(emitted, (each) => isList(each, isText) && (each as unknown[]).length === 4)
  )
}
const isAnswer = ({ done, failed }: QueryAnswer, asked: number): boolean =>
  isList(done, isOutcome) &&
  done.length === (failed?.at ?? asked) &&
  (failed === undefined || (failed.at < asked && isText(failed.why)))

/** Reads the query and begins with these states. Rejects with `QueryError`. */
export const startQuery = async (task: QueryTask): Promise<RunningQuery> => {
  const child = fork(WORKER, { execArgv: LIMITS, env: {}, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  /** An idle process does not keep the node from ending. */
  const hold = (to: 'ref' | 'unref'): void => {
    child[to]()
    child.channel?.[to]()
  }
  /** The caller that waits for the next answer. */
  let waiting:
    | { readonly resolve: (text: string) => void; readonly reject: (error: QueryError) => void }
    | undefined
  let ended: string | undefined
  const close = (): void => void child.kill('SIGKILL')
  const fail = (why: string): void => {
    ended ??= why
    waiting?.reject(new QueryError(ended))
  }
  child.on('message', (text: string) => waiting?.resolve(text))
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) =>
    fail(
      code !== null
        ? `its process ended with code ${code}`
        : signal === 'SIGKILL'
          ? 'it was ended'
          : `it took more than ${HEAP_MB} MB of memory`,
    ),
  )
  const ask = async <T extends object>(asked: QueryTask | ReadonlyArray<QueryEvent>): Promise<T> => {
    if (ended !== undefined) throw new QueryError(ended)
    hold('ref')
    const silent = setTimeout(() => {
      fail(`it did not answer within ${SILENT_MS / 1_000} s`)
      close()
    }, SILENT_MS)
    const text = await new Promise<string>((resolve, reject) => {
      waiting = { resolve, reject }
      child.send(asked, (error) => error !== null && fail(error.message))
    }).finally(() => {
      clearTimeout(silent)
      hold('unref')
    })
    const told = fromText(text) as T | QueryFailure
    if ('error' in told) throw new QueryError(String(told.error))
    return told
  }
  try {
    const { query, isEmitting, kept } = task
    const definition = await ask<QueryDefinition>({ query, isEmitting, kept })
    if (!isDefinition(definition)) throw new QueryError(UNREADABLE)
    return {
      ...{ definition, close },
      run: async (events) => {
        const answer = await ask<QueryAnswer>(events)
        if (!isAnswer(answer, events.length)) throw new QueryError(UNREADABLE)
        return answer
      },
    }
  } catch (error) {
    close()
    throw error
  }
}
