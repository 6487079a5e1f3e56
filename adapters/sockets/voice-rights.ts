/** Whose voice may be heard: what an offer or an answer would transmit, and whether its sender may speak. */
import * as E from 'fp-ts/lib/Either.js'
import type { Caller } from '../../domain/identity.ts'
import { accessOf, rank } from '../../domain/space/access.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import { hasTheWord } from '../../domain/space/stage.ts'
import type { SpaceState } from '../../domain/space/state.ts'

/** `silent`: it describes media, but none of it is this side's voice. `none`: it describes no media. */
export type Voice = 'speaks' | 'silent' | 'none'

const SENDING = new Set(['sendrecv', 'sendonly'])
const DIRECTION = /^a=\s*(sendrecv|sendonly|recvonly|inactive)\s*$/

/** The voice in one description. A section without a direction of its own has the session's; without that, it sends and
 *  receives. Source: RFC 8866 §6.7; RFC 3264 §6 (port 0), RFC 9143 §6 (but not of a bundle). */
export const voiceOfSdp = (sdp: string): Voice => {
  const sections = sdp
    .toLowerCase()
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .reduce<string[][]>(
      (all, line) => {
        if (/^m=/.test(line)) all.push([line])
        else all.at(-1)?.push(line)
        return all
      },
      [[]],
    )
  const directionsOf = (lines: ReadonlyArray<string>) =>
    lines.flatMap((line) => DIRECTION.exec(line)?.[1] ?? [])
  const [session = [], ...media] = sections
  if (media.length === 0) return 'none'
  const ofAll = directionsOf(session)
  const speaks = media.some((lines) => {
    if (!/^m=\s*audio\b/.test(lines[0] ?? '')) return false
    const isRefused = /^m=\s*audio\s+0\s/.test(lines[0] ?? '') && !lines.includes('a=bundle-only')
    if (isRefused) return false
    const own = directionsOf(lines)
    const directions = own.length > 0 ? own : ofAll
    return directions.length === 0 || directions.some((direction) => SENDING.has(direction))
  })
  return speaks ? 'speaks' : 'silent'
}

/** The voice in whatever a client sends as its signal: libraries wrap the description in objects, and some as JSON in a text. */
export const voiceOf = (value: unknown, depth = 0): Voice => {
  if (depth > 64) return 'speaks'
  if (typeof value === 'string') {
    const own = voiceOfSdp(value)
    if (own !== 'none' || !/^\s*[[{"]/.test(value)) return own
    try {
      return voiceOf(JSON.parse(value), depth + 1)
    } catch {
      return 'none'
    }
  }
  if (typeof value !== 'object' || value === null) return 'none'
  const parts = Object.values(value).map((part) => voiceOf(part, depth + 1))
  if (parts.includes('speaks')) return 'speaks'
  return parts.includes('silent') ? 'silent' : 'none'
}

/** Whether it takes an offer back: it has no description, or an empty one. */
const isRollback = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'rollback'

/** Whether `by` may send this description to others in the space. What can't be parsed counts as a voice, unless it can
 *  only be a candidate. */
export const maySignal = (
  asked: {
    readonly state: SpaceState
    readonly by: Caller
    readonly facts: ContentFacts
    readonly at: string
  },
  value: unknown,
  isCandidate: boolean,
): E.Either<SpaceRefusal, void> => {
  const { state, by, facts, at } = asked
  const { voice_enabled, stage } = state.settings
  const isOff = !voice_enabled
  // Nearly always nobody is silenced, and then nothing has to be parsed.
  if (!isOff && !stage && state.mutes.size === 0) return E.right(undefined)
  const { mute, role } = accessOf(state, by, facts, at)
  const isHeard = !stage || rank(role) >= rank('moderate') || hasTheWord(state, by.id)
  if (!isOff && mute === null && isHeard) return E.right(undefined)
  const voice = voiceOf(value)
  if (voice === 'silent' || (voice === 'none' && (isCandidate || isRollback(value))))
    return E.right(undefined)
  if (isOff) return E.left({ _tag: 'VoiceDisabled' })
  return E.left(mute === null ? { _tag: 'NotOnStage' } : { _tag: 'Muted', until: mute.until })
}
