/** What is put on the log for a decided command: its events with ids and metadata, or its refusal. */
import { hash } from 'node:crypto'
import { isLoopback, networkOf } from '../../adapters/addresses.ts'
import { isCaseCommand } from '../../domain/cases/commands.ts'
import type { CaseRefusal } from '../../domain/cases/refusals.ts'
import { type AnyEvent, encodeEvent } from '../../domain/codec.ts'
import type { SentCommand } from '../../domain/commands.ts'
import { eventId } from '../../domain/ids.ts'
import { type Grounds, type Metadata, SCHEMA } from '../../domain/metadata.ts'
import { type SpaceRef, type StreamKind, streamName } from '../../domain/names.ts'
import type { CommandRequest, Ids, NewEvent } from '../../domain/ports.ts'
import { codeOf } from '../../domain/refused.ts'
import { RULES } from '../../domain/rules.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import { askedFor, factsToKeep, isNamed, type SeenRevisions } from '../../domain/space/facts.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import type { RefusalNote } from './refusal-log.ts'
import { keptDigest } from './same-command.ts'

export type AnyRequest = CommandRequest<SentCommand>

/** What a decision was based on, as far as its events' metadata record it. */
export type Basis = {
  readonly at: string
  readonly grounds: Grounds
  /** Null: no facts were requested. */
  readonly facts: ContentFacts | null
  readonly opened: SpaceState['opened']
  readonly isOpening: boolean
  readonly seen: SeenRevisions | null
}

const digest = (text: string): string => hash('sha1', text, 'hex')
const idOf = eventId(digest)

/** A refused command may name anything: only proper names are kept. */
const nameIn = (field: string, value: string | undefined): string | undefined =>
  value !== undefined && isNamed(field, value) ? value : undefined

/** A refusal for a space that the caller may not know of looks like one for a space that does not exist: the same
 *  events with the same length, so that positions do not distinguish the two. */
const HIDDEN = 320
const padded = <M extends Metadata>(metadata: M): M => {
  const { content, seen } = metadata
  const pad = '.'.repeat(Math.max(0, HIDDEN - JSON.stringify({ content, seen }).length))
  return { ...metadata, pad }
}
/** The stream's place for a refusal about a space that does not exist, or about cases, which the space's moderators may
 *  not read: since the name is a caller's words, which would be there for good, it is replaced by one of the same
 *  length. */
const placeFor = (space: SpaceRef, isThere: boolean): string => {
  const stream = streamName('refusal', space)
  if (isThere) return stream
  const start = streamName('refusal', { type: 'document', id: '' })
  const length = Math.max(1, Buffer.byteLength(stream) - start.length)
  const hex = hash('sha256', stream, 'hex')
  return start + hex.repeat(Math.ceil(length / hex.length)).slice(0, length)
}

const targetOf = (command: SentCommand): string | undefined => {
  if ('account' in command) return command.account
  if ('subject' in command) return command.subject
  if ('sessionId' in command) return command.sessionId
  if ('messageId' in command) return command.messageId
  return undefined
}

const whoOf = ({ by, client }: AnyRequest): string =>
  by.kind === 'guest' && client?.ip !== undefined && !isLoopback(client.ip)
    ? `ip ${networkOf(client.ip)}`
    : by.id

const scopeOf = ({ by }: AnyRequest, stream: string): string => `${by.kind}:${by.id} ${stream}`

export type Recording = {
  readonly eventsOf: (
    kind: StreamKind,
    request: AnyRequest,
    events: ReadonlyArray<AnyEvent>,
    basis: Basis,
  ) => ReadonlyArray<NewEvent>
  readonly refusalOf: (request: AnyRequest, refusal: CaseRefusal, basis: Basis) => RefusalNote
}

export const createRecording = (
  ids: Ids,
  node: { readonly id: string; readonly boot: string },
): Recording => {
  const metadataOf = (request: AnyRequest, basis: Basis): Metadata => {
    const { by, client, correlationId, id, command } = request
    const { at, grounds, facts, opened, isOpening, seen } = basis
    const content = facts === null ? null : factsToKeep(command, facts, opened, isOpening)
    const metadata = {
      $correlationId: correlationId ?? id,
      $causationId: id,
      command: { id, type: command.type },
      actor: { kind: by.kind, id: by.id },
      node: node.id,
      at,
      schema: SCHEMA,
      rules: RULES,
      grounds,
      ...(content === null ? {} : { content }),
      ...(seen === null ? {} : { seen }),
      ...(request.isIdChosen === true ? { asked: keptDigest(command) } : {}),
    }
    if (client === undefined || (client.ip === undefined && client.userAgent === undefined)) return metadata
    const { ip, userAgent } = client
    return {
      ...metadata,
      client: { ...(ip === undefined ? {} : { ip }), ...(userAgent === undefined ? {} : { userAgent }) },
    }
  }

  return {
    // Ids derive from what was decided, not from the command alone: the log takes a repeated id for the same event, so
    // if two processes carry out one command at once, only the one whose events are there may believe so.
    eventsOf: (kind, request, events, basis) => {
      const scope = `${scopeOf(request, streamName(kind, request.space))} ${node.boot} ${basis.at}`
      const metadata = metadataOf(request, basis)
      return events.map((event, i) => ({ id: idOf(request.id, i, scope), ...encodeEvent(event, metadata) }))
    },
    refusalOf: (request, refusal, basis) => {
      const { space, id, command } = request
      // A room's moderators may read its refusals, and a case may be about one of them.
      const isOfRoom = !isCaseCommand(command)
      const isThere = basis.facts === null ? basis.opened !== null : basis.facts.exists
      const stream = placeFor(space, isThere && isOfRoom)
      const reason = codeOf(refusal)
      const target = nameIn('target', targetOf(command))
      const subspace = 'subspace' in command ? nameIn('subspace', command.subspace) : undefined
      const metadata = metadataOf(request, basis)
      const dataOf = (detail: unknown) => ({
        command: command.type,
        reason,
        at: basis.at,
        ...(subspace === undefined ? {} : { subspace }),
        ...(target === undefined ? {} : { target }),
        ...(detail === undefined ? {} : { detail }),
        asked: askedFor(command),
      })
      return {
        stream,
        who: whoOf(request),
        command: command.type,
        reason,
        event: (detail, isSummary = false) => ({
          id: isSummary ? ids.uuid() : idOf(id, 0, scopeOf(request, stream)),
          ...encodeEvent(
            { type: 'CommandRefused', data: dataOf(detail) },
            refusal._tag === 'SpaceNotFound' || !isOfRoom ? padded(metadata) : metadata,
          ),
        }),
      }
    },
  }
}
