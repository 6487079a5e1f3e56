/** The names of what this service tells by itself: no client's message to the others may go by one of them. */

const OURS: ReadonlySet<string> = new Set([
  'space-joined',
  'space-error',
  'chat-error',
  'user-joined',
  'user-left',
  'chat-message',
  'chat-edited',
  'chat-deleted',
  'chat-reaction',
  'voice-state',
  'hand-state',
  'permission-changed',
  'settings-changed',
  'kicked',
  'webrtc-offer',
  'webrtc-answer',
  'webrtc-ice-candidate',
  'aframe-update',
  'room-data',
  'scene-changed',
  'scene-frame',
  'entity-asked',
  'entity-pinned',
  'entity-changed',
  'entity-unpinned',
  'answer',
])

export const isOurs = (name: string): boolean => OURS.has(name)
