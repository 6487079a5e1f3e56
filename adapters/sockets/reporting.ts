/** A report sent over a socket: about a message, a person by name, whoever has a session in the same room, or a pinned entity. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import type { CaseTarget } from '../../domain/cases/commands.ts'
import { MAIN, parseSpace, type SpaceRef } from '../../domain/names.ts'
import type { Commands, Ids } from '../../domain/ports.ts'
import { invalid } from '../refusals.ts'
import { type Answer, failed, notInRoom, told } from './answers.ts'
import { type Member, senderOf } from './member.ts'
import { optional, Text } from './payload-parts.ts'

export const Report = t.type({
  message_id: optional(Text),
  subject: optional(Text),
  session_id: optional(Text),
  entity_id: optional(Text),
  /** The room of a reported entity; the socket's own if it is left out. */
  subspace: optional(Text),
  text: optional(Text),
  spaceType: optional(Text),
  spaceId: optional(Text),
})
type Report = t.TypeOf<typeof Report>

const NO_SESSION: Answer = {
  ok: false,
  code: 'session_not_found',
  error: 'There is no such session in this space.',
}

/** The space that the payload names, or the one that the socket is in. */
export const spaceNamed = (
  { place }: Member,
  { spaceType, spaceId }: { readonly spaceType?: string | null; readonly spaceId?: string | null },
): E.Either<Answer, SpaceRef> => {
  if (spaceType == null && spaceId == null)
    return place === null ? E.left(notInRoom) : E.right(place.hold.live.space)
  return E.mapLeft(failed)(parseSpace(spaceType, spaceId))
}

const targetOf = ({ place }: Member, asked: Report): E.Either<Answer, CaseTarget> => {
  const { message_id, subject, session_id, entity_id } = asked
  const named = [message_id, subject, session_id, entity_id].filter((one) => one != null)
  if (named.length !== 1)
    return E.left(told(invalid('message_id', 'Name one of message_id, subject, session_id and entity_id.')))
  if (message_id != null) return E.right({ kind: 'message', messageId: message_id })
  if (subject != null) return E.right({ kind: 'person', subject })
  if (entity_id != null) {
    const subspace = asked.subspace ?? place?.subspace ?? MAIN
    return E.right({ kind: 'entity', entityId: entity_id, subspace })
  }
  const session = place?.hold.live.state.sessions.get(session_id!)
  const who = session?.account ?? session?.guest ?? null
  return who === null ? E.left(NO_SESSION) : E.right({ kind: 'person', subject: who })
}

export const reporting =
  ({ commands, ids }: { readonly commands: Commands; readonly ids: Ids }) =>
  async (member: Member, asked: Report): Promise<Answer> => {
    const space = spaceNamed(member, asked)
    if (E.isLeft(space)) return space.left
    const target = targetOf(member, asked)
    if (E.isLeft(target)) return target.left
    const reportId = ids.uuid()
    const words = asked.text ?? ''
    const command = { type: 'FileReport', reportId, caseId: ids.uuid(), target: target.right, words } as const
    const request = {
      ...senderOf(member),
      space: space.right,
      id: ids.uuid(),
      correlationId: reportId,
      command,
    }
    const outcome = await commands.cases(request)()
    // Without a revision, which would reveal how much others report.
    return E.isLeft(outcome)
      ? failed(outcome.left)
      : { ok: true, report_id: reportId, position: String(outcome.right.position) }
  }
