/** An event in a sentence. */
import type { Decoded } from '../../domain/codec.ts'
import type { Actor } from '../../domain/identity.ts'
import type { SpaceState } from '../../domain/space/state.ts'
import { whoIs } from './names.ts'

const because = (reason: string | null): string => (reason === null ? '' : `: ${reason}`)
const until = (end: string | null): string => (end === null ? '' : ` until ${end}`)
const PLACES: Readonly<Record<string, string>> = { main: 'the main room' }
const place = (subspace: string): string => PLACES[subspace] ?? subspace
const permission = { access: 'access', moderate: 'moderator', admin: 'admin' } as const

const ENDED: Readonly<Record<string, string>> = {
  left: 'left',
  disconnected: 'lost the connection',
  expired: 'was away for too long',
  'node-lost': 'was lost with its server',
}

/** `before`: the space as it stood before the event, to say whose session it was; null where that is not known. */
export const says = (decoded: Decoded, before: SpaceState | null): string => {
  const actor = whoIs(decoded.metadata.actor)
  const whose = (sessionId: string): string => {
    const session = before?.sessions.get(sessionId)
    return session?.account ?? session?.guest ?? `session ${sessionId}`
  }
  const did = (by: Actor | null): string => (by === null ? actor : whoIs(by))
  if (decoded.kind === 'refusal') {
    const { command, reason, target } = decoded.event.data
    return `${actor} was refused ${command}${target === undefined ? '' : ` (${target})`}: ${reason}`
  }
  if (decoded.kind === 'chat') {
    const { type, data } = decoded.event
    switch (type) {
      case 'MessagePosted':
        return `${actor}: ${data.content === '' ? '(the words were erased)' : data.content}`
      case 'MessageEdited':
        return `${actor} changed a message to: ${data.content === '' ? '(the words were erased)' : data.content}`
      case 'MessageDeleted':
        return `${actor} deleted a message`
      case 'ReactionAdded':
        return `${actor} reacted with ${data.emoji}`
      case 'ReactionRemoved':
        return `${actor} took back ${data.emoji}`
      default: {
        const never: never = type
        return never
      }
    }
  }
  const { type, data } = decoded.event
  switch (type) {
    case 'SpaceOpened':
      return `the space was opened${data.owner === null ? '' : `, owned by ${data.owner}`}`
    case 'EntryGranted':
      return `${data.subject} was let in and holds a seat until ${data.expiresAt}`
    case 'SeatExpired':
      return `the seat held for ${data.subject} was freed`
    case 'SessionJoined':
      return `${data.account ?? data.guest} joined ${place(data.subspace)}`
    case 'SessionMoved':
      return `${whose(data.sessionId)} went from ${place(data.from)} to ${place(data.to)}`
    case 'SessionLeft': {
      const who = whose(data.sessionId)
      if (data.reason === 'kicked') return `${who} was kicked by ${did(data.by)}${because(data.note)}`
      if (data.reason === 'banned')
        return `${who} was put out, banned by ${did(data.by)}${until(data.until)}${because(data.note)}`
      return `${who} ${ENDED[data.reason] ?? 'left'}`
    }
    case 'VoiceStarted':
      return `${whose(data.sessionId)} switched their voice on`
    case 'VoiceStopped':
      return `the voice of ${whose(data.sessionId)} went off`
    case 'PermissionGranted':
      return `${data.account} was made ${permission[data.permission]} by ${did(data.by)}${because(data.reason)}`
    case 'PermissionRevoked':
      return `${data.account} is no longer ${permission[data.permission]}, by ${did(data.by)}${because(data.reason)}`
    case 'AccountBanned':
      return `${data.subject} was banned by ${did(data.by)}${until(data.until)}${because(data.reason)}`
    case 'AccountUnbanned':
      return `the ban of ${data.subject} was lifted by ${did(data.by)}${because(data.reason)}`
    case 'AccountMuted':
      return `${data.subject} was muted by ${did(data.by)}${until(data.until)}${because(data.reason)}`
    case 'AccountUnmuted':
      return `the mute of ${data.subject} was lifted by ${did(data.by)}${because(data.reason)}`
    case 'SettingsChanged': {
      const named = Object.entries(data.changes).map(([name, value]) => `${name} to ${JSON.stringify(value)}`)
      return `${did(data.by)} set ${named.join(', ')}`
    }
    default: {
      const never: never = type
      return never
    }
  }
}
