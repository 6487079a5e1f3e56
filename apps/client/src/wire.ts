/** What goes over the wire. Made from the project’s records by `WRITE_CONTRACT=1 node infra/checks/contract.test.ts`. */

/** What a client sends, by event. */
export type Sent = {
  /** Joins a room; joining another leaves the previous one. With since, what was missed comes first. */
  readonly 'join-space': {
    readonly spaceType: 'post' | 'document' | 'community' | 'global'
    readonly spaceId: string
    readonly subspace?: string
    readonly position?: unknown
    readonly avatar_data?: unknown
    readonly since?: {
      readonly space: string
      readonly chat: string
    }
    readonly replaces?: string
    readonly scene?: 'json' | 'packed'
    readonly users?: 'all' | 'paged'
    readonly room_data?: boolean
  }
  /** Asks who is in the socket’s room, 200 at a time: the answer has users, users_total, revision, and next, which after takes for the next page (null if nobody follows). Whoever is there all the while is on exactly one page. */
  readonly 'users-page': {
    readonly after?: string
  }
  /** Leaves. */
  readonly 'leave-space': Readonly<Record<string, unknown>>
  /** Posts a message in a room. The same message_id sent twice is one message. */
  readonly 'chat-message': {
    readonly content: string
    readonly message_type?: string
    readonly parent_message_id?: string
    readonly message_id?: string
  }
  /** Rewrites the caller’s own message. */
  readonly 'chat-edit': {
    readonly message_id: string
    readonly content: string
  }
  /** Deletes the caller’s own message or, for a moderator, that of somebody below. */
  readonly 'chat-delete': {
    readonly message_id: string
  }
  /** Adds a reaction to a message or, with remove, removes it. */
  readonly 'chat-reaction': {
    readonly message_id: string
    readonly emoji: string
    readonly remove?: boolean
  }
  /** Reports a message, a person or a pinned entity to the moderators. Only they learn who reported it. The target is given by one of message_id, subject, session_id (in this room) and entity_id (if pinned). */
  readonly report: {
    readonly message_id?: string
    readonly subject?: string
    readonly session_id?: string
    readonly entity_id?: string
    readonly subspace?: string
    readonly text?: string
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Switches the caller’s voice on or off. */
  readonly 'voice-state': {
    readonly enabled: boolean
  }
  /** Raises the caller’s hand. */
  readonly 'hand-raise': Readonly<Record<string, unknown>>
  /** Lowers the caller’s hand or, for a moderator, that of somebody below. */
  readonly 'hand-lower': {
    readonly session_id?: string
  }
  /** Gives somebody the word on the stage; their hand is lowered. */
  readonly 'speak-grant': {
    readonly session_id: string
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Hands the word on the stage on to somebody else. */
  readonly 'speak-hand-on': {
    readonly session_id: string
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Gives the word on the stage back or, for a moderator, takes it from somebody below. */
  readonly 'speak-take': {
    readonly session_id?: string
  }
  /** Grants an account a permission. Admins may grant up to moderate, owners also admin. */
  readonly 'permission-grant': {
    readonly account: string
    readonly permission: 'access' | 'moderate' | 'admin'
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Revokes an account’s permission. */
  readonly 'permission-revoke': {
    readonly account: string
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Bans an account or a guest, until a given time or for good. */
  readonly ban: {
    readonly subject: string
    readonly reason?: string | null
    readonly until?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Lifts a ban. */
  readonly unban: {
    readonly subject: string
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Mutes an account or a guest, until a given time or for good. */
  readonly mute: {
    readonly subject: string
    readonly reason?: string | null
    readonly until?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Lifts a mute. */
  readonly unmute: {
    readonly subject: string
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Sends a session out of the room; it may come back. */
  readonly kick: {
    readonly session_id: string
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Changes the settings that are given. For admins. */
  readonly 'settings-change': {
    readonly chat_enabled?: boolean
    readonly voice_enabled?: boolean
    readonly guests_allowed?: boolean
    readonly max_users?: number
    readonly reactions_enabled?: boolean
    readonly stage?: boolean
    readonly slow_mode_seconds?: number
    readonly guests_of_network?: number
    readonly queue?: boolean
    readonly queue_length?: number
    readonly queue_order?: 'roles' | 'arrival'
    readonly scene_spawn?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_draw?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_pin?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_delete?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_ownership?: 'free' | 'ask' | 'locked'
    readonly motion_tracks?: boolean
    readonly motion_days?: number
    readonly publish_bans?: boolean
    readonly settings?: Readonly<Record<string, unknown>>
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Gives up the caller’s place in the queue or, for a moderator, takes away that of somebody below. */
  readonly 'queue-leave': {
    readonly subject: string
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Sets a filter: a rule that holds messages for moderators, mutes their writers for a while or reports them, by itself. */
  readonly 'filter-set': {
    readonly filter_id: string
    readonly words?: ReadonlyArray<string>
    readonly count?: number
    readonly seconds?: number
    readonly acts: ReadonlyArray<'hold' | 'mute' | 'report'>
    readonly mute_seconds?: number
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Removes a filter. */
  readonly 'filter-remove': {
    readonly filter_id: string
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Lets a message through that a filter caught: one that waits is posted, and the mute that came with it ends. */
  readonly 'message-approve': {
    readonly message_id: string
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Drops a message that a filter holds; one that was posted is deleted. */
  readonly 'message-drop': {
    readonly message_id: string
    readonly reason?: string
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** An offer to one socket of the room. */
  readonly 'webrtc-offer': {
    readonly targetSocketId: string
    readonly offer: unknown
  }
  /** An answer to one socket of the room. */
  readonly 'webrtc-answer': {
    readonly targetSocketId: string
    readonly answer: unknown
  }
  /** A candidate for one socket of the room. */
  readonly 'webrtc-ice-candidate': {
    readonly targetSocketId: string
    readonly candidate: unknown
  }
  /** Connects to the SFU of a room whose voice goes through one (voice_route). The answer has sfu, url, token, room and may_speak: with livekit, where to connect and with which token, for a minute; with janus, url and token are null, and voice-signal carries the descriptions. */
  readonly 'voice-connect': Readonly<Record<string, unknown>>
  /** A description for the SFU, where clients don’t connect to it by themselves; the answer’s signal is its answer. kind is publish (sdp: an offer of one’s own voice), hear (others’ voices are wanted; fresh: anew), or answer (sdp: to an offer that came as voice-signal). */
  readonly 'voice-signal': {
    readonly signal: Readonly<Record<string, unknown>>
  }
  /** Where the caller’s avatar is, and the state of entities: any JSON object up to 16 KB. The newest value of each component of each entity wins; null removes a component or an entity; an entity that does not exist is spawned by being named. */
  readonly 'aframe-update': {
    readonly position?: unknown
    readonly rotation?: unknown
    readonly entities?: unknown
  }
  /** Adds an entity to the room’s scene, owned by the caller. With stays it remains after its owner has left. */
  readonly 'entity-spawn': {
    readonly id?: string
    readonly template?: string
    readonly ownership?: 'free' | 'ask' | 'locked'
    readonly stays?: boolean
    readonly components?: Readonly<Record<string, unknown>>
  }
  /** Removes an entity that the caller owns or made; anybody else’s as scene_delete says. */
  readonly 'entity-remove': {
    readonly id: string
  }
  /** Pins an entity of the room’s scene, so that it lasts. */
  readonly 'entity-pin': {
    readonly id: string
  }
  /** Unpins an entity, so that it goes when its owner goes. */
  readonly 'entity-unpin': {
    readonly id: string
  }
  /** Takes an entity over, or asks its owner for it, depending on its ownership. */
  readonly 'entity-take': {
    readonly id: string
  }
  /** Gives the caller’s own entity to a socket of the room; without to, to nobody. */
  readonly 'entity-give': {
    readonly id: string
    readonly to?: string
  }
  /** A client’s own data for the others in the room, or with to for one of them; it arrives whole and in order. */
  readonly 'room-data': {
    readonly type: string
    readonly data?: unknown
    readonly to?: string
  }
}

/** What the server tells, by event. */
export type Told = {
  /** The state of the room when the socket joined. */
  readonly 'space-joined': {
    readonly success: boolean
    readonly spaceType: 'post' | 'document' | 'community' | 'global'
    readonly spaceId: string
    readonly subspace: string
    readonly sessionId: string
    readonly identity: {
      readonly kind: 'account' | 'guest' | 'service'
      readonly id: string
      readonly verified: boolean
      readonly claimed?: string
    }
    readonly session_token?: string
    readonly users: ReadonlyArray<{
      readonly socketId: string
      readonly sessionId: string
      readonly userAccount: string | null
      readonly guestId: string | null
      readonly position: unknown
      readonly avatar_data: unknown
      readonly voice_enabled: boolean
      readonly hand_raised: boolean
      readonly hand_raised_since: string | null
      readonly on_stage: boolean
      readonly on_stage_since: string | null
      readonly connected_at: string
    }>
    readonly users_total?: number
    readonly self?: {
      readonly socketId: string
      readonly sessionId: string
      readonly userAccount: string | null
      readonly guestId: string | null
      readonly position: unknown
      readonly avatar_data: unknown
      readonly voice_enabled: boolean
      readonly hand_raised: boolean
      readonly hand_raised_since: string | null
      readonly on_stage: boolean
      readonly on_stage_since: string | null
      readonly connected_at: string
    }
    readonly settings: {
      readonly chat_enabled: boolean
      readonly voice_enabled: boolean
      readonly guests_allowed: boolean
      readonly max_users: number
      readonly reactions_enabled: boolean
      readonly stage: boolean
      readonly slow_mode_seconds: number
      readonly guests_of_network: number
      readonly queue: boolean
      readonly queue_length: number
      readonly queue_order: 'roles' | 'arrival'
      readonly scene_spawn: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_draw: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_pin: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_delete: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_ownership: 'free' | 'ask' | 'locked'
      readonly motion_tracks: boolean
      readonly motion_days: number
      readonly publish_bans: boolean
      readonly settings: Readonly<Record<string, unknown>>
    }
    readonly scene: {
      readonly entities: Readonly<Record<string, unknown>>
      readonly avatars: Readonly<Record<string, unknown>>
    }
    readonly permission: string
    readonly revisions: {
      readonly space: string
      readonly chat: string
    }
    readonly position: string
    readonly resumed: boolean
    readonly voice_relay: boolean
    readonly voice_route: 'mesh' | 'sfu'
    readonly timestamp: string
  }
  /** Somebody joined the room. */
  readonly 'user-joined': {
    readonly socketId: string
    readonly sessionId: string
    readonly userAccount: string | null
    readonly guestId: string | null
    readonly position: unknown
    readonly avatar_data: unknown
    readonly revision: string
    readonly timestamp: string
  }
  /** Somebody left the room. */
  readonly 'user-left': {
    readonly socketId: string
    readonly sessionId: string
    readonly userAccount: string | null
    readonly guestId: string | null
    readonly position: unknown
    readonly avatar_data: unknown
    readonly reason: string
    readonly revision: string
    readonly timestamp: string
  }
  /** Who came and went in a room of more than 100, for those who joined with users: paged, instead of user-joined and user-left. count is how many are there now; of those who came, joined has the newest (at most 50, and fewer the more hear it), and left has the session ids of 500 who went at most. more: there were others, whom users-page has. */
  readonly 'crowd-changed': {
    readonly count: number
    readonly joined: ReadonlyArray<{
      readonly socketId: string
      readonly sessionId: string
      readonly userAccount: string | null
      readonly guestId: string | null
      readonly position: unknown
      readonly avatar_data: unknown
      readonly voice_enabled: boolean
      readonly hand_raised: boolean
      readonly hand_raised_since: string | null
      readonly on_stage: boolean
      readonly on_stage_since: string | null
      readonly connected_at: string
    }>
    readonly left: ReadonlyArray<string>
    readonly more: boolean
    readonly revision: string
    readonly timestamp: string
  }
  /** Somebody’s voice was switched on or off. */
  readonly 'voice-state': {
    readonly socketId: string
    readonly sessionId: string
    readonly userAccount: string | null
    readonly guestId: string | null
    readonly enabled: boolean
    readonly voice_enabled: boolean
    readonly revision: string
    readonly timestamp: string
  }
  /** Somebody’s hand was raised, or lowered, and by whom. */
  readonly 'hand-state': {
    readonly socketId: string
    readonly sessionId: string
    readonly userAccount: string | null
    readonly guestId: string | null
    readonly hand_raised: boolean
    readonly hand_raised_since: string | null
    readonly by?: {
      readonly kind: string
      readonly id: string
    }
    readonly revision: string
    readonly timestamp: string
  }
  /** Somebody has the word on the stage, or no longer has it, and by whom. */
  readonly 'stage-state': {
    readonly socketId: string
    readonly sessionId: string
    readonly userAccount: string | null
    readonly guestId: string | null
    readonly on_stage: boolean
    readonly on_stage_since: string | null
    readonly by: {
      readonly kind: string
      readonly id: string
    }
    readonly drop_audio?: boolean
    readonly revision: string
    readonly timestamp: string
  }
  /** The room’s voice goes through the SFU from now on (voice-connect), or from browser to browser again. */
  readonly 'voice-route': {
    readonly via: 'mesh' | 'sfu'
    readonly why: 'many' | 'few' | 'sfu-lost'
    readonly revision: string
    readonly timestamp: string
  }
  /** An offer of the SFU with others’ voices: kind (offer), sdp, and voices, which says whose each is: session ids by mid. */
  readonly 'voice-signal': {
    readonly signal: Readonly<Record<string, unknown>>
  }
  /** A permission was granted or revoked, or somebody was muted or unmuted (change says which). */
  readonly 'permission-changed': {
    readonly change: 'granted' | 'revoked' | 'muted' | 'unmuted'
    readonly user_account: string | null
    readonly guest_id: string | null
    readonly permission: 'access' | 'moderate' | 'admin' | null
    readonly by: {
      readonly kind: string
      readonly id: string
    }
    readonly drop_audio?: boolean
    readonly revision: string
    readonly timestamp: string
  }
  /** Settings were changed: those in changes; null in its free part removes a key. */
  readonly 'settings-changed': {
    readonly changes: Readonly<Record<string, unknown>>
    readonly by: {
      readonly kind: string
      readonly id: string
    }
    readonly drop_audio?: boolean
    readonly revision: string
    readonly timestamp: string
  }
  /** A message. If its words were erased, content is empty, and erased_by says by which request. */
  readonly 'chat-message': {
    readonly message_id: string
    readonly subspace: string
    readonly user_account: string | null
    readonly guest_id: string | null
    readonly position: string
    readonly revision: string
    readonly timestamp: string
    readonly display_name: string
    readonly message_type: string
    readonly content: string
    readonly erased_by?: string
    readonly parent_message_id: string | null
    readonly thread_root_id: string | null
    readonly created_at: string
  }
  /** A message was rewritten. */
  readonly 'chat-edited': {
    readonly message_id: string
    readonly subspace: string
    readonly user_account: string | null
    readonly guest_id: string | null
    readonly position: string
    readonly revision: string
    readonly timestamp: string
    readonly content: string
    readonly erased_by?: string
    readonly edited_at: string
  }
  /** A message was deleted. */
  readonly 'chat-deleted': {
    readonly message_id: string
    readonly subspace: string
    readonly user_account: string | null
    readonly guest_id: string | null
    readonly position: string
    readonly revision: string
    readonly timestamp: string
    readonly deleted_by: string
    readonly deleted_at: string
  }
  /** A reaction was added to a message, or removed. */
  readonly 'chat-reaction': {
    readonly message_id: string
    readonly subspace: string
    readonly user_account: string | null
    readonly guest_id: string | null
    readonly position: string
    readonly revision: string
    readonly timestamp: string
    readonly emoji: string
    readonly removed: boolean
  }
  /** A filter of the space holds a message of the receiver’s, or an edit (which has an id of its own), until a moderator lets it through. */
  readonly 'message-held': {
    readonly message_id: string
    readonly subspace: string
    readonly position: string
    readonly revision: string
    readonly timestamp: string
    readonly edits: string | null
  }
  /** A moderator let a message of the receiver’s through; a mute that came with it is over. One that waited is posted next. */
  readonly 'message-approved': {
    readonly message_id: string
    readonly subspace: string
    readonly position: string
    readonly revision: string
    readonly timestamp: string
  }
  /** A moderator dropped a message of the receiver’s. */
  readonly 'message-dropped': {
    readonly message_id: string
    readonly subspace: string
    readonly position: string
    readonly revision: string
    readonly timestamp: string
    readonly reason: string | null
  }
  /** A filter of the space muted the receiver in the chat, for this message. */
  readonly 'chat-muted': {
    readonly message_id: string
    readonly subspace: string
    readonly position: string
    readonly revision: string
    readonly timestamp: string
    readonly until: string
  }
  /** This socket was kicked or banned; the server then disconnects it. */
  readonly kicked: {
    readonly reason: string | null
    readonly by: string | null
    readonly until?: string
  }
  /** The receiver’s place in the queue of a full room, whenever it changes. */
  readonly 'queue-place': {
    readonly spaceType: 'post' | 'document' | 'community' | 'global'
    readonly spaceId: string
    readonly subspace: string
    readonly position: number
    readonly waiting: number
    readonly expected_wait_seconds: number | null
    readonly until: string | null
    readonly timestamp: string
  }
  /** It is the receiver’s turn: a seat is held until expires_at, and join-space takes it. */
  readonly 'queue-turn': {
    readonly spaceType: 'post' | 'document' | 'community' | 'global'
    readonly spaceId: string
    readonly subspace: string
    readonly expires_at: string
    readonly timestamp: string
  }
  /** The receiver no longer waits: the turn was missed, the place was given up or taken away, the queue was switched off, or a code says why they may not enter. */
  readonly 'queue-over': {
    readonly spaceType: 'post' | 'document' | 'community' | 'global'
    readonly spaceId: string
    readonly subspace: string
    readonly reason: string
    readonly timestamp: string
  }
  /** From another socket of the room. */
  readonly 'webrtc-offer': {
    readonly fromSocketId: string
    readonly fromUser: unknown
    readonly offer: unknown
  }
  /** From another socket of the room. */
  readonly 'webrtc-answer': {
    readonly fromSocketId: string
    readonly fromUser: unknown
    readonly answer: unknown
  }
  /** From another socket of the room. */
  readonly 'webrtc-ice-candidate': {
    readonly fromSocketId: string
    readonly fromUser: unknown
    readonly candidate: unknown
  }
  /** Where somebody else is, and the state of their entities; not on the log. */
  readonly 'aframe-update': {
    readonly socketId: string
    readonly userAccount: string | null
    readonly entityData: Readonly<Record<string, unknown>>
    readonly timestamp: string
  }
  /** Entities that appeared, changed hands or went away (null), by id; not on the log. */
  readonly 'scene-changed': {
    readonly entities: Readonly<Record<string, unknown>>
    readonly timestamp: string
  }
  /** An entity was pinned, and lasts from now on. */
  readonly 'entity-pinned': {
    readonly id: string
    readonly template: string | null
    readonly ownership: string | null
    readonly components: Readonly<Record<string, unknown>>
    readonly by: {
      readonly kind: string
      readonly id: string
    }
    readonly revision: string
    readonly timestamp: string
  }
  /** The state of a pinned entity once it has come to rest. */
  readonly 'entity-changed': {
    readonly id: string
    readonly components: Readonly<Record<string, unknown>>
    readonly by: {
      readonly kind: string
      readonly id: string
    }
    readonly revision: string
    readonly timestamp: string
  }
  /** An entity was unpinned, and no longer lasts. */
  readonly 'entity-unpinned': {
    readonly id: string
    readonly by: {
      readonly kind: string
      readonly id: string
    }
    readonly revision: string
    readonly timestamp: string
  }
  /** Where things are, packed: on a Socket.IO socket one binary attachment, on a JSON socket a binary frame of its own. */
  readonly 'scene-frame': Readonly<Record<string, unknown>>
  /** Somebody asks for an entity that the receiver owns: entity-give gives it. */
  readonly 'entity-asked': {
    readonly id: string
    readonly fromSocketId: string
    readonly fromUser: unknown
  }
  /** What another client sent, whole and in order; not on the log. */
  readonly 'room-data': {
    readonly type: string
    readonly data: unknown
    readonly fromSocketId: string
    readonly fromUser: string
    readonly from: {
      readonly id: string
      readonly verified: boolean
    }
    readonly to?: string
    readonly timestamp: string
  }
  /** A refusal of something that was sent without asking for an acknowledgement. */
  readonly 'space-error': {
    readonly ok: boolean
    readonly code: string
    readonly error: string
    readonly retry_after?: number
    readonly queue?: {
      readonly position: number
      readonly waiting: number
      readonly expected_wait_seconds: number | null
      readonly until: string | null
      readonly expires_at: string | null
    }
    readonly subject?: string
    readonly session_token?: string
  }
  /** A refusal of something that was sent without asking for an acknowledgement. */
  readonly 'chat-error': {
    readonly ok: boolean
    readonly code: string
    readonly error: string
    readonly retry_after?: number
    readonly queue?: {
      readonly position: number
      readonly waiting: number
      readonly expected_wait_seconds: number | null
      readonly until: string | null
      readonly expires_at: string | null
    }
    readonly subject?: string
    readonly session_token?: string
  }
}

/** The codes of refusals; `invalid_<field>` beside them. */
export type Code =
  | 'invalid_proof'
  | 'token_expired'
  | 'forbidden'
  | 'heard_by_another'
  | 'banned'
  | 'muted'
  | 'not_on_stage'
  | 'guests_not_allowed'
  | 'chat_disabled'
  | 'voice_disabled'
  | 'not_found'
  | 'method_not_allowed'
  | 'space_not_found'
  | 'session_not_found'
  | 'message_not_found'
  | 'case_not_found'
  | 'event_not_found'
  | 'checkpoint_not_found'
  | 'tile_not_found'
  | 'list_not_found'
  | 'key_not_found'
  | 'subscription_not_found'
  | 'words_held'
  | 'erasure_not_found'
  | 'hold_not_found'
  | 'erasure_begun'
  | 'case_not_taken'
  | 'case_closed'
  | 'too_many_reports'
  | 'nothing_to_appeal'
  | 'space_full'
  | 'queued'
  | 'queue_full'
  | 'too_many_sessions'
  | 'too_many'
  | 'entity_not_found'
  | 'too_many_entities'
  | 'entity_pinned'
  | 'scene_full'
  | 'conflict'
  | 'space_unreadable'
  | 'space_deleted'
  | 'space_cut'
  | 'voice_by_mesh'
  | 'sfu_unavailable'
  | 'archived'
  | 'beyond_log'
  | 'too_large'
  | 'slow_down'
  | 'internal'
  | 'eventstore_unavailable'
  | 'postgres_unavailable'
  | 'hive_unavailable'
  | 'checkpoint_unavailable'
  | 'moment_unavailable'
  | 'server_unavailable'
  | 'not_caught_up'
  | 'session_ended'
  | 'resync'
  | `invalid_${string}`
