/** All persistent subscriptions of the node, and their storage. */

import type { Storage } from '../../log/storage.ts'
import type { Appender } from '../../streams/append.ts'
import { EXPECT_ANY } from '../../streams/append-request.ts'
import { metastreamOf } from '../../streams/metadata.ts'
import type { Hub } from '../hub.ts'
import { createGroup, type Group } from './group.ts'
import { parkedStreamOf } from './parked.ts'
import type { GroupSettings } from './settings.ts'

export type Registry = ReturnType<typeof createRegistry>

const CONFIG_STREAM = '$persistentSubscriptionConfig'
const checkpointStreamOf = (source: string, name: string): string =>
  `$persistentsubscription-${source}::${name}-checkpoint`

const keyOf = (source: string, name: string): string => `${source}::${name}`

export const createRegistry = (storage: Storage, appender: Appender, hub: Hub) => {
  const { db } = storage
  const insert = db.prepare('INSERT INTO groups (source, name, settings, checkpoint) VALUES (?, ?, ?, NULL)')
  const updateSettings = db.prepare('UPDATE groups SET settings = ? WHERE source = ? AND name = ?')
  const updateCheckpoint = db.prepare('UPDATE groups SET checkpoint = ? WHERE source = ? AND name = ?')
  const selectCheckpoint = db.prepare('SELECT checkpoint FROM groups WHERE source = ? AND name = ?')
  const drop = db.prepare('DELETE FROM groups WHERE source = ? AND name = ?')
  const groups = new Map<string, Group>()

  const system = (stream: string, type: string, data: unknown): void =>
    appender.append({
      stream,
      expected: EXPECT_ANY,
      change: {
        kind: 'append',
        events: [
          {
            id: crypto.randomUUID(),
            type,
            contentType: 'application/json',
            data: Buffer.from(JSON.stringify(data)),
            metadata: new Uint8Array(0),
          },
        ],
      },
      deadline: Number.POSITIVE_INFINITY,
      bytes: 0,
      done: () => {},
    })

  /** Written for those who watch a group's checkpoints; the node itself reads its table. */
  const tell = (source: string, name: string, at: number): void => {
    const stream = checkpointStreamOf(source, name)
    if (storage.stream(stream).last < 0) system(metastreamOf(stream), '$metadata', { $maxCount: 2 })
    system(stream, '$SubscriptionCheckpoint', source === '$all' ? `C:${at}/P:${at}` : `${at}`)
  }

  /** For those who watch `$all`: the groups that there are, whenever that changes, as the real server writes it. */
  const tellAll = (): void => {
    if (storage.stream(CONFIG_STREAM).last < 0)
      system(metastreamOf(CONFIG_STREAM), '$metadata', { $maxCount: 2 })
    const entries = [...groups.values()].map((group) => ({ stream: group.source, group: group.name }))
    system(CONFIG_STREAM, '$PersistentConfig', { version: '2', entries })
  }

  const open = (source: string, name: string, settings: GroupSettings): void => {
    const checkpoint = (selectCheckpoint.get(source, name)?.checkpoint ?? null) as number | null
    groups.set(
      keyOf(source, name),
      createGroup({
        storage,
        appender,
        source,
        name,
        settings,
        checkpoint,
        save: (at) => {
          updateCheckpoint.run(at, source, name)
          tell(source, name, at)
        },
      }),
    )
  }

  const load = (): void => {
    for (const row of db.prepare('SELECT source, name, settings FROM groups').all())
      open(String(row.source), String(row.name), JSON.parse(String(row.settings)) as GroupSettings)
  }
  load()
  const unlisten = hub.listen(() => {
    for (const group of groups.values()) group.wake()
  })

  /** A subscription from the end is from the end as it is now, whenever the node starts again. */
  const pinned = (source: string, settings: GroupSettings): GroupSettings => {
    if (settings.startFrom !== 'end') return settings
    const end = source === '$all' ? storage.lastPosition() : storage.stream(source).last
    return { ...settings, pinnedAt: end + 1 }
  }

  return {
    get: (source: string, name: string): Group | undefined => groups.get(keyOf(source, name)),
    list: (): Group[] => [...groups.values()],
    /** How many clients are connected to all of them. */
    consumers: (): number => {
      let count = 0
      for (const group of groups.values()) count += group.consumers().length
      return count
    },
    create: (source: string, name: string, settings: GroupSettings): void => {
      const kept = pinned(source, settings)
      insert.run(source, name, JSON.stringify(kept))
      storage.syncNow()
      open(source, name, kept)
      tellAll()
    },
    update: (group: Group, settings: GroupSettings): void => {
      group.stop()
      const kept = pinned(group.source, settings)
      updateSettings.run(JSON.stringify(kept), group.source, group.name)
      storage.syncNow()
      open(group.source, group.name, kept)
      tellAll()
    },
    remove: (group: Group): void => {
      group.stop(false)
      groups.delete(keyOf(group.source, group.name))
      drop.run(group.source, group.name)
      storage.syncNow()
      tellAll()
      for (const stream of [
        parkedStreamOf(group.source, group.name),
        checkpointStreamOf(group.source, group.name),
      ])
        if (storage.stream(stream).last >= 0)
          appender.append({
            stream,
            expected: EXPECT_ANY,
            change: { kind: 'delete' },
            deadline: Number.POSITIVE_INFINITY,
            bytes: 0,
            done: () => {},
          })
    },
    /** Restarts all of them from what is stored. */
    restart: (): void => {
      for (const group of groups.values()) group.stop()
      groups.clear()
      load()
    },
    close: (): void => {
      unlisten()
      for (const group of groups.values()) group.stop()
    },
  }
}
