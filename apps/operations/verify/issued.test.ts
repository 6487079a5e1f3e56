/** Checkpoints that are missing from their table, or whose rows say something other than was signed. */
import { randomBytes } from 'node:crypto'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPostgresPool } from '../../../adapters/postgres/pool.ts'
import { createProofs } from '../../../adapters/postgres/proofs.ts'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import { issuedEvent, issuedStream } from '../../../projections/proof/issued.ts'
import { rootAt } from '../../../projections/proof/merkle.ts'
import {
  openCheckpoint,
  type Signer,
  signCheckpoint,
  signerOf,
  verifierOf,
} from '../../../projections/proof/note.ts'
import { hashesAt, hashesFrom } from '../../../projections/proof/queries.ts'
import { posted, recorded } from '../../../projections/testing/events.ts'
import { runProjector } from '../../projector/projector.ts'
import { verifyLog } from './verify.ts'

const test = suite('issued')

const space = { type: 'global', id: 'issued' } as const

const database = await testDatabase()
const session = await connectSession(database.url, 'test')
const pool = await createPostgresPool(database.url, { maxConnections: 2 })
const log = memoryLog()
const projector = runProjector({ log, databaseUrl: database.url })
test.after(async () => {
  await projector.stop()
  await pool.end()
  await session.close()
  await database.drop()
})

let leaves = 0
let time = Date.parse('2026-03-01T12:00:00Z')
const grow = async () => {
  const { stream, event } = recorded(space, posted(`m${leaves}`, 'words', leaves))
  leaves += 1
  const end = log.push(stream, event)
  await until('it is in the tables', () => (projector.state().position ?? 0n) >= end)
}
const exec = (statement: string) => session.exec(statement)
const rootOf = (size: number): Promise<Buffer> =>
  rootAt(size, async (wanted) => hashesFrom(wanted, await session.run(hashesAt(wanted)))!)

/** Runs `work` with a key of its own and `issued` checkpoints, each of one event more, signed by a server that has the log or does not. */
const withIssued = async (
  issued: number,
  work: (given: {
    readonly signer: Signer
    readonly stream: string
    readonly notes: () => ReadonlyArray<{ readonly number: number; readonly note: string }>
    /** A server that has just started. */
    readonly server: (hasLog: boolean) => {
      readonly issue: () => Promise<string>
      readonly lost: () => number
    }
    /** The findings. Sizes are counted from the first one. */
    readonly found: () => Promise<ReadonlyArray<string>>
  }) => Promise<void>,
  hasLog = true,
): Promise<void> => {
  const signer = signerOf('issued.test', randomBytes(32))
  const verifier = verifierOf(signer)
  const stream = issuedStream(verifier.vkey)
  const before = leaves
  await exec('DELETE FROM proof_checkpoints')
  const server = (isNear: boolean) => {
    let lost = 0
    const clock = { now: () => (time += 1_000) }
    const onLost = (rows: number) => {
      lost += rows
    }
    const proofs = createProofs({ pool, signer, clock, everyMs: 0, onLost, ...(isNear ? { log } : {}) })
    return {
      issue: async () => {
        const answer = await proofs.checkpoint()()
        if (answer._tag === 'Left') throw new Error(answer.left.cause)
        return answer.right.kind === 'issued' ? answer.right.checkpoint.note : answer.right.kind
      },
      lost: () => lost,
    }
  }
  const first = server(hasLog)
  for (let i = 0; i < issued; i += 1) {
    await grow()
    await first.issue()
  }
  await work({
    signer,
    stream,
    server,
    notes: () => log.stream(stream).map(({ data }) => data as { number: number; note: string }),
    found: async () => {
      const { failures } = await verifyLog({ log, databaseUrl: database.url, verifiers: [verifier] })
      return failures.map(
        ({ from, what, size }) =>
          `${from === stream ? 'log' : from} ${what} ${size === null ? size : size - before}`,
      )
    },
  })
}

test('given checkpoints, then each has its number and its time, and they are on the log, too', () =>
  withIssued(3, async ({ signer, notes, server, found }) => {
    const note = await server(true).issue()
    const { extensions, size } = openCheckpoint(note, verifierOf(signer))!
    assert.is(size, leaves)
    assert.is(extensions[1], 'number 3')
    assert.match(extensions[2]!, /^issued 2026-03-01T12:0\d:\d\d\.000Z$/)
    assert.is(notes()[2]!.note, note)
    assert.equal(await found(), [])
  }))

test('given a missing row of proof_checkpoints, then it is named, and the next server puts it back', () =>
  withIssued(4, async ({ found, server }) => {
    await exec('DELETE FROM proof_checkpoints WHERE number IN (2, 4)')
    assert.equal(await found(), [`log missing 2`, `log missing 4`])
    await grow()
    const next = server(true)
    assert.match(await next.issue(), '\nnumber 5\n')
    assert.is(next.lost(), 2)
    assert.equal(await found(), [])
    await exec('DELETE FROM proof_checkpoints')
    assert.is((await found()).length, 5)
  }))

test('given a missing row that was not on the log, then the numbers of later rows reveal it', () =>
  withIssued(
    4,
    async ({ found, notes, server }) => {
      assert.equal(notes(), [])
      await exec('DELETE FROM proof_checkpoints WHERE number = 2')
      assert.equal(await found(), ['proof_checkpoints missing 3'])
      await exec('UPDATE proof_checkpoints SET number = number - 1 WHERE number > 2')
      assert.equal(await found(), ['proof_checkpoints row 3', 'proof_checkpoints row 4'])
      await exec('UPDATE proof_checkpoints SET number = number + 9 WHERE number > 1')
      await exec('UPDATE proof_checkpoints SET number = number - 8 WHERE number > 1')
      // A server that has the log records the existing checkpoints, and goes on from there.
      await grow()
      assert.match(await server(true).issue(), '\nnumber 5\n')
      assert.is(notes().length, 4)
      assert.equal(await found(), ['proof_checkpoints missing 3'])
    },
    false,
  ))

test('given a row with another time or number than was signed, then it is named', () =>
  withIssued(2, async ({ found }) => {
    await exec(`UPDATE proof_checkpoints SET issued_at = issued_at - interval '1 day' WHERE number = 1`)
    assert.equal(await found(), ['proof_checkpoints row 1'])
    await exec(`UPDATE proof_checkpoints SET issued_at = issued_at + interval '1 day' WHERE number = 1`)
    await exec('UPDATE proof_checkpoints SET number = 7 WHERE number = 2')
    const named = await found()
    assert.ok(named.includes('proof_checkpoints row 2') && named.includes(`log missing 2`), named.join())
  }))

test('given a checkpoint written to the log by somebody without the key, then it is named, and not put into the table', () =>
  withIssued(1, async ({ signer, stream, found, server }) => {
    const forged = signCheckpoint(
      { origin: signer.name, size: leaves, root: randomBytes(32), extensions: ['number 2'] },
      signerOf(signer.name, randomBytes(32)),
    )
    log.push(stream, issuedEvent(2, forged))
    assert.equal(await found(), [`log signature 1`])
    await grow()
    assert.match(await server(true).issue(), '\nnumber 2\n')
    assert.equal(await found(), [`log signature 1`])
  }))

test('given the newest row missing while the server is up, then it is put back before the next is signed', () =>
  withIssued(
    1,
    async ({ server, found }) => {
      const up = server(false)
      await grow()
      await up.issue()
      await exec('DELETE FROM proof_checkpoints WHERE number = 2')
      await grow()
      assert.match(await up.issue(), '\nnumber 3\n')
      assert.is(up.lost(), 1)
      assert.equal(await found(), [])
    },
    false,
  ))

test('given servers that sign at once, then each number is given once and none is left out', () =>
  withIssued(1, async ({ notes, server, found }) => {
    const servers = [server(true), server(true), server(true)]
    for (let i = 0; i < 4; i += 1) {
      await grow()
      const notes = await Promise.all(servers.map(({ issue }) => issue()))
      assert.is(new Set(notes).size, 1)
    }
    assert.equal(await found(), [])
    await grow()
    await server(true).issue()
    assert.equal(
      notes().map(({ number }) => number),
      [1, 2, 3, 4, 5, 6],
    )
  }))

test('given servers that take turns, then each checkpoint is on the log as soon as it is issued', () =>
  withIssued(1, async ({ notes, server }) => {
    const servers = [server(true), server(true)]
    for (let i = 0; i < 4; i += 1) {
      await grow()
      const note = await servers[i % 2]!.issue()
      assert.equal([notes().length, notes().at(-1)!.note], [i + 2, note])
    }
  }))

test('given a row whose columns have another root than was signed, then nothing more is signed', () =>
  withIssued(1, async ({ server }) => {
    await exec('UPDATE proof_checkpoints SET size = 0')
    await grow()
    assert.is(await server(true).issue(), 'altered')
  }))

test('given a server from before checkpoints were numbered among others, then its checkpoints get numbers, too', () =>
  withIssued(1, async ({ signer, notes, server, found }) => {
    const { vkey } = verifierOf(signer)
    /** Writes a checkpoint as such a server does. */
    const asBefore = async (size: number): Promise<void> => {
      const root = await rootOf(size)
      const note = signCheckpoint({ origin: signer.name, size, root, extensions: [] }, signer)
      await session.run(sql.unsafe`INSERT INTO proof_checkpoints (size, vkey, root, note)
        VALUES (${size}, ${vkey}, ${root.toString('base64')}, ${note}) ON CONFLICT DO NOTHING`)
    }
    await grow()
    await asBefore(leaves)
    // A checkpoint that was overtaken is as good, but the next is not.
    await asBefore(leaves - 1)
    await grow()
    assert.match(await server(true).issue(), '\nnumber 3\n')
    assert.equal(
      notes().map(({ number }) => number),
      [1, 2, 3],
    )
    assert.equal(await found(), [])
  }))

test('given a slow log, when a checkpoint is requested, then the last one is returned, unless it does not cover what is needed, which is waited for', () =>
  withIssued(0, async ({ signer }) => {
    let held: Promise<void> | undefined
    const slow = {
      ...log,
      append:
        (...args: Parameters<typeof log.append>) =>
        async () => {
          await held
          return log.append(...args)()
        },
    }
    const clock = { now: () => (time += 1_000) }
    const proofs = createProofs({ pool, signer, clock, everyMs: 0, patienceMs: 1, log: slow })
    const sizeOf = async (atLeast?: number): Promise<number> => {
      const answer = await proofs.checkpoint(atLeast)()
      if (answer._tag === 'Left' || answer.right.kind !== 'issued') throw new Error(JSON.stringify(answer))
      return answer.right.checkpoint.size
    }
    await grow()
    const before = leaves
    assert.is(await sizeOf(before), before)
    await grow()
    let release = (): void => {}
    held = new Promise((resolve) => {
      release = resolve
    })
    assert.is(await sizeOf(), before)
    assert.is(await sizeOf(before), before)
    const grown = sizeOf(before + 1)
    release()
    assert.is(await grown, before + 1)
  }))

test.run()
