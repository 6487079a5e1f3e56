/** What a decision depends on besides the history, and how the log records it so that the decision can be made again. */
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { parseEmoji } from '../chat/text.ts'
import { isSentName, type SentCommand, sentEntry } from '../commands.ts'
import type { Grounds } from '../grounds.ts'
import { isSubject } from '../identity.ts'
import { parseSubspace } from '../names.ts'
import { parseUntil } from '../text.ts'
import type { ContentFacts } from './commands.ts'
import type { SpaceEvent } from './events.ts'
import type { SpaceState } from './state.ts'

const nullable = <C extends t.Mixed>(codec: C) => t.union([codec, t.null])

/** The content's facts in an event's metadata, recorded if they differ from those with which the space was opened. */
export const KeptFacts = t.intersection([
  t.type({
    exists: t.boolean,
    owner: nullable(t.string),
    visibility: t.union([t.literal('public'), t.literal('private')]),
    role: nullable(
      t.union([t.literal('owner'), t.literal('admin'), t.literal('moderate'), t.literal('access')]),
    ),
  }),
  t.partial({
    owners: t.array(t.string),
    team: t.record(t.string, t.union([t.literal('admin'), t.literal('moderate')])),
  }),
])
export type KeptFacts = t.TypeOf<typeof KeptFacts>

/** The revisions on which a decision was made, if the event's place in its own stream does not show them: the space's
 *  for a chat event, both for a refusal. -1: nothing had happened yet. */
export const SeenRevisions = t.partial({ space: t.number, chat: t.number })
export type SeenRevisions = t.TypeOf<typeof SeenRevisions>

/** Facts for decisions that need nothing from the content: leaving, and freeing seats. */
export const NO_FACTS: ContentFacts = {
  exists: true,
  title: '',
  owner: null,
  visibility: 'public',
  role: null,
}
/** Whether a command needs the content's facts; a type that this program does not know may. */
export const asksContent = ({ type }: { readonly type: string }): boolean =>
  !isSentName(type) || sentEntry(type).asksContent

/** What the grounds and the space's opening already say about the content. */
const impliedFacts = (opened: SpaceState['opened'], grounds: Grounds | undefined): ContentFacts => ({
  exists: true,
  title: opened?.title ?? '',
  owner: opened?.owner ?? null,
  visibility: opened?.visibility ?? 'public',
  role:
    grounds?.via !== 'content'
      ? null
      : grounds.role === 'owner' || grounds.role === 'access'
        ? grounds.role
        : null,
})

/** What the metadata must record of `facts` so that `factsOf` finds everything that the decision needs; null for
 *  nothing. It is cheap, since every command calls it. */
export const factsToKeep = (
  command: Pick<SentCommand, 'type'>,
  facts: ContentFacts,
  opened: SpaceState['opened'],
  /** Whether the event that opens the space is among the command's own, which says the rest. */
  isOpening: boolean,
): KeptFacts | null => {
  if (!asksContent(command)) return null
  const { exists, owner, visibility, role, owners, team } = facts
  // The caller's role need not be compared: the grounds contain it, or say that a grant overrides it.
  const isImplied =
    exists &&
    owners === undefined &&
    team === undefined &&
    (isOpening || (opened !== null && opened.owner === owner && opened.visibility === visibility))
  if (isImplied) return null
  return {
    exists,
    owner,
    visibility,
    role,
    ...(owners === undefined ? {} : { owners: [...owners] }),
    ...(team === undefined ? {} : { team }),
  }
}

/** The content's facts as they were when the command was decided, as far as the log knows them. */
export const factsOf = (
  command: Pick<SentCommand, 'type'>,
  kept: KeptFacts | undefined,
  opened: SpaceState['opened'],
  grounds: Grounds | undefined,
): ContentFacts => {
  if (!asksContent(command)) return NO_FACTS
  if (kept !== undefined) return { title: opened?.title ?? '', ...kept }
  return impliedFacts(opened, grounds)
}

/** At most this many held seats are freed by one command on the way. A seat that has run out counts for nothing, so the
 *  rest can safely wait for the next command. */
const SEATS_AT_ONCE = 500
export const withoutExcessSeats = (events: ReadonlyArray<SpaceEvent>): ReadonlyArray<SpaceEvent> => {
  let expired = 0
  while (events[expired]?.type === 'SeatExpired') expired++
  return expired <= SEATS_AT_ONCE ? events : [...events.slice(0, SEATS_AT_ONCE), ...events.slice(expired)]
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const NETWORK = /^[0-9a-f]{4}$/
const SAID = new Set(['access', 'moderate', 'admin', 'left', 'disconnected', 'expired', 'node-lost'])
/** Fields made by the server, whatever they look like. */
const OURS = new Set(['socketId', 'boot'])

/** Whether the value is a name, an id, a time, an emoji or a number: nothing that could contain somebody's words. A
 *  refused field may be anything, and would stay on the log for good. */
export const isNamed = (name: string, value: unknown): boolean => {
  if (Array.isArray(value)) return value.every((one) => isNamed(name, one))
  if (typeof value !== 'string') return value === null || typeof value === 'boolean'
  switch (name) {
    case 'subspace':
      return E.isRight(parseSubspace(value))
    case 'emoji':
      return E.isRight(parseEmoji(value))
    case 'until':
      return E.isRight(parseUntil(value, new Date(0).toISOString()))
    default:
      return OURS.has(name) || isSubject(value) || ID.test(value) || NETWORK.test(value) || SAID.has(value)
  }
}

/** What a refused command asked for, as far as it consists of names and ids, at which the rules look. When it is
 *  decided again, the fields left out get their blank values. */
export const askedFor = (command: SentCommand): Readonly<Record<string, unknown>> => {
  const kept: Record<string, unknown> = {}
  const { fields } = sentEntry(command.type)
  for (const [name, value] of Object.entries(command))
    if (value !== undefined && fields[name]?.isPersonal === false && isNamed(name, value)) kept[name] = value
  return kept
}
