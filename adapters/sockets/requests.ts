/** Each event that a client may send: its payload, its command, and its answer. */
import * as E from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import type { ChatCommand } from '../../domain/chat/commands.ts'
import type { ChatEvent } from '../../domain/chat/events.ts'
import { canonicalId } from '../../domain/chat/text.ts'
import { parseSpace, type SpaceRef } from '../../domain/names.ts'
import type { Accepted, Clock, Commands, Ids } from '../../domain/ports.ts'
import type { SpaceCommand } from '../../domain/space/commands.ts'
import { heldEdit, isWaiting } from '../waiting-message.ts'
import { type Answer, doneAt, failed, notInRoom, told } from './answers.ts'
import { commandIn, type Elsewhere, ON_WIRE, type OnWire, payloadOf } from './command-payloads.ts'
import type { Ephemeral } from './ephemeral/parts.ts'
import { filterRequests } from './filtering.ts'
import { type Member, type RoomPlace, senderOf } from './member.ts'
import type { Membership } from './membership.ts'
import * as p from './payloads.ts'
import { usersPage } from './people.ts'
import { SIGNALS, type SignalEvent } from './relayed.ts'
import { Report, reporting } from './reporting.ts'
import type { Requests, SocketRequest } from './request.ts'
import type { PinnedEntities } from './scene/pinned-entities.ts'
import { sceneRequests } from './scene/requests.ts'
import type { Scenes } from './scene/scenes.ts'
import { voiceRequests } from './voice/requests.ts'
import type { Voices } from './voice/voices.ts'

export type { Requests, SocketRequest } from './request.ts'

export const createRequests = (deps: {
  readonly commands: Commands
  readonly membership: Membership
  readonly ephemeral: Ephemeral
  readonly scenes: Scenes
  readonly pinnedEntities: PinnedEntities
  readonly voices: Voices
  readonly clock: Clock
  readonly ids: Ids
}): Requests => {
  const { commands, membership, ephemeral, ids } = deps

  const request = <A>(
    codec: t.Type<A, unknown, unknown>,
    handle: (member: Member, asked: A) => Answer | Promise<Answer>,
    rest: { readonly channel?: 'space' | 'chat'; readonly waits?: boolean } = {},
  ): SocketRequest => ({
    channel: rest.channel ?? 'space',
    waits: rest.waits ?? true,
    handle: (member, payload) => {
      const asked = p.decodePayload(codec, payload)
      return E.isLeft(asked) ? told(asked.left) : handle(member, asked.right)
    },
  })

  const sendSpace = async (member: Member, space: SpaceRef, command: SpaceCommand): Promise<Answer> => {
    const outcome = await commands.space({ ...senderOf(member), space, id: ids.uuid(), command })()
    if (E.isLeft(outcome)) return failed(outcome.left)
    return doneAt(outcome.right)
  }

  /** For commands about the space that the payload names, or the one that the socket is in. */
  const onSpace =
    (onWire: OnWire) =>
    (member: Member, asked: Readonly<Record<string, unknown>> & Elsewhere): Answer | Promise<Answer> => {
      const { place } = member
      const command = commandIn(onWire, asked, place?.sessionId ?? null)
      if (E.isLeft(command)) return command.left === 'not in a room' ? notInRoom : told(command.left)
      if (asked.spaceType != null || asked.spaceId != null) {
        const space = parseSpace(asked.spaceType, asked.spaceId)
        return E.isLeft(space) ? failed(space.left) : sendSpace(member, space.right, command.right)
      }
      return place === null ? notInRoom : sendSpace(member, place.hold.live.space, command.right)
    }

  const onChat =
    <A>(
      commandOf: (asked: A, place: RoomPlace) => ChatCommand,
      answerOf: (
        accepted: Accepted<ChatEvent>,
        command: ChatCommand,
        space: SpaceRef,
      ) => Answer | Promise<Answer>,
    ) =>
    async (member: Member, asked: A): Promise<Answer> => {
      const { place } = member
      if (place === null) return notInRoom
      const { space } = place.hold.live
      const command = commandOf(asked, place)
      const outcome = await commands.chat({ ...senderOf(member), space, id: ids.uuid(), command })()
      if (E.isLeft(outcome)) return failed(outcome.left)
      return answerOf(outcome.right, command, space)
    }
  const messageAnswer = (accepted: Accepted<ChatEvent>, { messageId }: ChatCommand): Answer =>
    doneAt(accepted, { message_id: canonicalId(messageId) })
  const editAnswer = (accepted: Accepted<ChatEvent>, { messageId }: ChatCommand): Answer =>
    doneAt(accepted, { message_id: canonicalId(messageId), ...heldEdit(accepted.events) })
  /** The same answer, and whether the message waits for a moderator: a message that is sent again may still wait. */
  const postAnswer = async (
    accepted: Accepted<ChatEvent>,
    { messageId }: ChatCommand,
    space: SpaceRef,
  ): Promise<Answer> => {
    const id = canonicalId(messageId)
    const isHeld = await isWaiting(commands, space, id, accepted.events)
    return doneAt(accepted, { message_id: id, ...(isHeld ? { held: true } : {}) })
  }

  const CHAT = { channel: 'chat' } as const
  const AT_ONCE = { waits: false } as const
  return new Map<string, SocketRequest>([
    ['join-space', request(p.JoinSpacePayload, membership.join, AT_ONCE)],
    ['users-page', request(p.UsersPage, usersPage(deps.clock))],
    ['leave-space', request(p.Nothing, (member) => membership.leave(member), AT_ONCE)],
    [
      'chat-message',
      request(
        p.ChatMessage,
        onChat(
          (asked, place): ChatCommand => ({
            type: 'PostMessage',
            messageId: asked.message_id ?? ids.uuid(),
            fresh: asked.message_id == null,
            subspace: place.subspace,
            content: asked.content,
            messageType: asked.message_type ?? 'text',
            parentMessageId: asked.parent_message_id ?? null,
          }),
          postAnswer,
        ),
        CHAT,
      ),
    ],
    [
      'chat-edit',
      request(
        p.ChatEdit,
        onChat(
          (asked): ChatCommand => ({
            type: 'EditMessage',
            messageId: asked.message_id,
            content: asked.content,
          }),
          editAnswer,
        ),
        CHAT,
      ),
    ],
    [
      'chat-delete',
      request(
        p.ChatDelete,
        onChat(
          (asked): ChatCommand => ({ type: 'DeleteMessage', messageId: asked.message_id }),
          messageAnswer,
        ),
        CHAT,
      ),
    ],
    [
      'chat-reaction',
      request(
        p.ChatReaction,
        onChat(
          (asked): ChatCommand => ({
            type: asked.remove === true ? 'RemoveReaction' : 'AddReaction',
            messageId: asked.message_id,
            emoji: asked.emoji,
          }),
          messageAnswer,
        ),
        CHAT,
      ),
    ],
    ['report', request(Report, reporting({ commands, ids }))],
    ...filterRequests(request, { commands, ids }),
    ...ON_WIRE.map((onWire): [string, SocketRequest] => [
      onWire.wire.socket,
      request(payloadOf(onWire), onSpace(onWire)),
    ]),
    ...(Object.keys(SIGNALS) as SignalEvent[]).map((event): [string, SocketRequest] => [
      event,
      request(p.Signal, (member, asked) =>
        ephemeral.signal(member, event, asked.targetSocketId, asked[SIGNALS[event]]),
      ),
    ]),
    ['aframe-update', request(p.AframeUpdate, (member, asked) => ephemeral.aframe(member, asked))],
    ...sceneRequests({ scenes: deps.scenes, pinnedEntities: deps.pinnedEntities, uuid: ids.uuid }),
    ...voiceRequests(deps.voices, () => deps.clock.now()),
    ['room-data', request(p.RoomData, (member, asked) => ephemeral.data(member, asked))],
  ])
}
