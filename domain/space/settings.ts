/** Settings, which admins may change. A change of nothing produces no event. What a change forbids ends with it. */
import * as E from 'fp-ts/lib/Either.js'
import { isSettingName, SETTINGS, type SettingsChanges, type SpaceSettings } from '../settings.ts'
import { type Invalid, invalid } from '../text.ts'
import { mayAs } from './access.ts'
import type { ChangeSettings } from './commands.ts'
import { actorOf, type Decision, type DecisionContext } from './decision-context.ts'
import { endForbidden } from './endings.ts'
import type { SpaceEvent } from './events.ts'
import { mergeSettings } from './folding.ts'

/** How many characters of JSON all the free settings may have together. */
const MAX_SETTINGS = 16_384

const sameJson = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

/** The part of the free settings that differs from what is there; undefined if none does. */
const differing = (
  now: Readonly<Record<string, unknown>>,
  wanted: Record<string, unknown>,
): Record<string, unknown> | undefined => {
  const entries = Object.entries(wanted).filter(([key, value]) =>
    value === null ? Object.hasOwn(now, key) : !Object.hasOwn(now, key) || !sameJson(now[key], value),
  )
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** The part of `wanted` that is a change, checked. */
const readChanges = (now: SpaceSettings, wanted: SettingsChanges): E.Either<Invalid, SettingsChanges> => {
  const changes: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue
    // An error code must not contain a name that the caller made up.
    if (!isSettingName(name)) return invalid('settings', 'There is no such setting.')
    const { allows, mayBe } = SETTINGS[name]
    if (!allows(value)) return invalid(name, `${name} is ${mayBe}.`)
    if (name === 'settings') {
      const part = differing(now.settings, value as Record<string, unknown>)
      if (part !== undefined) changes.settings = part
    } else if (now[name] !== value) changes[name] = value
  }
  return E.right(changes as SettingsChanges)
}

export const changeSettings = (context: DecisionContext, command: ChangeSettings): Decision => {
  const { state, access, at } = context
  const may = mayAs(access, 'admin')
  if (E.isLeft(may)) return may
  const read = readChanges(state.settings, command.changes)
  if (E.isLeft(read)) return read
  const changes = read.right
  if (Object.keys(changes).length === 0) return E.right([])
  const after = mergeSettings(state.settings, changes as Partial<SpaceSettings>)
  if (changes.settings !== undefined && JSON.stringify(after.settings).length > MAX_SETTINGS)
    return invalid('settings', `The settings are longer than ${MAX_SETTINGS} characters of JSON.`)
  const events: Array<SpaceEvent> = [
    { type: 'SettingsChanged', data: { changes, by: actorOf(context.by), at } },
  ]
  const forbidden = {
    guests: changes.guests_allowed === false,
    voices: changes.voice_enabled === false ? 'all' : changes.stage === true ? 'listeners' : 'none',
  } as const
  events.push(...endForbidden(context, forbidden))
  return E.right(events)
}
