/** Reasons why a moment can't be told. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Archived, RecordedEvent, StreamRead, StreamReader } from '../../domain/ports.ts'

export type MomentError =
  | { readonly _tag: 'LogUnavailable'; readonly cause: string }
  /** It is no longer on the log. `archive` says where it is; null if nothing does. */
  | { readonly _tag: 'Archived'; readonly cause: string; readonly archive: Archived | null }
  /** An event on the way can't be read by this version. */
  | { readonly _tag: 'Unreadable'; readonly cause: string }
  /** `detail` is a sentence. */
  | { readonly _tag: 'NoSuchMoment'; readonly field: 'revision' | 'position'; readonly detail: string }
  | { readonly _tag: 'NoSuchEvent' }

/** Ends a fold early, inside this folder only: `told` turns it back into a value. */
export class Failed extends Error {
  override readonly name = 'Failed'
  readonly error: MomentError
  constructor(error: MomentError) {
    super('cause' in error ? error.cause : error._tag)
    this.error = error
  }
}

export const told =
  <A>(run: () => Promise<A>): TaskEither<MomentError, A> =>
  async () => {
    try {
      return E.right(await run())
    } catch (error) {
      if (error instanceof Failed) return E.left(error.error)
      throw error
    }
  }

export const isArchived = (error: unknown): boolean =>
  error instanceof Failed && error.error._tag === 'Archived'

/** Returns no events if there is no stream. */
export const readEvents = async (
  log: StreamReader,
  stream: string,
  read: StreamRead,
): Promise<ReadonlyArray<RecordedEvent>> => {
  const events = await log.readStream(stream, read)()
  if (E.isRight(events)) return events.right
  if (events.left._tag === 'StreamDeleted') return []
  const { cause, archive } = events.left
  throw new Failed(
    archive === undefined ? { _tag: 'LogUnavailable', cause } : { _tag: 'Archived', cause, archive },
  )
}
