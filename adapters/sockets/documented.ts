/** The socket's events for the documentation: what a client sends, what it hears, and what each means. */
import type * as t from 'io-ts'
import { CASE_COMMANDS } from '../../domain/cases/commands.ts'
import { CHAT_COMMANDS } from '../../domain/chat/commands.ts'
import type { Named } from '../../domain/fields.ts'
import { SPACE_COMMANDS } from '../../domain/space/commands.ts'
import * as shapes from '../http/shapes.ts'
import { isOfOwnSession, namesOf, ON_WIRE } from './command-payloads.ts'
import {
  FilterRemovePayload,
  FilterSetPayload,
  MessageApprovePayload,
  MessageDropPayload,
} from './filtering.ts'
import * as p from './payloads.ts'
import { SIGNALS, type SignalEvent } from './relayed.ts'
import { Report } from './reporting.ts'

type Schema = shapes.JsonSchema
/** `maybe` may be left out. `does`: a sentence. */
export type Documented = {
  readonly does: string
  readonly fields: Readonly<Record<string, Schema>>
  readonly maybe?: ReadonlyArray<string>
}
/** `to`: who hears it. */
export type DocumentedNews = Documented & {
  readonly to: 'the room' | 'every room of the space' | 'this socket'
}

const { text, yesNo, orNull, free, anything, uuid, time, revision, position, whole } = shapes

const OF_FIELD: { readonly [How in Exclude<Named, 'changes' | 'inner'>]: Schema } = {
  'own session': text(),
  session: text(),
  'own session or another': text({ description: 'By default the socket’s own.' }),
  account: shapes.account,
  subject: shapes.subject,
  permission: shapes.permission,
  switch: yesNo,
  reason: orNull(text({ maxLength: 500 })),
  until: orNull(time),
}
const elsewhere = { spaceType: shapes.spaceType, spaceId: shapes.spaceId }

/** The payload of a command whose fields are what is sent. Of several names for one field the first is documented. */
const commandEvents = (): Record<string, Documented> => {
  const made: Record<string, Documented> = {}
  for (const command of ON_WIRE) {
    const fields: Record<string, Schema> = {}
    const maybe: string[] = []
    for (const [name, field] of command.fields) {
      if (field.named === 'changes') Object.assign(fields, shapes.SETTINGS)
      if (field.named === 'changes' || field.named === 'inner') continue
      const [first] = namesOf(name, field)
      if (first === undefined) continue
      fields[first] = OF_FIELD[field.named]
      if (['reason', 'until', 'own session or another'].includes(field.named)) maybe.push(first)
    }
    if (command.fields.some(([, { named }]) => named === 'changes'))
      maybe.push(...Object.keys(shapes.SETTINGS))
    if (!isOfOwnSession(command)) {
      Object.assign(fields, elsewhere)
      maybe.push(...Object.keys(elsewhere))
    }
    made[command.wire.socket] = { does: SPACE_COMMANDS[command.type].says, fields, maybe }
  }
  return made
}

type Fields<P> = { readonly [Name in keyof P]: Schema }
/** Documents a payload from its codec: the compiler requires each field to be described once, and the codec says which
 *  may be left out. `more`: fields that may be sent, too. */
const payload = <P extends t.Props>(
  codec: t.TypeC<P>,
  does: string,
  holds: Fields<P>,
  more: Readonly<Record<string, Schema>> = {},
): Documented => {
  const maybe = Object.entries(codec.props).flatMap(([name, one]) => (one.is(undefined) ? [name] : []))
  const left = [...maybe, ...Object.keys(more)]
  return { does, fields: { ...holds, ...more }, ...(left.length > 0 ? { maybe: left } : {}) }
}

/** The signals, each documented by `make` from the field that carries it. */
const signals = <D extends Documented>(
  make: (field: string, event: SignalEvent) => D,
): Record<SignalEvent, D> =>
  Object.fromEntries(
    (Object.keys(SIGNALS) as SignalEvent[]).map((event) => [event, make(SIGNALS[event], event)]),
  ) as Record<SignalEvent, D>
const SIGNAL_DOES: Readonly<Record<SignalEvent, string>> = {
  'webrtc-offer': 'An offer to one socket of the room.',
  'webrtc-answer': 'An answer to one socket of the room.',
  'webrtc-ice-candidate': 'A candidate for one socket of the room.',
}
const since: Schema = {
  type: 'object',
  properties: { space: revision, chat: revision },
  required: ['space', 'chat'],
}

/** What a client may send. Each event takes an acknowledgement. */
export const CLIENT_EVENTS: Readonly<Record<string, Documented>> = {
  'join-space': payload(
    p.JoinSpacePayload,
    'Joins a room; joining another leaves the previous one. With since, what was missed comes first.',
    {
      ...elsewhere,
      subspace: shapes.subspace,
      position: anything,
      avatar_data: anything,
      since,
      replaces: text({ description: 'The client’s own session from before its connection was lost.' }),
      scene: text({
        enum: ['json', 'packed'],
        description: 'packed: binary frames say where things are (docs/scene.md).',
      }),
      users: text({
        enum: ['all', 'paged'],
        description:
          'paged: the first 200 people come with space-joined, the rest with users-page, and a crowd’s comings and goings as crowd-changed.',
      }),
    },
    {
      room_data: {
        ...yesNo,
        description: 'On a JSON socket: messages of clients’ own types come and go as room-data.',
      },
    },
  ),
  'users-page': payload(
    p.UsersPage,
    'Asks who is in the socket’s room, 200 at a time: the answer has users, users_total, revision, and next, which after takes for the next page (null if nobody follows). Whoever is there all the while is on exactly one page.',
    { after: text({ description: 'By default the first page.' }) },
  ),
  'leave-space': { does: SPACE_COMMANDS.LeaveSpace.says, fields: {} },
  'chat-message': payload(p.ChatMessage, CHAT_COMMANDS.PostMessage.says, {
    content: text({ minLength: 1, maxLength: 2_000 }),
    message_type: text(),
    parent_message_id: uuid,
    message_id: uuid,
  }),
  'chat-edit': payload(p.ChatEdit, CHAT_COMMANDS.EditMessage.says, { message_id: uuid, content: text() }),
  'chat-delete': payload(p.ChatDelete, CHAT_COMMANDS.DeleteMessage.says, { message_id: uuid }),
  'chat-reaction': payload(p.ChatReaction, 'Adds a reaction to a message or, with remove, removes it.', {
    message_id: uuid,
    emoji: text(),
    remove: yesNo,
  }),
  report: payload(
    Report,
    `${CASE_COMMANDS.FileReport.says} The target is given by one of message_id, subject, session_id (in this room) and entity_id (if pinned).`,
    {
      message_id: uuid,
      subject: shapes.subject,
      session_id: text(),
      entity_id: text(),
      subspace: shapes.subspace,
      text: text({ maxLength: 1_000 }),
      ...elsewhere,
    },
  ),
  ...commandEvents(),
  'filter-set': payload(FilterSetPayload, SPACE_COMMANDS.SetFilter.says, {
    filter_id: text({ maxLength: 40 }),
    words: shapes.listOf(text()),
    count: whole(),
    seconds: whole(),
    acts: shapes.listOf(text({ enum: ['hold', 'mute', 'report'] })),
    mute_seconds: whole(),
    ...elsewhere,
  }),
  'filter-remove': payload(FilterRemovePayload, SPACE_COMMANDS.RemoveFilter.says, {
    filter_id: text({ maxLength: 40 }),
    ...elsewhere,
  }),
  'message-approve': payload(MessageApprovePayload, CHAT_COMMANDS.ApproveMessage.says, {
    message_id: uuid,
    ...elsewhere,
  }),
  'message-drop': payload(MessageDropPayload, CHAT_COMMANDS.DropMessage.says, {
    message_id: uuid,
    reason: text({ maxLength: 500 }),
    ...elsewhere,
  }),
  ...signals((field, event) => ({
    does: SIGNAL_DOES[event],
    fields: { targetSocketId: text(), [field]: anything },
  })),
  'voice-connect': {
    does: 'Connects to the SFU of a room whose voice goes through one (voice_route). The answer has sfu, url, token, room and may_speak: with livekit, where to connect and with which token, for a minute; with janus, url and token are null, and voice-signal carries the descriptions.',
    fields: {},
  },
  'voice-signal': payload(
    p.VoiceSignal,
    'A description for the SFU, where clients don’t connect to it by themselves; the answer’s signal is its answer. kind is publish (sdp: an offer of one’s own voice), hear (others’ voices are wanted; fresh: anew), or answer (sdp: to an offer that came as voice-signal).',
    { signal: free },
  ),
  'aframe-update': {
    does: 'Where the caller’s avatar is, and the state of entities: any JSON object up to 16 KB. The newest value of each component of each entity wins; null removes a component or an entity; an entity that does not exist is spawned by being named.',
    fields: { position: anything, rotation: anything, entities: anything },
    maybe: ['position', 'rotation', 'entities'],
  },
  'entity-spawn': payload(
    p.Spawn,
    'Adds an entity to the room’s scene, owned by the caller. With stays it remains after its owner has left.',
    {
      id: text({ maxLength: 128 }),
      template: text({ maxLength: 1_024 }),
      ownership: text({ enum: ['free', 'ask', 'locked'] }),
      stays: yesNo,
      components: free,
    },
  ),
  'entity-remove': payload(
    p.Entity,
    'Removes an entity that the caller owns or made; anybody else’s as scene_delete says.',
    {
      id: text(),
    },
  ),
  'entity-pin': payload(p.Entity, SPACE_COMMANDS.PinEntity.says, { id: text() }),
  'entity-unpin': payload(p.Entity, SPACE_COMMANDS.UnpinEntity.says, { id: text() }),
  'entity-take': payload(
    p.Entity,
    'Takes an entity over, or asks its owner for it, depending on its ownership.',
    {
      id: text(),
    },
  ),
  'entity-give': payload(
    p.Give,
    'Gives the caller’s own entity to a socket of the room; without to, to nobody.',
    { id: text(), to: text() },
  ),
  'room-data': payload(
    p.RoomData,
    'A client’s own data for the others in the room, or with to for one of them; it arrives whole and in order.',
    {
      type: text({ maxLength: 64 }),
      data: anything,
      to: text(),
    },
  ),
}

const who = {
  socketId: text(),
  sessionId: text(),
  userAccount: orNull(shapes.account),
  guestId: orNull(shapes.guest),
}
const seen = { ...who, position: anything, avatar_data: anything }
const actor: Schema = { type: 'object', properties: { kind: text(), id: text() } }
const placed = { revision, timestamp: time }
const user: Schema = { type: 'object', properties: { ...seen, ...shapes.MARKS_SHOWN, connected_at: time } }
const said = {
  message_id: uuid,
  subspace: shapes.subspace,
  user_account: orNull(shapes.account),
  guest_id: orNull(shapes.guest),
  position,
  ...placed,
}
const aboutMessage = { message_id: uuid, subspace: shapes.subspace, position, ...placed }
const { expires_at: _, ...standing } = shapes.QUEUE
const refused: DocumentedNews = {
  to: 'this socket',
  does: 'A refusal of something that was sent without asking for an acknowledgement.',
  fields: {
    ok: yesNo,
    code: text(),
    error: text(),
    retry_after: whole(),
    queue: shapes.Queue,
    subject: text({ description: 'With queued: who waits.' }),
    session_token: text({
      description:
        'With queued, for a guest who came without one: with it they keep their place when they come again.',
    }),
  },
  maybe: ['retry_after', 'queue', 'subject', 'session_token'],
}
/** What a client receives. An event with a `revision` is on the log, and comes once and in order. */
export const SERVER_EVENTS: Readonly<Record<string, DocumentedNews>> = {
  'space-joined': {
    to: 'this socket',
    does: 'The state of the room when the socket joined.',
    fields: {
      success: yesNo,
      spaceType: shapes.spaceType,
      spaceId: shapes.spaceId,
      subspace: shapes.subspace,
      sessionId: text(),
      identity: shapes.Identity,
      session_token: text(),
      users: shapes.listOf(user),
      users_total: {
        ...whole(),
        description: 'With users: paged. How many are in the room; users has the first 200 then.',
      },
      self: { ...user, description: 'With users: paged. Oneself, who may not be on the first page.' },
      settings: { type: 'object', properties: shapes.SETTINGS },
      scene: { type: 'object', properties: { entities: free, avatars: free } },
      permission: text(),
      revisions: { type: 'object', properties: { space: revision, chat: revision } },
      position: {
        ...position,
        description:
          'Where on the log this state is: what was said up to here is not sent as news. With it as min_position, the history has all of it.',
      },
      resumed: yesNo,
      voice_relay: {
        ...yesNo,
        description: 'Whether voice goes through an SFU here where many speak or listen.',
      },
      voice_route: text({ enum: ['mesh', 'sfu'] }),
      timestamp: time,
    },
    maybe: ['session_token', 'users_total', 'self'],
  },
  'user-joined': { to: 'the room', does: 'Somebody joined the room.', fields: { ...seen, ...placed } },
  'user-left': {
    to: 'the room',
    does: 'Somebody left the room.',
    fields: { ...seen, reason: text(), ...placed },
  },
  'crowd-changed': {
    to: 'the room',
    does: 'Who came and went in a room of more than 100, for those who joined with users: paged, instead of user-joined and user-left. count is how many are there now; of those who came, joined has the newest (at most 50, and fewer the more hear it), and left has the session ids of 500 who went at most. more: there were others, whom users-page has.',
    fields: {
      count: whole(),
      joined: shapes.listOf(user),
      left: shapes.listOf(text()),
      more: yesNo,
      ...placed,
    },
  },
  'voice-state': {
    to: 'the room',
    does: 'Somebody’s voice was switched on or off.',
    fields: { ...who, enabled: yesNo, voice_enabled: yesNo, ...placed },
  },
  'hand-state': {
    to: 'the room',
    does: 'Somebody’s hand was raised, or lowered, and by whom.',
    fields: { ...who, hand_raised: yesNo, hand_raised_since: orNull(time), by: actor, ...placed },
    maybe: ['by'],
  },
  'stage-state': {
    to: 'the room',
    does: 'Somebody has the word on the stage, or no longer has it, and by whom.',
    fields: {
      ...who,
      on_stage: yesNo,
      on_stage_since: orNull(time),
      by: actor,
      drop_audio: { ...yesNo, description: 'That person’s tracks have to be dropped.' },
      ...placed,
    },
    maybe: ['drop_audio'],
  },
  'voice-route': {
    to: 'the room',
    does: 'The room’s voice goes through the SFU from now on (voice-connect), or from browser to browser again.',
    fields: {
      via: text({ enum: ['mesh', 'sfu'] }),
      why: text({ enum: ['many', 'few', 'sfu-lost'] }),
      ...placed,
    },
  },
  'voice-signal': {
    to: 'this socket',
    does: 'An offer of the SFU with others’ voices: kind (offer), sdp, and voices, which says whose each is: session ids by mid.',
    fields: { signal: free },
  },
  'permission-changed': {
    to: 'every room of the space',
    does: 'A permission was granted or revoked, or somebody was muted or unmuted (change says which).',
    fields: {
      change: text({ enum: ['granted', 'revoked', 'muted', 'unmuted'] }),
      user_account: orNull(shapes.account),
      guest_id: orNull(shapes.guest),
      permission: orNull(shapes.permission),
      by: actor,
      drop_audio: { ...yesNo, description: 'That person’s tracks have to be dropped.' },
      ...placed,
    },
    maybe: ['drop_audio'],
  },
  'settings-changed': {
    to: 'every room of the space',
    does: 'Settings were changed: those in changes; null in its free part removes a key.',
    fields: {
      changes: free,
      by: actor,
      drop_audio: { ...yesNo, description: 'Everybody’s tracks have to be dropped.' },
      ...placed,
    },
    maybe: ['drop_audio'],
  },
  'chat-message': {
    to: 'the room',
    does: 'A message. If its words were erased, content is empty, and erased_by says by which request.',
    fields: {
      ...said,
      display_name: text(),
      message_type: text(),
      content: text(),
      erased_by: text(),
      parent_message_id: orNull(uuid),
      thread_root_id: orNull(uuid),
      created_at: time,
    },
    maybe: ['erased_by'],
  },
  'chat-edited': {
    to: 'the room',
    does: 'A message was rewritten.',
    fields: { ...said, content: text(), erased_by: text(), edited_at: time },
    maybe: ['erased_by'],
  },
  'chat-deleted': {
    to: 'the room',
    does: 'A message was deleted.',
    fields: { ...said, deleted_by: text(), deleted_at: time },
  },
  'chat-reaction': {
    to: 'the room',
    does: 'A reaction was added to a message, or removed.',
    fields: { ...said, emoji: text(), removed: yesNo },
  },
  'message-held': {
    to: 'this socket',
    does: 'A filter of the space holds a message of the receiver’s, or an edit (which has an id of its own), until a moderator lets it through.',
    fields: { ...aboutMessage, edits: orNull(uuid) },
  },
  'message-approved': {
    to: 'this socket',
    does: 'A moderator let a message of the receiver’s through; a mute that came with it is over. One that waited is posted next.',
    fields: { ...aboutMessage },
  },
  'message-dropped': {
    to: 'this socket',
    does: 'A moderator dropped a message of the receiver’s.',
    fields: { ...aboutMessage, reason: orNull(text()) },
  },
  'chat-muted': {
    to: 'this socket',
    does: 'A filter of the space muted the receiver in the chat, for this message.',
    fields: { ...aboutMessage, until: time },
  },
  kicked: {
    to: 'this socket',
    does: 'This socket was kicked or banned; the server then disconnects it.',
    fields: { reason: orNull(text()), by: orNull(text()), until: time },
    maybe: ['until'],
  },
  'queue-place': {
    to: 'this socket',
    does: 'The receiver’s place in the queue of a full room, whenever it changes.',
    fields: { ...elsewhere, subspace: shapes.subspace, ...standing, timestamp: time },
  },
  'queue-turn': {
    to: 'this socket',
    does: 'It is the receiver’s turn: a seat is held until expires_at, and join-space takes it.',
    fields: { ...elsewhere, subspace: shapes.subspace, expires_at: time, timestamp: time },
  },
  'queue-over': {
    to: 'this socket',
    does: 'The receiver no longer waits: the turn was missed, the place was given up or taken away, the queue was switched off, or a code says why they may not enter.',
    fields: { ...elsewhere, subspace: shapes.subspace, reason: text(), timestamp: time },
  },
  ...signals(
    (field): DocumentedNews => ({
      to: 'this socket',
      does: 'From another socket of the room.',
      fields: { fromSocketId: text(), fromUser: anything, [field]: anything },
    }),
  ),
  'aframe-update': {
    to: 'the room',
    does: 'Where somebody else is, and the state of their entities; not on the log.',
    fields: { socketId: text(), userAccount: orNull(text()), entityData: free, timestamp: time },
  },
  'scene-changed': {
    to: 'the room',
    does: 'Entities that appeared, changed hands or went away (null), by id; not on the log.',
    fields: { entities: free, timestamp: time },
  },
  'entity-pinned': {
    to: 'the room',
    does: 'An entity was pinned, and lasts from now on.',
    fields: {
      id: text(),
      template: orNull(text()),
      ownership: orNull(text()),
      components: free,
      by: actor,
      ...placed,
    },
  },
  'entity-changed': {
    to: 'the room',
    does: 'The state of a pinned entity once it has come to rest.',
    fields: { id: text(), components: free, by: actor, ...placed },
  },
  'entity-unpinned': {
    to: 'the room',
    does: 'An entity was unpinned, and no longer lasts.',
    fields: { id: text(), by: actor, ...placed },
  },
  'scene-frame': {
    to: 'this socket',
    does: 'Where things are, packed: on a Socket.IO socket one binary attachment, on a JSON socket a binary frame of its own.',
    fields: {},
  },
  'entity-asked': {
    to: 'this socket',
    does: 'Somebody asks for an entity that the receiver owns: entity-give gives it.',
    fields: { id: text(), fromSocketId: text(), fromUser: anything },
  },
  'room-data': {
    to: 'the room',
    does: 'What another client sent, whole and in order; not on the log.',
    fields: {
      type: text(),
      data: anything,
      fromSocketId: text(),
      fromUser: text(),
      from: { type: 'object', properties: { id: text(), verified: yesNo } },
      to: text(),
      timestamp: time,
    },
    maybe: ['to'],
  },
  'space-error': refused,
  'chat-error': refused,
}
