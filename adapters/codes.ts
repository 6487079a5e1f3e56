/** Every error code that a caller can get, with its HTTP status (null if only sockets send it) and what it means. The
 *  documentation is made from this, and a test checks the sources against it. */
export type CodeMeaning = { readonly status: number | null; readonly means: string }

/** A caller's mistake in one field, whose name is the rest of the code. */
export const INVALID = /^invalid_[a-z0-9_]+$/

export const CODES: Readonly<Record<string, CodeMeaning>> = {
  invalid_proof: {
    status: 401,
    means:
      'A proof was given and is wrong: expired, used, another’s, no signature, or a token whose session was ended.',
  },
  token_expired: {
    status: 401,
    means:
      'The time of the session token, or of the signature that opened a socket, is over. A socket is told when it is, or when the token was ended, and closed.',
  },
  forbidden: { status: 403, means: 'The caller’s role is too low, or it is not their own.' },
  heard_by_another: {
    status: 403,
    means: 'Nobody hears an appeal against what they did themselves.',
  },
  banned: { status: 403, means: 'Banned from this space; the sentence says until when.' },
  muted: { status: 403, means: 'Muted in this space; the sentence says until when.' },
  not_on_stage: { status: 403, means: 'The space has a stage, and the caller does not have the word.' },
  guests_not_allowed: { status: 403, means: 'The space is for accounts only.' },
  chat_disabled: { status: 403, means: 'The space’s chat is off.' },
  voice_disabled: { status: 403, means: 'The space’s voice is off.' },
  not_found: { status: 404, means: 'No such address.' },
  method_not_allowed: {
    status: 405,
    means: 'The address is one, the method not of it: Allow says which are.',
  },
  space_not_found: { status: 404, means: 'No such space, or none that the caller may know of.' },
  session_not_found: {
    status: 404,
    means:
      'No such session here; on a socket also: this socket is in no room, or its target is not in the same one.',
  },
  message_not_found: { status: 404, means: 'No such message here, or a deleted one.' },
  case_not_found: { status: 404, means: 'No such case here, or none that the caller may know of.' },
  event_not_found: { status: 404, means: 'No such event, or none that the caller may know of.' },
  checkpoint_not_found: { status: 404, means: 'No such checkpoint.' },
  key_not_found: { status: 404, means: 'No such API key, or none that the caller may know of.' },
  subscription_not_found: {
    status: 404,
    means: 'No such subscription, or none that the caller may know of.',
  },
  case_not_taken: { status: 409, means: 'The case is not in the caller’s hands: take it first.' },
  case_closed: { status: 409, means: 'The case is closed.' },
  too_many_reports: {
    status: 409,
    means: 'As many reports are open as one caller, one network’s guests, or one space may have.',
  },
  nothing_to_appeal: {
    status: 409,
    means: 'No appeal to be made or heard: none was made, it was decided, or its time is over.',
  },
  space_full: { status: 409, means: 'Every seat is taken or held.' },
  too_many_sessions: {
    status: 409,
    means: 'One account or guest has ten sessions in this space, as many as one may have.',
  },
  too_many: { status: 409, means: 'As many API keys or subscriptions as there may be.' },
  entity_not_found: { status: 404, means: 'No such entity in the room’s scene.' },
  too_many_entities: {
    status: 409,
    means: 'A room has 2,000 entities, or one account 1,000 in it, or one guest 200.',
  },
  entity_pinned: { status: 409, means: 'The entity is pinned: entity-remove unpins it too.' },
  scene_full: { status: 409, means: 'The components of a room’s entities are 2 MB of JSON together.' },
  conflict: {
    status: 409,
    means:
      'Another message of this space has the message_id, another entity of the room the id, or others were faster too often: then try again.',
  },
  space_unreadable: {
    status: 409,
    means:
      'An event of the space can’t be read by this version of the server: no other try will change that, its operator may.',
  },
  space_deleted: {
    status: 410,
    means: 'What happened in the space was deleted from the log: no other try will change that.',
  },
  space_cut: {
    status: 410,
    means: 'The log has lost the beginning of the space (cut by hand): no other try will change that.',
  },
  archived: {
    status: 410,
    means: 'It is not on the log any more: archive says in which archive it is, and where that was put.',
  },
  too_large: { status: 413, means: 'More than is taken at once (431 where it is the headers).' },
  slow_down: { status: 429, means: 'Too many, too fast, or slow mode; retry_after says when.' },
  internal: { status: 500, means: 'A defect of ours; its cause is in the logs under the request_id.' },
  eventstore_unavailable: {
    status: 503,
    means:
      'The event log can’t be reached, or whether it happened is not known: send it again under the same id.',
  },
  postgres_unavailable: { status: 503, means: 'The database can’t be reached.' },
  hive_unavailable: { status: 503, means: 'No Hive node can be reached to check a proof.' },
  checkpoint_unavailable: { status: 503, means: 'There is no signed checkpoint yet.' },
  moment_unavailable: { status: 503, means: 'A look at the past can’t be had now.' },
  server_unavailable: { status: 503, means: 'This process has more to do than it can, or is stopping.' },
  not_caught_up: { status: 504, means: 'The tables have not come to min_position within two seconds.' },
  session_ended: {
    status: null,
    means:
      'This socket’s session is over though it did not leave; reason says why (expired: it may not know of the space any more). The socket stays: join again.',
  },
  resync: { status: null, means: 'News was lost on the way to this socket: join again for a fresh state.' },
}

const words = (code: string, { means }: CodeMeaning): string => `- \`${code}\`: ${means}`
/** One line a code, for OpenAPI. */
export const codesInWords = (): string =>
  [
    '- `invalid_<field>`: 400; that field is missing, or not of its form.',
    ...Object.entries(CODES)
      .filter(([, { status }]) => status !== null)
      .map(([code, told]) => words(code, { ...told, means: `${told.status}; ${told.means}` })),
  ].join('\n')
