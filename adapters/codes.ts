/** Every error code that a caller can get, with its HTTP status (null if only sockets send it) and what it means. The
 *  documentation is made from this, and a test checks the sources against it. */
export type CodeMeaning = { readonly status: number | null; readonly means: string }

/** A caller's mistake in one field, whose name is the rest of the code. */
export const INVALID = /^invalid_[a-z0-9_]+$/

export const CODES: Readonly<Record<string, CodeMeaning>> = {
  invalid_proof: {
    status: 401,
    means:
      'The proof is wrong: expired, already used, somebody else’s, not a signature, or a token whose session has ended.',
  },
  token_expired: {
    status: 401,
    means:
      'The session token, or the signature that opened the socket, has expired. A socket is told this when it happens, or when its token is revoked, and is closed.',
  },
  forbidden: {
    status: 403,
    means: 'The caller’s role is too low, or what they want to change is not their own.',
  },
  heard_by_another: {
    status: 403,
    means: 'Nobody decides an appeal against their own act.',
  },
  banned: { status: 403, means: 'Banned from this space; the sentence says until when.' },
  muted: { status: 403, means: 'Muted in this space; the sentence says until when.' },
  not_on_stage: { status: 403, means: 'The space has a stage, and the caller does not have the word.' },
  guests_not_allowed: { status: 403, means: 'The space is for accounts only.' },
  chat_disabled: { status: 403, means: 'The space’s chat is off.' },
  voice_disabled: { status: 403, means: 'The space’s voice is off.' },
  not_found: { status: 404, means: 'There is no such address.' },
  method_not_allowed: {
    status: 405,
    means: 'The address exists but does not support this method; Allow lists those it supports.',
  },
  space_not_found: { status: 404, means: 'There is no such space, or none that the caller may know of.' },
  session_not_found: {
    status: 404,
    means:
      'There is no such session here. On a socket also: this socket is in no room, or its target is not in the same room.',
  },
  message_not_found: { status: 404, means: 'There is no such message here, or it was deleted.' },
  case_not_found: { status: 404, means: 'There is no such case here, or none that the caller may know of.' },
  event_not_found: { status: 404, means: 'There is no such event, or none that the caller may know of.' },
  checkpoint_not_found: { status: 404, means: 'There is no such checkpoint.' },
  tile_not_found: {
    status: 404,
    means: 'There is no such tile of the log’s tree, or no checkpoint covers it.',
  },
  list_not_found: { status: 404, means: 'The space follows no ban list of this id.' },
  key_not_found: { status: 404, means: 'There is no such API key, or none that the caller may know of.' },
  subscription_not_found: {
    status: 404,
    means: 'There is no such subscription, or none that the caller may know of.',
  },
  words_held: {
    status: 409,
    means:
      'A filter of the space holds such words for its moderators, and as many messages wait for them as may.',
  },
  erasure_not_found: { status: 404, means: 'No erasure of the caller is waiting.' },
  hold_not_found: { status: 404, means: 'There is no such legal hold.' },
  erasure_begun: {
    status: 409,
    means: 'The erasure is being carried out and can’t be withdrawn any more.',
  },
  case_not_taken: { status: 409, means: 'The caller has not taken the case: take it first.' },
  case_closed: { status: 409, means: 'The case is closed.' },
  too_many_reports: {
    status: 409,
    means: 'One caller, the guests of one network, or one space already has as many open reports as allowed.',
  },
  nothing_to_appeal: {
    status: 409,
    means:
      'There is no appeal to make or decide: none was made, it was already decided, or the time for it is over.',
  },
  space_full: { status: 409, means: 'Every seat is taken or held.' },
  queued: {
    status: null,
    means:
      'Every seat is taken, and the caller now has a place in the queue: `queue` says which. `queue-place` and `queue-turn` tell what happens next.',
  },
  queue_full: {
    status: 409,
    means: 'The queue is full: that of the room, or that of one network’s guests.',
  },
  too_many_sessions: {
    status: 409,
    means: 'The account or guest already has ten sessions in this space, which is the maximum.',
  },
  too_many: { status: 409, means: 'There are already as many API keys or subscriptions as allowed.' },
  entity_not_found: { status: 404, means: 'There is no such entity in the room’s scene.' },
  too_many_entities: {
    status: 409,
    means: 'The room already has 2,000 entities, or one account has 1,000 in it, or one guest has 200.',
  },
  entity_pinned: { status: 409, means: 'The entity is pinned; entity-remove unpins and removes it.' },
  scene_full: { status: 409, means: 'The components of the room’s entities have reached 2 MB of JSON.' },
  conflict: {
    status: 409,
    means:
      'Another message of this space has this message_id, another entity of the room has this id, or others were faster too often; in the last case try again.',
  },
  space_unreadable: {
    status: 409,
    means:
      'This version of the server can’t read an event of the space. Trying again will not help; the operator may be able to.',
  },
  space_deleted: {
    status: 410,
    means: 'The space’s events were deleted from the log. Trying again will not help.',
  },
  space_cut: {
    status: 410,
    means: 'The log has lost the beginning of the space (it was cut by hand). Trying again will not help.',
  },
  voice_by_mesh: {
    status: 409,
    means: 'The room’s voice goes from browser to browser: there is no media server to connect to.',
  },
  sfu_unavailable: {
    status: 503,
    means:
      'The media server that carries the voice of large rooms does not answer, or has lost this session.',
  },
  archived: {
    status: 410,
    means: 'It is no longer on the log; archive says which archive it is in, and where that was put.',
  },
  beyond_log: {
    status: 410,
    means:
      'The log ends before that position: an older backup was restored, or it is another log. Continue from start, or from a position that the log has.',
  },
  too_large: { status: 413, means: 'The request is larger than allowed (431 if its headers are).' },
  slow_down: { status: 429, means: 'Too many, too fast, or slow mode; retry_after says when to try again.' },
  internal: { status: 500, means: 'A defect on our side; its cause is in the logs under the request_id.' },
  eventstore_unavailable: {
    status: 503,
    means:
      'The event log can’t be reached, or it is not known whether the command was carried out: send it again under the same id.',
  },
  postgres_unavailable: { status: 503, means: 'The database can’t be reached.' },
  hive_unavailable: { status: 503, means: 'No Hive node can be reached to check a proof.' },
  checkpoint_unavailable: { status: 503, means: 'There is no signed checkpoint yet.' },
  moment_unavailable: { status: 503, means: 'Past moments can’t be shown at the moment.' },
  server_unavailable: { status: 503, means: 'This process is overloaded, or is stopping.' },
  not_caught_up: { status: 504, means: 'The tables did not reach min_position within two seconds.' },
  session_ended: {
    status: null,
    means:
      'This socket’s session has ended although it did not leave; reason says why (expired: it may no longer know of the space). The socket stays open: join again.',
  },
  resync: {
    status: null,
    means: 'News was lost on the way to this socket: join again to get a fresh state.',
  },
}

const words = (code: string, { means }: CodeMeaning): string => `- \`${code}\`: ${means}`
/** One line per code, for OpenAPI. */
export const codesInWords = (): string =>
  [
    '- `invalid_<field>`: 400; that field is missing, or does not have the required form.',
    ...Object.entries(CODES)
      .filter(([, { status }]) => status !== null)
      .map(([code, told]) => words(code, { ...told, means: `${told.status}; ${told.means}` })),
  ].join('\n')
