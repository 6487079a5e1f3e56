/** The commands that `presence space …` sends to a space. */
import * as E from 'fp-ts/lib/Either.js'
import { isSettingName, SETTING_NAMES, SettingsChanges } from '../../../domain/settings.ts'
import type { SpaceCommand } from '../../../domain/space/commands.ts'
import { Permission } from '../../../domain/space/roles.ts'
import type { SpaceState } from '../../../domain/space/state.ts'
import { nearest } from '../nearest.ts'

export type Options = { readonly reason: string | null; readonly until: string | null }

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 }
/** `30m`, `2h`, `7d` from now, as ISO 8601; null if it is not such a duration. */
export const endAfter = (text: string, now: number): string | null => {
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? []
  return count === undefined || unit === undefined
    ? null
    : new Date(now + Number(count) * UNITS[unit]! * 1_000).toISOString()
}

const readValue = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** `max_users=20 chat_enabled=false`. Left is a sentence. */
export const changesIn = (words: ReadonlyArray<string>): E.Either<string, SettingsChanges> => {
  const changes: Record<string, unknown> = {}
  for (const word of words) {
    const at = word.indexOf('=')
    const name = at < 0 ? word : word.slice(0, at)
    if (!isSettingName(name)) {
      const [near] = nearest(name, SETTING_NAMES)
      return E.left(
        `There is no setting ${name}${near === undefined ? `: there are ${SETTING_NAMES.join(', ')}` : `: did you mean ${near}?`}`,
      )
    }
    if (at < 0) return E.left(`${name} needs a value: ${name}=…`)
    changes[name] = readValue(word.slice(at + 1))
    if (E.isLeft(SettingsChanges.decode(changes))) return E.left(`${name} can’t be ${word.slice(at + 1)}.`)
  }
  const decoded = SettingsChanges.decode(changes)
  return E.isRight(decoded) ? decoded : E.left('These settings can’t be taken.')
}

/** The sessions of a subject, or the session with that id. */
const sessionsOf = (state: SpaceState, who: string): ReadonlyArray<string> =>
  [...state.sessions.values()]
    .filter((one) => one.sessionId === who || one.account === who || one.guest === who)
    .map(({ sessionId }) => sessionId)

export const VERBS = ['ban', 'unban', 'mute', 'unmute', 'kick', 'grant', 'revoke', 'settings'] as const
export type Verb = (typeof VERBS)[number]

/** The commands to send, one after the other. Left is a sentence. */
export const asked = (
  verb: Verb,
  words: ReadonlyArray<string>,
  { reason, until }: Options,
  state: SpaceState | null,
): E.Either<string, ReadonlyArray<SpaceCommand>> => {
  const [who = ''] = words
  if (verb !== 'settings' && who === '') return E.left(`${verb} whom?`)
  if (verb !== 'settings' && words.length > (verb === 'grant' ? 2 : 1))
    return E.left(`${verb} takes no ${words.at(-1)}.`)
  switch (verb) {
    case 'ban':
      return E.right([{ type: 'Ban', subject: who, reason, until }])
    case 'unban':
      return E.right([{ type: 'Unban', subject: who, reason }])
    case 'mute':
      return E.right([{ type: 'Mute', subject: who, reason, until }])
    case 'unmute':
      return E.right([{ type: 'Unmute', subject: who, reason }])
    case 'kick': {
      const sessions = state === null ? [] : sessionsOf(state, who)
      if (sessions.length === 0) return E.left(`${who} is not there.`)
      return E.right(sessions.map((sessionId) => ({ type: 'Kick', sessionId, reason }) as const))
    }
    case 'grant': {
      const permission = Permission.decode(words[1])
      if (E.isLeft(permission)) return E.left('Grant what? access, moderate or admin.')
      return E.right([{ type: 'GrantPermission', account: who, permission: permission.right, reason }])
    }
    case 'revoke':
      return E.right([{ type: 'RevokePermission', account: who, reason }])
    case 'settings': {
      const changes = changesIn(words)
      return E.isLeft(changes) ? changes : E.right([{ type: 'ChangeSettings', changes: changes.right }])
    }
    default:
      return verb satisfies never
  }
}
