/** Rooms with a past, on a node and tables of their own, for tests of archives: people come, talk and leave, hour by
 *  hour, with a checkpoint at intervals. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as E from 'fp-ts/lib/Either.js'
import { archivedLog } from '../../../../adapters/archive/archived-log.ts'
import { connectEventLog } from '../../../../adapters/eventstore/index.ts'
import { createPostgresPool } from '../../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../../adapters/postgres/proofs.ts'
import { connectVault } from '../../../../adapters/privacy/connect.ts'
import { sealedLog } from '../../../../adapters/privacy/sealed-log.ts'
import { type SpaceRef, STREAM_PREFIXES } from '../../../../domain/names.ts'
import type { EventLog } from '../../../../domain/ports.ts'
import {
  account,
  asking,
  join as joining,
  pathOn,
  stepClock,
  uuid,
} from '../../../../infra/testing/command-path.ts'
import { testEventStore } from '../../../../infra/testing/eventstore.ts'
import { testDatabase } from '../../../../infra/testing/postgres.ts'
import { until } from '../../../../infra/testing/until.ts'
import { signerOf } from '../../../../projections/proof/note.ts'
import { runProjector } from '../../../projector/projector.ts'
import { keepStates } from '../../keep/bundle-states.ts'
import { keepMoments } from '../../keep/moments.ts'

export const MASTER_KEY = '5e'.repeat(32)
export const SIGNING_KEY = '03'.repeat(32)
export const ORIGIN = 'presence.test'
export const BEGIN = Date.parse('2026-01-01T00:00:00Z')
export const HOUR = 3_600_000
export const roomOf = (n: number): SpaceRef => ({ type: 'document', id: `room-${n}` })

/** The command path's own world: people, and a clock. */
const createPeople = (log: EventLog, rooms: number) => {
  const clock = stepClock(BEGIN)
  const fresh = () => pathOn(log, { clock })
  let path = fresh()
  let serial = 0
  const failures: unknown[] = []
  const told = (result: E.Either<unknown, unknown>): void => {
    if (E.isLeft(result)) failures.push(result.left)
  }
  return {
    clock,
    failures,
    /** One person's visit to one room: they come, say two things and leave. */
    visit: async (room: number): Promise<void> => {
      serial += 1
      const n = serial
      const by = account(`user-${n % 50}`)
      const space = roomOf(room % rooms)
      const say = (of: number) =>
        asking(
          uuid(n, of),
          by,
          {
            type: 'PostMessage' as const,
            messageId: uuid(n, of),
            subspace: 'main',
            content: `words-${n} ${'x'.repeat(300)}`,
            messageType: 'text',
            parentMessageId: null,
          },
          space,
        )
      told(await path.space(asking(uuid(n, 1), by, joining(n), space))())
      told(await path.chat(say(2))())
      told(await path.chat(say(3))())
      told(
        await path.space(
          asking(uuid(n, 4), by, { type: 'LeaveSpace', sessionId: `session-${n}`, reason: 'left' }, space),
        )(),
      )
    },
    /** Somebody comes and stays; returns what makes them leave. */
    enter: async (room: number): Promise<() => Promise<void>> => {
      serial += 1
      const n = serial
      const [by, space] = [account(`guest-${n % 50}`), roomOf(room % rooms)]
      const leave = { type: 'LeaveSpace', sessionId: `session-${n}`, reason: 'left' } as const
      told(await path.space(asking(uuid(n, 1), by, joining(n), space))())
      return async () => told(await path.space(asking(uuid(n, 4), by, leave, space))())
    },
    /** Somebody is refused, which is recorded on the log. */
    refused: async (room: number): Promise<void> => {
      serial += 1
      const command = { type: 'Ban' as const, subject: 'alice', reason: null, until: null }
      const by = account(`user-${serial % 50}`)
      const done = await path.space(asking(uuid(serial, 5), by, command, roomOf(room % rooms)))()
      if (E.isRight(done)) failures.push('It was not refused.')
    },
    /** Continues with a process that has just started, with nothing in memory. */
    startAgain: async (): Promise<void> => {
      await path.drain()
      path = fresh()
    },
    look: (room: number) => path.look(roomOf(room))(),
    drain: () => path.drain(),
  }
}

export type Rooms = Awaited<ReturnType<typeof openRooms>>

export const openRooms = async (rooms = 4) => {
  const [node, database] = await Promise.all([testEventStore(), testDatabase()])
  const dir = mkdtempSync(join(tmpdir(), 'presence-archives-'))
  const signer = signerOf(ORIGIN, Buffer.from(SIGNING_KEY, 'hex'))
  const vault = connectVault({ databaseUrl: database.url, masterKey: MASTER_KEY })
  await vault.ready
  const plain = connectEventLog({ url: node.url })
  const archived = archivedLog(connectEventLog({ url: node.url }), dir)
  const opened = sealedLog(archived, vault)
  const log = sealedLog(plain, vault)
  const pool = await createPostgresPool(database.url, { maxConnections: 2 })
  const keeper = keepMoments({ log: plain })
  const states = keepStates({ log: plain, databaseUrl: database.url, signer, every: 200 })
  const projector = runProjector({
    log,
    databaseUrl: database.url,
    onApplied: (events) => {
      keeper.notice(events)
      states.notice(events)
    },
  })
  const people = createPeople(log, rooms)
  const proofs = createProofs({ pool, signer, clock: people.clock, everyMs: 0, log: plain })
  /** The position of the last event of the rooms. */
  const end = async (): Promise<bigint> => {
    const last = await plain.readAll({ direction: 'backwards', limit: 1, prefixes: STREAM_PREFIXES })()
    return E.isRight(last) ? (last.right[0]?.position ?? -1n) : -1n
  }
  return {
    ...{ node, database, dir, signer, plain, archived, opened, log, people, projector, end },
    /** Resolves when everything on the log is in the tables, and everything to be kept of it is kept. */
    settled: async (): Promise<void> => {
      const position = await end()
      await until('the tables have it', () => (projector.state().position ?? -1n) >= position)
      await Promise.all([keeper.idle(), states.idle()])
    },
    checkpoint: async (): Promise<void> => {
      const issued = await proofs.checkpoint()()
      if (E.isLeft(issued) || issued.right.kind !== 'issued') throw new Error('No checkpoint was issued.')
    },
    /** Makes this many visits, of which `each` make an hour; a checkpoint after each tenth. */
    live: async (visits: number, each: number): Promise<void> => {
      for (let n = 0; n < visits; n += 1) {
        await people.visit(n)
        if ((n + 1) % each === 0) people.clock.advance(HOUR)
      }
    },
    close: async (): Promise<void> => {
      await projector.stop()
      await Promise.all([keeper.stop(), states.stop(), people.drain()])
      await Promise.all([plain.close(), archived.close(), pool.end(), vault.close()])
      await node.stop()
      await database.drop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
