/** Releases a message that a filter caught: first the moderator's approval and then, if the message waits, its posting (an edit's
 *  writing), under the name and the key of whoever wrote it. Each is one append; after the first, the second can be continued. */
import { createHash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { ApproveMessage, ChatCommand } from '../../domain/chat/commands.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { Filtered } from '../../domain/chat/filtered.ts'
import type { ChatRefusal } from '../../domain/chat/refusals.ts'
import type { MessageFacts } from '../../domain/chat/state.ts'
import { canonicalId } from '../../domain/chat/text.ts'
import type { Caller } from '../../domain/identity.ts'
import { derivedUuid } from '../../domain/ids.ts'
import { isGuest, isService, type SpaceRef, streamName } from '../../domain/names.ts'
import type { Accepted, CommandError, CommandRequest, EventLog } from '../../domain/ports.ts'
import { troubled } from './jobs.ts'
import { readPosting } from './message-lookup.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

type Outcome = E.Either<CommandError<ChatRefusal>, Accepted<ChatEvent>>
export type LettingThrough = {
  readonly log: EventLog
  readonly filtered: (space: SpaceRef) => Promise<E.Either<CommandError<never>, Filtered>>
  readonly chat: (request: CommandRequest<ChatCommand>) => Promise<Outcome>
}

/** `edits`: the message that it would rewrite; null if it is no edit. */
type Held = MessageFacts & { readonly isApproved: boolean; readonly edits: string | null }

/** The message as it was sent; null if none waits under that id. Its words are empty if they were erased, and it counts as
 *  deleted if it is not on the log any more. */
export const heldMessage = async (
  { log, filtered }: Pick<LettingThrough, 'log' | 'filtered'>,
  space: SpaceRef,
  messageId: string,
): Promise<E.Either<CommandError<never>, Held | null>> => {
  const looked = await filtered(space)
  if (E.isLeft(looked)) return looked
  const caught = looked.right.caught.get(canonicalId(messageId))
  if (caught?.held !== true) return E.right(null)
  const read = await readPosting(log, streamName('chat', space), caught.revision)
  if (E.isLeft(read)) return troubled(read.left)
  const isApproved = caught.approvedBy !== null
  const { author, subspace, edits = null } = caught
  const gone = { messageType: 'text', content: '', parentMessageId: null, threadRootId: null }
  if (read.right === null)
    return E.right({
      author,
      subspace,
      ...gone,
      edited: false,
      deleted: true,
      reactions: [],
      isApproved,
      edits,
    })
  return E.right({ ...read.right[1], isApproved, edits })
}

/** With the id under which the edit waits if a filter holds it. Nobody can choose it, since it is a digest. */
export const withEditId = (request: CommandRequest<ChatCommand>): CommandRequest<ChatCommand> => {
  const { command, id } = request
  if (command.type !== 'EditMessage' || command.editId !== undefined) return request
  return { ...request, command: { ...command, editId: derivedUuid(sha256, `edit ${id}`) } }
}

const callerOf = (id: string): Caller => {
  if (isGuest(id)) return { kind: 'guest', id }
  return { kind: isService(id) ? 'service' : 'account', id }
}

export const letThrough = async (
  parts: LettingThrough,
  request: CommandRequest<ApproveMessage>,
): Promise<Outcome> => {
  const approved = await parts.chat(request)
  if (E.isLeft(approved)) return approved
  const { space, id, correlationId } = request
  const messageId = canonicalId(request.command.messageId)
  const held = await heldMessage(parts, space, messageId)
  if (E.isLeft(held)) return held
  if (held.right === null || !held.right.isApproved) return approved
  const { author, subspace, content, messageType, parentMessageId, edits } = held.right
  // Its words were erased while it waited, or it is not on the log any more.
  if (content === '') return E.left({ _tag: 'Refused', refusal: { _tag: 'MessageNotFound' } })
  return parts.chat({
    by: callerOf(author),
    space,
    id: derivedUuid(sha256, `post ${id}`),
    correlationId: correlationId ?? id,
    command:
      edits === null
        ? {
            type: 'PostMessage',
            messageId,
            fresh: false,
            subspace,
            content,
            messageType,
            parentMessageId,
          }
        : { type: 'EditMessage', messageId: edits, content, heldAs: messageId },
  })
}
