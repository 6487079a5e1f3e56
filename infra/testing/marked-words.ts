/** Words that a test finds again wherever they come to stand on the log, as it is sealed. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import type { Vault } from '../../adapters/privacy/vault.ts'
import { type MemoryLog, memoryLog } from './memory-log.ts'

const key = { generation: 1, key: createSecretKey(randomBytes(32)) }
const vault: Vault = {
  sealing: async (subjects) => new Map(subjects.map((subject) => [subject, key])),
  opening: async () => new Map(),
}

const MARK = /zq\d+qz/
const WORDS = /zq\d+qz some words/

/** Each is another. A mark by itself is of the grammar of names; words are not. */
export const createMarks = () => {
  let count = 0
  const mark = (): string => {
    count += 1
    return `zq${count}qz`
  }
  return { mark, words: (): string => `${mark()} some words of mine`, count: () => count }
}

/** Each place of what is on the log after `from` events, as it is sealed, that has such words, or what is of the grammar of names:
 *  `Type path.of.it`. */
export const placesIn = async (
  log: MemoryLog,
  from: number,
): Promise<{ readonly words: ReadonlyArray<string>; readonly names: ReadonlyArray<string> }> => {
  const stored = memoryLog()
  const sealed = sealedLog(stored, vault)
  for (const { stream, id, type, data, metadata } of log.all().slice(from))
    await sealed.append(stream, 'any', [{ id, type, data, metadata } as never])()
  const found = { words: new Set<string>(), names: new Set<string>() }
  const look = (type: string, path: string, value: unknown): void => {
    if (typeof value === 'string' && MARK.test(value))
      found[WORDS.test(value) ? 'words' : 'names'].add(`${type} ${path}`)
    if (typeof value !== 'object' || value === null) return
    for (const [name, part] of Object.entries(value)) {
      look(type, `${path}.*`, MARK.test(name) ? name : null)
      look(type, `${path}.${MARK.test(name) ? '*' : name.replace(/^\d+$/, 'n')}`, part)
    }
  }
  for (const { stream, type, data, metadata } of stored.all()) {
    // Snapshots have what a room's state has, whose events are looked at.
    if (type === 'Snapshot') continue
    look(type, 'stream', stream)
    look(type, 'data', data)
    look(type, 'metadata', metadata)
  }
  return { words: [...found.words].sort(), names: [...found.names].sort() }
}
