/** A socket's requests about filters and the messages that they caught: of the space that the payload names, or else of
 *  the socket's own. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { canonicalId } from '../../domain/chat/text.ts'
import type { Commands, Ids } from '../../domain/ports.ts'
import { FilterAct } from '../../domain/space/filter.ts'
import { type Answer, doneAt, failed } from './answers.ts'
import { type Member, senderOf } from './member.ts'
import { optional, Text } from './payload-parts.ts'
import { spaceNamed } from './reporting.ts'
import type { SocketRequest } from './request.ts'

const elsewhere = { spaceType: optional(Text), spaceId: optional(Text) }
export const FilterSetPayload = t.type({
  filter_id: Text,
  words: optional(t.readonlyArray(Text)),
  count: optional(t.number),
  seconds: optional(t.number),
  acts: t.readonlyArray(FilterAct),
  mute_seconds: optional(t.number),
  ...elsewhere,
})
export const FilterRemovePayload = t.type({ filter_id: Text, ...elsewhere })
export const MessageApprovePayload = t.type({ message_id: Text, ...elsewhere })
export const MessageDropPayload = t.type({ message_id: Text, reason: optional(Text), ...elsewhere })

type Elsewhere = { readonly spaceType?: string | null; readonly spaceId?: string | null }
type Made = <A>(
  codec: t.Type<A, unknown, unknown>,
  handle: (member: Member, asked: A) => Answer | Promise<Answer>,
  rest?: { readonly channel?: 'space' | 'chat' },
) => SocketRequest

export const filterRequests = (
  request: Made,
  { commands, ids }: { readonly commands: Commands; readonly ids: Ids },
): ReadonlyArray<[string, SocketRequest]> => {
  const base = (member: Member, asked: Elsewhere) =>
    E.map((space: Parameters<Commands['look']>[0]) => ({ ...senderOf(member), space, id: ids.uuid() }))(
      spaceNamed(member, asked),
    )
  const chat = { channel: 'chat' } as const
  return [
    [
      'filter-set',
      request(FilterSetPayload, async (member, asked) => {
        const of = base(member, asked)
        if (E.isLeft(of)) return of.left
        const { filter_id: filterId, acts } = asked
        const [words, count, seconds] = [asked.words ?? null, asked.count ?? null, asked.seconds ?? null]
        const muteSeconds = asked.mute_seconds ?? null
        const command = { type: 'SetFilter', filterId, words, count, seconds, acts, muteSeconds } as const
        const outcome = await commands.space({ ...of.right, command })()
        return E.isLeft(outcome) ? failed(outcome.left) : doneAt(outcome.right)
      }),
    ],
    [
      'filter-remove',
      request(FilterRemovePayload, async (member, asked) => {
        const of = base(member, asked)
        if (E.isLeft(of)) return of.left
        const command = { type: 'RemoveFilter', filterId: asked.filter_id } as const
        const outcome = await commands.space({ ...of.right, command })()
        return E.isLeft(outcome) ? failed(outcome.left) : doneAt(outcome.right)
      }),
    ],
    [
      'message-approve',
      request(
        MessageApprovePayload,
        async (member, asked) => {
          const of = base(member, asked)
          if (E.isLeft(of)) return of.left
          const messageId = canonicalId(asked.message_id)
          const command = { type: 'ApproveMessage', messageId } as const
          const outcome = await commands.letThrough({ ...of.right, command })()
          return E.isLeft(outcome) ? failed(outcome.left) : doneAt(outcome.right, { message_id: messageId })
        },
        chat,
      ),
    ],
    [
      'message-drop',
      request(
        MessageDropPayload,
        async (member, asked) => {
          const of = base(member, asked)
          if (E.isLeft(of)) return of.left
          const messageId = canonicalId(asked.message_id)
          const command = { type: 'DropMessage', messageId, reason: asked.reason ?? null } as const
          const outcome = await commands.chat({ ...of.right, command })()
          return E.isLeft(outcome) ? failed(outcome.left) : doneAt(outcome.right, { message_id: messageId })
        },
        chat,
      ),
    ],
  ]
}
