/** Clients' own projections: created, changed, deleted, and restored after a restart. */
import { randomUUID } from 'node:crypto'
import * as errors from '../protocol/errors.ts'
import { EXPECT_ANY } from '../streams/append-request.ts'
import { createOwnProjection, type OwnParts, type OwnProjection } from './own-projection.ts'
import { createOwnStore, keptSettings, type OwnSettings } from './own-store.ts'
import { trackedIn } from './own-work.ts'

export type OwnProjections = ReturnType<typeof createOwnProjections>
type Asked = Pick<OwnSettings, 'mode' | 'query' | 'isEmitting' | 'isTracking'> & {
  readonly name: string | null
}
type Changed = { readonly query: string; readonly isEmitting?: boolean }

/** How many may run at a time: each has a process of its own. */
const MOST_RUNNING = 100

/** `isTaken`: whether the node has one of that name itself. */
export const createOwnProjections = (
  parts: OwnParts,
  isTaken: (name: string) => boolean,
  mostRunning = MOST_RUNNING,
) => {
  const { storage, appender } = parts
  const { db } = storage
  const all = new Map<string, OwnProjection>()
  const open = (settings: OwnSettings): void => {
    const store = createOwnStore(db, settings.name)
    all.set(settings.name, createOwnProjection(parts, store, settings, { isOn: store.isOn() }))
  }
  // The caller is gone.
  for (const settings of keptSettings(db))
    if (settings.mode === 'Transient') createOwnStore(db, settings.name).remove()
    else open(settings)

  const checkRunning = (): void => {
    let running = 0
    for (const projection of all.values()) if (projection.isOn()) running++
    if (running >= mostRunning) throw errors.tooManyProjections(mostRunning)
  }
  const named = (name: string): OwnProjection => {
    const projection = all.get(name)
    if (projection === undefined) throw errors.projectionNotFound(name)
    return projection
  }
  const deleteStream = (stream: string): Promise<unknown> =>
    new Promise((done) =>
      appender.append({
        ...{ stream, expected: EXPECT_ANY, change: { kind: 'delete' }, bytes: 0 },
        ...{ deadline: Number.MAX_SAFE_INTEGER, done },
      }),
    )
  return {
    all: (): ReadonlyArray<OwnProjection> => [...all.values()],
    get: (name: string): OwnProjection | undefined => all.get(name),
    create: ({ name: asked, ...settings }: Asked): void => {
      const name = asked ?? randomUUID()
      if (name === '') throw errors.invalidArgument('The projection has no name')
      if (settings.isTracking && !settings.isEmitting)
        throw errors.internal(
          'Exception was thrown by handler. Emitted streams are tracked only of one that emits.',
        )
      if (isTaken(name) || all.has(name)) throw errors.projectionExists(name)
      checkRunning()
      const made: OwnSettings = { name, ...settings, version: 0, end: storage.lastPosition() }
      createOwnStore(db, name).keepSettings(made)
      storage.syncNow()
      open(made)
    },
    enable: (name: string): void => {
      const projection = named(name)
      if (!projection.isOn()) checkRunning()
      projection.turn(true)
    },
    /** It goes on with the new query from its position. */
    update: (name: string, { query, isEmitting }: Changed): void => {
      const before = named(name)
      const { settings } = before
      const isOn = before.isOn() || before.status() === 'Faulted'
      before.close()
      const store = createOwnStore(db, name)
      store.keepSettings({
        ...{ ...settings, query, isEmitting: isEmitting ?? settings.isEmitting },
        version: settings.version + 1,
      })
      store.keepOn(isOn)
      if (query !== settings.query) store.forgetEmitted()
      storage.syncNow()
      open(keptSettings(db).find((one) => one.name === name)!)
    },
    delete: async (name: string, isWithEmitted: boolean): Promise<void> => {
      const store = createOwnStore(db, name)
      const projection = named(name)
      // A projection whose query can't be read does not run.
      await projection.read()
      if (projection.isOn()) throw errors.projectionRuns(name)
      projection.close()
      all.delete(name)
      const emitted = isWithEmitted ? [...store.tracked(), trackedIn(name)] : []
      store.remove()
      storage.syncNow()
      await Promise.all(emitted.map(deleteStream))
    },
    reset: (name: string): void => {
      named(name).reset()
      storage.syncNow()
    },
    /** As JSON; undefined if there is none. */
    state: (name: string, partition: string): string | undefined =>
      createOwnStore(db, named(name).name).state(partition),
    result: (name: string, partition: string): string | undefined =>
      createOwnStore(db, named(name).name).result(partition),
    close: (): void => {
      for (const projection of all.values()) projection.close()
    },
  }
}
