/** What goes over the wire. Made from the project’s records by `WRITE_CONTRACT=1 node infra/checks/contract.test.ts`. */

/** What a client sends, by event. */
export type Sent = {
  /** Comes into a room; joining another leaves the one before. With since, what was missed comes first. */
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
    readonly room_data?: boolean
  }
  /** Leaves. */
  readonly 'leave-space': Readonly<Record<string, unknown>>
  /** Says something in a room. The same message_id twice is one message. */
  readonly 'chat-message': {
    readonly content: string
    readonly message_type?: string
    readonly parent_message_id?: string
    readonly message_id?: string
  }
  /** Rewrites one’s own message. */
  readonly 'chat-edit': {
    readonly message_id: string
    readonly content: string
  }
  /** Deletes one’s own message, or as a moderator one of those below. */
  readonly 'chat-delete': {
    readonly message_id: string
  }
  /** Adds a reaction to a message, or with remove takes it back. */
  readonly 'chat-reaction': {
    readonly message_id: string
    readonly emoji: string
    readonly remove?: boolean
  }
  /** Reports a message, a person or a pinned entity to the moderators. Who did is known to them alone. One of message_id, subject, session_id (in this room) and entity_id (what is pinned) names what. */
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
  /** Switches one’s voice on or off. */
  readonly 'voice-state': {
    readonly enabled: boolean
  }
  /** Raises one’s hand. */
  readonly 'hand-raise': Readonly<Record<string, unknown>>
  /** Lowers one’s hand, or as a moderator that of one below. */
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
  /** Gives the word on the stage back, or as a moderator takes it from one below. */
  readonly 'speak-take': {
    readonly session_id?: string
  }
  /** Gives an account a permission. Admins give up to moderate, owners admin too. */
  readonly 'permission-grant': {
    readonly account: string
    readonly permission: 'access' | 'moderate' | 'admin'
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Takes an account’s permission back. */
  readonly 'permission-revoke': {
    readonly account: string
    readonly reason?: string | null
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** Bans an account or a guest, until a time or for good. */
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
  /** Mutes an account or a guest, until a time or for good. */
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
  /** Changes the settings that it names. For admins. */
  readonly 'settings-change': {
    readonly chat_enabled?: boolean
    readonly voice_enabled?: boolean
    readonly guests_allowed?: boolean
    readonly max_users?: number
    readonly reactions_enabled?: boolean
    readonly stage?: boolean
    readonly slow_mode_seconds?: number
    readonly guests_of_network?: number
    readonly scene_spawn?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_draw?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_pin?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_delete?: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
    readonly scene_ownership?: 'free' | 'ask' | 'locked'
    readonly settings?: Readonly<Record<string, unknown>>
    readonly spaceType?: 'post' | 'document' | 'community' | 'global'
    readonly spaceId?: string
  }
  /** An offer, to one socket of the room. */
  readonly 'webrtc-offer': {
    readonly targetSocketId: string
    readonly offer: unknown
  }
  /** An answer, to one socket of the room. */
  readonly 'webrtc-answer': {
    readonly targetSocketId: string
    readonly answer: unknown
  }
  /** A candidate, to one socket of the room. */
  readonly 'webrtc-ice-candidate': {
    readonly targetSocketId: string
    readonly candidate: unknown
  }
  /** Where one’s avatar is, and how entities are: any JSON object up to 16 KB. Of each component of each entity the newest wins; null removes a component, or an entity; one that is not there yet is spawned by being named. */
  readonly 'aframe-update': {
    readonly position?: unknown
    readonly rotation?: unknown
    readonly entities?: unknown
  }
  /** Adds an entity to the room’s scene, as one’s own. With stays it is there after one has left. */
  readonly 'entity-spawn': {
    readonly id?: string
    readonly template?: string
    readonly ownership?: 'free' | 'ask' | 'locked'
    readonly stays?: boolean
    readonly components?: Readonly<Record<string, unknown>>
  }
  /** Removes an entity that one owns or made; another’s as scene_delete says. */
  readonly 'entity-remove': {
    readonly id: string
  }
  /** Pins an entity of the room’s scene: from now on it lasts. */
  readonly 'entity-pin': {
    readonly id: string
  }
  /** Unpins an entity: it goes with its owner again. */
  readonly 'entity-unpin': {
    readonly id: string
  }
  /** Takes an entity over, or asks its owner for it, as its ownership says. */
  readonly 'entity-take': {
    readonly id: string
  }
  /** Gives an entity of one’s own to a socket of the room; without to it is nobody’s. */
  readonly 'entity-give': {
    readonly id: string
    readonly to?: string
  }
  /** What clients tell each other whole and in order; to one of them with to. */
  readonly 'room-data': {
    readonly type: string
    readonly data?: unknown
    readonly to?: string
  }
}

/** What the server tells, by event. */
export type Told = {
  /** The room as it is on coming in. */
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
    readonly settings: {
      readonly chat_enabled: boolean
      readonly voice_enabled: boolean
      readonly guests_allowed: boolean
      readonly max_users: number
      readonly reactions_enabled: boolean
      readonly stage: boolean
      readonly slow_mode_seconds: number
      readonly guests_of_network: number
      readonly scene_spawn: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_draw: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_pin: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_delete: 'everyone' | 'access' | 'moderate' | 'admin' | 'owner'
      readonly scene_ownership: 'free' | 'ask' | 'locked'
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
    readonly resumed: boolean
    readonly timestamp: string
  }
  /** Somebody came into the room. */
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
  /** A voice went on or off. */
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
  /** A hand went up, or down and by whom. */
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
  /** Somebody has the word on the stage, or has it no longer, and by whom. */
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
  /** A permission was granted or revoked, a mute set or lifted (change says which). */
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
  /** Settings were changed: those that changes names; null in its free part removes a key. */
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
  /** A message. Where its words were erased they are empty, and erased_by says by which request. */
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
  /** A message reads otherwise now. */
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
  /** A message is gone. */
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
  /** A reaction is on a message, or off it. */
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
  /** Kicked or banned; then the server disconnects it. */
  readonly kicked: {
    readonly reason: string | null
    readonly by: string | null
    readonly until?: string
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
  /** Where another is and how its entities are; not on the log. */
  readonly 'aframe-update': {
    readonly socketId: string
    readonly userAccount: string | null
    readonly entityData: Readonly<Record<string, unknown>>
    readonly timestamp: string
  }
  /** Entities that came, changed hands or went (null), by id; not on the log. */
  readonly 'scene-changed': {
    readonly entities: Readonly<Record<string, unknown>>
    readonly timestamp: string
  }
  /** An entity lasts from now on. */
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
  /** An entity that lasts is so, at rest. */
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
  /** An entity does not last any more. */
  readonly 'entity-unpinned': {
    readonly id: string
    readonly by: {
      readonly kind: string
      readonly id: string
    }
    readonly revision: string
    readonly timestamp: string
  }
  /** Where things are, packed: on a Socket.IO socket one binary attachment, on a JSON socket a binary frame by itself. */
  readonly 'scene-frame': Readonly<Record<string, unknown>>
  /** Somebody asks for an entity of one’s own: entity-give gives it. */
  readonly 'entity-asked': {
    readonly id: string
    readonly fromSocketId: string
    readonly fromUser: unknown
  }
  /** What another client told, whole and in order; not on the log. */
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
  /** A refusal of what came without an acknowledgement. */
  readonly 'space-error': {
    readonly ok: boolean
    readonly code: string
    readonly error: string
    readonly retry_after?: number
  }
  /** A refusal of what came without an acknowledgement. */
  readonly 'chat-error': {
    readonly ok: boolean
    readonly code: string
    readonly error: string
    readonly retry_after?: number
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
  | 'key_not_found'
  | 'subscription_not_found'
  | 'case_not_taken'
  | 'case_closed'
  | 'too_many_reports'
  | 'nothing_to_appeal'
  | 'space_full'
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
  | 'archived'
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
