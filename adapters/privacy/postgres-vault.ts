/** The vault in Postgres: keys wrapped under the master key, cached in the process, dropped everywhere once erased. */

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import type { Pool } from 'pg'
import type { Subject } from '../../domain/identity.ts'
import { boundedCache } from '../bounded-cache.ts'
import type { MissingKeys } from './missing-keys.ts'
import type { SubjectKey } from './seal.ts'
import { type Erased, type KeyRef, refOf, type Vault } from './vault.ts'

/** The channel that says a subject was erased: `<subject>`. */
export const ERASED_CHANNEL = 'privacy_erased'

export type PostgresVault = Vault & {
  /** Drops what is cached of a subject, or everything without one. Called for each notice on `ERASED_CHANNEL`. */
  readonly forget: (subject?: Subject) => void
  /** Keys that were requested but were never in this database, without erased ones; lists at most a thousand. */
  readonly missing: () => MissingKeys
}
const MISSING = 1_000

/** The keys of this database were made under another master key. */
export class WrongMasterKey extends Error {
  override readonly name = 'WrongMasterKey'
  constructor() {
    super('PRIVACY_MASTER_KEY is not the one that the keys of this database were made under.')
  }
}

const CHECK = 'master key'
/** Throws `WrongMasterKey`, or Postgres' errors. The first process to come determines which key it is. */
export const checkMaster = async (pool: Pick<Pool, 'query'>, master: Buffer): Promise<void> => {
  await pool.query('INSERT INTO privacy_master (wrapped) VALUES ($1) ON CONFLICT DO NOTHING', [
    wrap(Buffer.from(CHECK), master, CHECK),
  ])
  const { rows } = await pool.query<{ wrapped: Buffer }>('SELECT wrapped FROM privacy_master')
  if (rows[0] !== undefined) unwrap(rows[0].wrapped, master, CHECK)
}

const wrap = (key: Buffer, master: Buffer, ref: string): Buffer => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', master, nonce)
  cipher.setAAD(Buffer.from(ref, 'utf8'))
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()])
}

const unwrap = (wrapped: Buffer, master: Buffer, ref: string): Buffer => {
  const decipher = createDecipheriv('aes-256-gcm', master, wrapped.subarray(0, 12))
  decipher.setAAD(Buffer.from(ref, 'utf8'))
  decipher.setAuthTag(wrapped.subarray(wrapped.length - 16))
  try {
    return Buffer.concat([decipher.update(wrapped.subarray(12, wrapped.length - 16)), decipher.final()])
  } catch {
    throw new WrongMasterKey()
  }
}

type Row = { subject: string; generation: number; wrapped: Buffer | null; erased_by: string | null }

/** `master` is 32 bytes. */
export const postgresVault = (options: {
  readonly pool: Pick<Pool, 'query'>
  readonly master: Buffer
  readonly cacheSize?: number
}): PostgresVault => {
  const { pool, master } = options
  if (master.length !== 32) throw new TypeError('the master key is 32 bytes')
  const opened = boundedCache<string, KeyObject | Erased>(options.cacheSize ?? 50_000)
  const current = boundedCache<Subject, SubjectKey>(options.cacheSize ?? 50_000)

  const missing = new Set<string>()

  /** Increases with each erasure: an answer to a query from before it must not be cached. */
  let epoch = 0

  const keep = (row: Row, asked: number): KeyObject | Erased => {
    const ref = refOf(row)
    const key =
      row.wrapped === null
        ? { erased: row.erased_by ?? '' }
        : createSecretKey(unwrap(row.wrapped, master, ref))
    if (asked === epoch) opened.set(ref, key)
    return key
  }

  /** Makes the missing keys, in one statement; if another process was faster, its key counts. */
  const make = async (subjects: ReadonlyArray<Subject>): Promise<void> => {
    const { rows: last } = await pool.query<{ subject: string; generation: number }>(
      'SELECT subject, max(generation) AS generation FROM privacy_keys WHERE subject = ANY($1) GROUP BY subject',
      [subjects],
    )
    const generations = new Map(last.map((row) => [row.subject, row.generation]))
    const made = subjects.map((subject) => {
      const ref = { subject, generation: (generations.get(subject) ?? 0) + 1 }
      return { ...ref, wrapped: wrap(randomBytes(32), master, refOf(ref)) }
    })
    await pool.query(
      `INSERT INTO privacy_keys (subject, generation, wrapped)
       SELECT * FROM unnest($1::text[], $2::integer[], $3::bytea[]) ON CONFLICT DO NOTHING`,
      [made.map((row) => row.subject), made.map((row) => row.generation), made.map((row) => row.wrapped)],
    )
  }

  const readCurrent = async (
    subjects: ReadonlyArray<Subject>,
    found: Map<Subject, SubjectKey>,
  ): Promise<void> => {
    const asked = epoch
    const { rows } = await pool.query<Row>(
      'SELECT subject, generation, wrapped, erased_by FROM privacy_keys WHERE subject = ANY($1) AND erased_by IS NULL',
      [subjects],
    )
    for (const row of rows) {
      const key = keep(row, asked)
      if ('erased' in key) continue
      const held = { generation: row.generation, key }
      found.set(row.subject, held)
      if (asked === epoch) current.set(row.subject, held)
    }
  }

  return {
    sealing: async (subjects) => {
      const found = new Map<Subject, SubjectKey>()
      for (const subject of subjects) {
        const key = current.get(subject)
        if (key !== undefined) found.set(subject, key)
      }
      const missing = () => subjects.filter((subject) => !found.has(subject))
      if (found.size < subjects.length) await readCurrent(missing(), found)
      if (found.size < subjects.length) {
        await make(missing())
        await readCurrent(missing(), found)
      }
      const [none] = missing()
      if (none !== undefined) throw new Error(`no key could be made for ${none}`)
      return found
    },
    opening: async (refs) => {
      const found = new Map<string, KeyObject | Erased>()
      const asked: Array<KeyRef> = []
      for (const ref of refs) {
        const key = opened.get(refOf(ref))
        if (key === undefined) asked.push(ref)
        else found.set(refOf(ref), key)
      }
      if (asked.length > 0) {
        const at = epoch
        const { rows } = await pool.query<Row>(
          `SELECT subject, generation, wrapped, erased_by FROM privacy_keys
           JOIN unnest($1::text[], $2::integer[]) AS asked (subject, generation) USING (subject, generation)`,
          [asked.map((ref) => ref.subject), asked.map((ref) => ref.generation)],
        )
        for (const row of rows) found.set(refOf(row), keep(row, at))
        for (const ref of asked.map(refOf))
          if (found.has(ref)) missing.delete(ref)
          else if (missing.size < MISSING) missing.add(ref)
      }
      return found
    },
    sealingNow: (subject) => current.get(subject),
    openingNow: (ref) => opened.get(refOf(ref)),
    missing: () => ({ count: missing.size, some: [...missing].map((ref) => ref.replace(/#\d+$/, '')) }),
    forget: (subject) => {
      epoch += 1
      if (subject === undefined) {
        opened.clear()
        current.clear()
        missing.clear()
        return
      }
      current.delete(subject)
      for (const ref of opened.keys()) if (ref.startsWith(`${subject}#`)) opened.delete(ref)
    },
  }
}
