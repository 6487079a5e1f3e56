/** Looks up messages that the chat's window no longer has in the read model, and words that it has lost on the log. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { Found, MessageFacts } from '../../domain/chat/state.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { EventLog, PassedEvent, RecordedEvent } from '../../domain/ports.ts'
import type { MessageRecord as MessageRow, ReadModels } from '../../projections/read-models.ts'
import { deleted, type Trouble } from './model.ts'
import { chatModel } from './models.ts'

export type LookupUnavailable = { readonly _tag: 'LookupUnavailable'; readonly cause: string }

/** What the read model, once it has everything up to `position`, says about these messages of the space: null for one
 *  that does not exist. */
export type MessageLookup = ((
  space: SpaceRef,
  messageIds: ReadonlyArray<string>,
  position: bigint,
) => TaskEither<LookupUnavailable, Found>) & {
  /** Called when people are in the space, and it has more messages than are remembered. */
  readonly warm?: (space: SpaceRef) => void
  /** Takes an event of the log, in `$all` order. */
  readonly observe?: (event: RecordedEvent) => void
  /** Whether it is to observe the events of this stream, and what it is told of others. */
  readonly wants?: (stream: string) => boolean
  readonly passed?: (event: PassedEvent) => void
}

/** How long the read model may take to get there, in ms. */
const PATIENCE = 2_000

const factsOf = (row: MessageRow & { readonly edited?: boolean }): MessageFacts => ({
  author: row.account ?? row.guest ?? '',
  subspace: row.subspace,
  messageType: row.messageType,
  content: row.content,
  parentMessageId: row.parentMessageId,
  threadRootId: row.threadRootId,
  // If it is unknown, its first words may be gone: its id and author must suffice.
  edited: row.edited ?? true,
  deleted: row.deleted,
  reactions: row.reactions.map(({ emoji, by }) => ({ subject: by, emoji })),
})

export const lookupIn =
  (models: Pick<ReadModels, 'waitFor' | 'message'>): MessageLookup =>
  (space, messageIds, position) =>
  async () => {
    const unavailable = (cause: string): E.Either<LookupUnavailable, never> =>
      E.left({ _tag: 'LookupUnavailable', cause })
    const isThere = await models.waitFor(position, PATIENCE)()
    if (E.isLeft(isThere)) return unavailable(isThere.left.cause)
    if (!isThere.right) return unavailable('the read model lags behind the chat')
    const found = new Map<string, MessageFacts | null>()
    for (const id of messageIds) {
      const row = await models.message(space, id)()
      if (E.isLeft(row)) return unavailable(row.left.cause)
      found.set(id, row.right === null ? null : factsOf(row.right))
    }
    return E.right(found)
  }

/** The message as it was posted at `revision`, or held there by a filter, under its id. A message whose words were
 *  erased counts as edited if it was posted; one that was held has no words any more, so nobody can repeat it. Null if it is
 *  not on the log any more. */
export const readPosting = async (
  log: EventLog,
  stream: string,
  revision: number,
): Promise<E.Either<Trouble, readonly [string, MessageFacts] | null>> => {
  const broken = (cause: string): E.Either<Trouble, never> =>
    E.left({ _tag: 'Trouble', cause, broken: 'unreadable' })
  const read = await log.readStream(stream, { from: BigInt(revision), limit: 1 })()
  if (E.isLeft(read))
    return E.left(
      read.left._tag === 'StreamDeleted' ? deleted(stream) : { _tag: 'Trouble', cause: read.left.cause },
    )
  const [recorded] = read.right
  // If the stream was cut, reading begins later.
  if (recorded === undefined || recorded.revision !== BigInt(revision)) return E.right(null)
  const decoded = chatModel.decode(recorded)
  if (E.isLeft(decoded)) return broken(`event ${revision} of ${stream} can't be read`)
  const { event } = decoded.right
  if (event.type !== 'MessagePosted' && event.type !== 'MessageHeld')
    return broken(`event ${revision} of ${stream} is no posting`)
  const { messageId, account, guest, subspace, messageType, content, parentMessageId, threadRootId } =
    event.data
  return E.right([
    messageId,
    {
      author: account ?? guest ?? '',
      subspace,
      messageType,
      content,
      parentMessageId,
      threadRootId,
      // No message is empty.
      edited: content === '' && event.type === 'MessagePosted',
      deleted: false,
      reactions: [],
    },
  ])
}
