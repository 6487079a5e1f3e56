/** Stores a client's own projection (settings, position, states) in the log's file, so that it is written together with
 *  what it emits. */
import type { DatabaseSync } from 'node:sqlite'
import type { QueryOutcome } from './query-worker.ts'

export type OwnSettings = {
  readonly name: string
  readonly mode: 'Continuous' | 'OneTime' | 'Transient'
  readonly query: string
  readonly isEmitting: boolean
  /** Whether the streams to which it emits are listed in a stream. */
  readonly isTracking: boolean
  /** Counts the changes of the query. */
  readonly version: number
  /** The last position of one that runs once. */
  readonly end: number
}

const PREFIX = 'projections/own/'
const placeOf = (name: string): string => `${PREFIX}${encodeURIComponent(name)}/`

export type OwnStore = ReturnType<typeof createOwnStore>

/** The store of one projection. What is written outside a commit is on the disk with the next commit. */
export const createOwnStore = (db: DatabaseSync, name: string) => {
  const put = db.prepare('INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)')
  const find = db.prepare('SELECT value FROM state WHERE name = ?')
  const under = db.prepare('SELECT name, value FROM state WHERE substr(name, 1, ?) = ?')
  const forget = db.prepare('DELETE FROM state WHERE substr(name, 1, ?) = ?')
  const place = placeOf(name)
  const text = (key: string): string | undefined => {
    const value = find.get(`${place}${key}`)?.value
    return value === undefined ? undefined : String(value)
  }
  const removeUnder = (key: string): void => void forget.run(place.length + key.length, `${place}${key}`)
  const stateOf = (partition: string): readonly [state: string, result: string] | undefined => {
    const kept = text(`state/${partition}`)
    return kept === undefined ? undefined : (JSON.parse(kept) as [string, string])
  }
  return {
    keepSettings: (settings: OwnSettings): void => void put.run(`${place}settings`, JSON.stringify(settings)),
    keepOn: (on: boolean): void => void put.run(`${place}on`, `${on}`),
    isOn: (): boolean => text('on') !== 'false',
    checkpoint: (): number => Number(text('checkpoint') ?? -1),
    keepCheckpoint: (position: number): void => void put.run(`${place}checkpoint`, `${position}`),
    /** The position up to which everything is emitted: a projection that begins anew does not emit it again. */
    emitted: (): number => Number(text('emitted') ?? -1),
    keepEmitted: (position: number): void => void put.run(`${place}emitted`, `${position}`),
    keepState: ({ partition, state, result }: NonNullable<QueryOutcome>): void =>
      void put.run(`${place}state/${partition}`, JSON.stringify([state, result])),
    /** As JSON, undefined if the partition has had no event. */
    state: (partition: string): string | undefined => stateOf(partition)?.[0],
    result: (partition: string): string | undefined => stateOf(partition)?.[1],
    states: (): ReadonlyArray<readonly [partition: string, state: string]> => {
      const key = `${place}state/`
      return under
        .all(key.length, key)
        .map(({ name, value }) => [
          String(name).slice(key.length),
          (JSON.parse(String(value)) as [string, string])[0],
        ])
    },
    track: (stream: string): void => void put.run(`${place}tracked/${stream}`, ''),
    isTracked: (stream: string): boolean => text(`tracked/${stream}`) !== undefined,
    tracked: (): ReadonlyArray<string> => {
      const key = `${place}tracked/`
      return under.all(key.length, key).map(({ name }) => String(name).slice(key.length))
    },
    reset: (): void => {
      removeUnder('state/')
      removeUnder('checkpoint')
    },
    /** After a change of the query, a projection that begins anew emits everything again. */
    forgetEmitted: (): void => removeUnder('emitted'),
    remove: (): void => removeUnder(''),
  }
}

/** The settings of all stored projections. */
export const keptSettings = (db: DatabaseSync): ReadonlyArray<OwnSettings> =>
  db
    .prepare('SELECT name, value FROM state WHERE substr(name, 1, ?) = ?')
    .all(PREFIX.length, PREFIX)
    .filter(({ name }) => /^[^/]+\/settings$/.test(String(name).slice(PREFIX.length)))
    .map(({ value }) => JSON.parse(String(value)) as OwnSettings)
