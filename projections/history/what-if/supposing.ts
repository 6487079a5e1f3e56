/** Reads from a request what is to be supposed, and writes the answer. */
import * as E from 'fp-ts/lib/Either.js'
import { isSettingName, SETTINGS, type SpaceSettings } from '../../../domain/settings.ts'
import type { RoomFilter } from '../../../domain/space/filter.ts'
import { readFilter } from '../../../domain/space/filters.ts'
import { type Invalid, invalid } from '../../../domain/text.ts'
import { whoIs } from '../names.ts'
import { SUPPOSED, type Supposed } from './redeciding.ts'
import type { WhatIf } from './what-if.ts'

/** Settings that decide nothing: those for clients alone, and those about what is kept. */
const IDLE: ReadonlySet<string> = new Set(['settings', 'motion_tracks', 'motion_days', 'publish_bans'])

export type AskedFilter = {
  readonly words: ReadonlyArray<string> | null
  readonly count: number | null
  readonly seconds: number | null
  readonly acts: RoomFilter['acts']
  readonly muteSeconds: number | null
}

/** `from`: the beginning of the span (ISO 8601), since a filter counts what was written from then on. */
export const readSupposed = (
  settings: Readonly<Record<string, unknown>>,
  filter: AskedFilter | null,
  from: string,
): E.Either<Invalid, Supposed> => {
  for (const [name, value] of Object.entries(settings)) {
    if (!isSettingName(name) || IDLE.has(name))
      return invalid('settings', 'There is no such setting that decides anything.')
    if (!SETTINGS[name].allows(value)) return invalid(name, `${name} is ${SETTINGS[name].mayBe}.`)
  }
  if (Object.keys(settings).length === 0 && filter === null)
    return invalid('settings', 'Suppose something: settings, a filter, or both.')
  if (filter === null) return E.right({ settings: settings as Partial<SpaceSettings>, filters: [] })
  const read = readFilter({ filterId: SUPPOSED, ...filter })
  if (E.isLeft(read)) return read
  const supposed = { ...read.right, by: { kind: 'system', id: 'what-if' } as const, at: from }
  return E.right({ settings: settings as Partial<SpaceSettings>, filters: [supposed] })
}

export const whatIfView = ({ counts, differences, events, cutAt }: WhatIf) => ({
  events,
  decisions: counts.decisions,
  differences: counts.differences,
  by: counts.by,
  not_comparable: counts.notComparable,
  undecided: counts.undecided,
  erased: counts.erased,
  unexplained: counts.unexplained,
  cut_at: cutAt,
  listed: differences.map((one) => ({
    position: one.position,
    event_id: one.eventId,
    at: one.at,
    actor: whoIs(one.actor),
    command: one.command,
    was: one.was,
    would: one.would,
    after: one.after,
    followed: one.followed,
  })),
})
