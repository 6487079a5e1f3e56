/** A log that was replaced by an older backup: its signing key records it, and checkpoints that were signed of the lost
 *  part can be told from a second history. */
import { randomBytes } from 'node:crypto'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../adapters/postgres/proofs.ts'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { type MemoryLog, memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { issuedAt, numberOf } from '../../../projections/proof/issued.ts'
import {
  checkpointIn,
  type Signer,
  signCheckpoint,
  signerOf,
  verifierOf,
} from '../../../projections/proof/note.ts'
import { signWentBack, together, wentBackIn } from '../../../projections/proof/went-back.ts'
import { posted, recorded } from '../../../projections/testing/events.ts'
import { runProjector } from '../../projector/projector.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { sayWentBack } from './say-went-back.ts'
import { verifyLog } from './verify.ts'

const test = suite('a log that went back')
const space = { type: 'global', id: 'lobby' } as const

let said = 0
const say = (log: MemoryLog, count: number): void => {
  for (let i = 0; i < count; i += 1) {
    said += 1
    const { stream, event } = recorded(space, posted(`m${said}`, `words ${said}`, said))
    log.push(stream, event)
  }
}
/** A backup of the log, made when it had so many events. */
const backTo = (log: MemoryLog, events: number): MemoryLog => {
  const older = memoryLog()
  older.add(log.all().slice(0, events))
  return older
}

type Given = {
  readonly session: DatabaseSession
  readonly databaseUrl: string
  readonly signer: Signer
  /** Brings the tables to a log, and lets a server that has just started sign them. Resolves to the checkpoint's note, or to `altered`. */
  readonly signed: (log: MemoryLog) => Promise<string>
  readonly verified: (
    log: MemoryLog,
    ...elsewhere: ReadonlyArray<string>
  ) => Promise<{ readonly failures: ReadonlyArray<string>; readonly lost: number; readonly files: string }>
  readonly saidBack: (events: number) => Promise<unknown>
}
let time = Date.parse('2026-03-01T12:00:00Z')
const database = await testDatabase()
const databaseUrl = database.url
const session = await connectSession(databaseUrl, 'test')
const pool = await createPostgresPool(databaseUrl, { maxConnections: 2 })
test.after(async () => {
  await pool.end()
  await session.close()
  await database.drop()
})
/** The log that the tables are of: what is new on it is applied, since making tables takes far longer than filling them. */
let made: MemoryLog | null = null
const bringTables = async (log: MemoryLog): Promise<void> => {
  if (log !== made) await rebuild({ log, databaseUrl })
  else {
    const projector = runProjector({ log, databaseUrl })
    const end = log.events.at(-1)!.position
    await until('all is applied', () => projector.state().position === end)
    await projector.stop()
  }
  made = log
}
/** Runs `work` with a key of its own that has signed nothing yet. */
const withTables = async (work: (given: Given) => Promise<void>): Promise<void> => {
  await session.exec('DELETE FROM proof_checkpoints; DELETE FROM proof_went_back')
  const signer = signerOf('back.test', randomBytes(32))
  const verifiers = [verifierOf(signer)]
  await work({
    session,
    databaseUrl,
    signer,
    signed: async (log) => {
      await bringTables(log)
      const clock = { now: () => (time += 1_000) }
      const answer = await createProofs({ pool, signer, clock, everyMs: 0 }).checkpoint()()
      if (answer._tag === 'Left') throw new Error(answer.left.cause)
      return answer.right.kind === 'issued' ? answer.right.checkpoint.note : answer.right.kind
    },
    verified: async (log, ...elsewhere) => {
      const checkpoints = elsewhere.map((note, nth) => ({ name: `elsewhere ${nth}`, note }))
      const { failures, lost } = await verifyLog({ log, databaseUrl, verifiers, checkpoints })
      return {
        failures: failures.map(({ from, what, size }) => `${from} ${what} ${size}`),
        lost: lost.count,
        files: lost.files.join(),
      }
    },
    saidBack: (events) => {
      time += 1_000
      return sayWentBack(databaseUrl, signer, events, time)
    },
  })
}
/** A log of six events, with a checkpoint after every two. */
const signedLog = async ({ signed }: Given) => {
  const log = memoryLog()
  const notes: string[] = []
  for (let i = 0; i < 3; i += 1) {
    say(log, 2)
    notes.push(await signed(log))
  }
  return { log, notes }
}

test('given a log that went back, when nobody says so, then nothing more is signed, and the earlier checkpoints are named', () =>
  withTables(async (given) => {
    const { log } = await signedLog(given)
    const older = backTo(log, 3)
    say(older, 4)
    assert.is(await given.signed(older), 'altered')
    const { failures, lost } = await given.verified(older)
    assert.equal([failures, lost], [['proof_checkpoints root 4', 'proof_checkpoints root 6'], 0])
  }))

test('given a log that went back, when its key says so, then it is signed again under the same key, and each later checkpoint says it', () =>
  withTables(async (given) => {
    const { log, notes } = await signedLog(given)
    const older = backTo(log, 3)
    say(older, 1)
    await given.saidBack(2)
    // It covers as many events as an earlier checkpoint, but different ones.
    const next = checkpointIn(await given.signed(older))!
    assert.equal([next.size, numberOf(next), wentBackIn(next).map(({ events }) => events)], [4, 4, [2]])
    assert.is.not(next.root.toString('hex'), checkpointIn(notes[1]!)!.root.toString('hex'))
    assert.equal(await given.verified(older, ...notes), {
      failures: [],
      lost: 4,
      files: 'elsewhere 1,elsewhere 2',
    })
    say(older, 5)
    const last = checkpointIn(await given.signed(older))!
    assert.equal([last.size, numberOf(last), wentBackIn(last).length], [9, 5, 1])
    assert.is((await given.verified(older, ...notes)).failures.length, 0)
  }))

test('given a log that went back as its key says, when a later event is altered, then every checkpoint of it is named', () =>
  withTables(async (given) => {
    const { log, notes } = await signedLog(given)
    const older = backTo(log, 3)
    say(older, 3)
    await given.saidBack(2)
    const fresh = await given.signed(older)
    const forked = backTo(older, 3)
    say(forked, 3)
    assert.equal((await given.verified(forked, fresh, ...notes)).failures, [
      'proof_checkpoints root 6',
      'elsewhere 0 root 6',
    ])
    assert.is(await given.signed(forked), 'altered')
    // Nor does it excuse a change before the position to which the log went back.
    const rewritten = memoryLog()
    say(rewritten, 6)
    assert.match((await given.verified(rewritten, notes[0]!)).failures.join(), 'elsewhere 0 root 2')
  }))

test('given a log that went back, when one without the key says so in its table, then nothing is signed', () =>
  withTables(async (given) => {
    const { log } = await signedLog(given)
    const older = backTo(log, 3)
    const other = signerOf('back.test', randomBytes(32))
    for (const note of [
      signWentBack({ events: 0, at: '2027-01-01T00:00:00.000Z' }, other),
      'went-back 0',
      '',
    ])
      await given.session.run(sql.unsafe`INSERT INTO proof_went_back (note) VALUES (${note})`)
    // A checkpoint is signed with the same key, too, but does not record that the log went back.
    const checkpoint = signCheckpoint(
      {
        origin: 'back.test',
        size: 0,
        root: randomBytes(32),
        extensions: ['went-back 0 2027-01-01T00:00:00.000Z'],
      },
      given.signer,
    )
    await given.session.run(sql.unsafe`INSERT INTO proof_went_back (note) VALUES (${checkpoint})`)
    assert.is(await given.signed(older), 'altered')
    assert.is((await given.verified(older)).failures.length, 2)
  }))

test('given tables and log that were both restored, when the restore says so, then the same numbers are signed again, and those of what is lost are distinguished', () =>
  withTables(async (given) => {
    const { log, notes } = await signedLog(given)
    await given.session.exec('DELETE FROM proof_checkpoints WHERE number > 1')
    const older = backTo(log, 3)
    await given.saidBack(2)
    say(older, 3)
    const next = checkpointIn(await given.signed(older))!
    assert.equal([next.size, numberOf(next)], [6, 2])
    assert.equal(await given.verified(older, ...notes), {
      failures: [],
      lost: 2,
      files: 'elsewhere 1,elsewhere 2',
    })
  }))

test('given nothing new on the log, when it is said that it went back, then a checkpoint of the same events says so, once', () =>
  withTables(async (given) => {
    const { log } = await signedLog(given)
    await given.saidBack(6)
    const first = await given.signed(log)
    assert.equal([checkpointIn(first)!.size, numberOf(checkpointIn(first)!)], [6, 4])
    assert.is(await given.signed(log), first)
    assert.equal(await given.verified(log), { failures: [], lost: 0, files: '' })
  }))

test('given a log that went back twice, then a statement that the later one includes is not repeated', () => {
  const [a, b, c] = [
    { events: 50, at: '2026-01-01T00:00:00.000Z' },
    { events: 80, at: '2026-02-01T00:00:00.000Z' },
    { events: 20, at: '2026-03-01T00:00:00.000Z' },
  ]
  assert.equal(together([b], [a]), [a, b])
  assert.equal(together([a, b], [c]), [c])
  assert.equal(together([a], [a]), [a])
})

test('given a server whose clock is ahead of the one that says so, then what it signed earlier still counts as earlier', () =>
  withTables(async (given) => {
    const { log, notes } = await signedLog(given)
    const { at } = await sayWentBack(given.databaseUrl, given.signer, 2, 0)
    assert.is(Date.parse(at), issuedAt(checkpointIn(notes[2]!)!)! + 1)
    assert.match(await given.signed(backTo(log, 3)), `went-back 2 ${at}`)
  }))

test.run()
