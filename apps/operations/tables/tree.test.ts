/** The log's tree in tiles: however it grew, and whichever version wrote it, the rows are the same and make every hash. */
import { readFileSync } from 'node:fs'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession, type DatabaseSession } from '../../../adapters/postgres/session.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { EMPTY_EDGE, extend, leafHash } from '../../../projections/proof/merkle.ts'
import { lastLeaf, leavesAt, positionAt } from '../../../projections/proof/queries.ts'
import { copyLeaves, copyTiles, dropTiled, EMPTY_TREE, grow } from '../../../projections/proof/tree.ts'
import { nodesOf } from './tree.ts'

const test = suite('the tree in the tables')

const LEAVES = 1_100
const leaves = Array.from({ length: LEAVES }, (_, i) => ({
  position: BigInt(1_000 + 7 * i),
  hash: leafHash(Buffer.from(String(i))).toString('hex'),
}))
const rowsOf = async (session: DatabaseSession): Promise<ReadonlyArray<string>> =>
  (
    await session.run(sql.unsafe`SELECT t::text AS row FROM proof_tiles t UNION ALL SELECT l::text FROM proof_leaves l
      ORDER BY 1`)
  ).map(({ row }) => String(row))
/** Writes the first `size` leaves, so many at a time as `next` says. */
const write = async (session: DatabaseSession, size: number, next: () => number): Promise<void> => {
  let tree = EMPTY_TREE
  await session.exec('DELETE FROM proof_tiles; DELETE FROM proof_leaves')
  for (let at = 0; at < size; ) {
    const grown = grow(tree, leaves.slice(at, Math.min(size, at + next())))
    await session.copy(...copyTiles(grown.tiles), ...copyLeaves(grown.lines))
    for (const statement of dropTiled(grown)) await session.run(statement)
    tree = grown.tree
    at = tree.edge.size
  }
}

const withSession = async (work: (session: DatabaseSession) => Promise<void>): Promise<void> => {
  const database = await testDatabase()
  const session = await connectSession(database.url, 'test')
  try {
    await work(session)
  } finally {
    await session.close()
    await database.drop()
  }
}

test('given a tree that grew one by one, in odd steps or at once, then its rows are the same', () =>
  withSession(async (session) => {
    for (const size of [1, 255, 256, 257, 512, LEAVES]) {
      await write(session, size, () => size)
      const atOnce = await rowsOf(session)
      assert.is(atOnce.length, Math.floor(size / 256) + (size % 256))
      let step = 0
      const uneven = (): number => {
        step = (step * 7 + 3) % 611
        return step + 1
      }
      for (const next of [() => 37, () => 256, uneven]) {
        await write(session, size, next)
        assert.equal(await rowsOf(session), atOnce, String(size))
      }
    }
    await write(session, 300, () => 300)
    const atOnce = await rowsOf(session)
    await write(session, 300, () => 1)
    assert.equal(await rowsOf(session), atOnce)
  }))

test('given tiles, then every full subtree, position and leaf is found in them, and nothing that is not there', () =>
  withSession(async (session) => {
    await write(session, LEAVES, () => 100)
    const { nodes } = extend(
      EMPTY_EDGE,
      leaves.map(({ hash }) => Buffer.from(hash, 'hex')),
    )
    const found = await nodesOf(session)(nodes)
    assert.is(found.length, nodes.length)
    for (const [i, { level, index, hash }] of nodes.entries())
      assert.ok(found[i]!.equals(hash), `level ${level}, number ${index}`)
    const places = await session.run(leavesAt(leaves.map(({ position }) => position)))
    assert.equal(
      places.map(({ position, leaf }) => [position, leaf]),
      leaves.map(({ position }, i) => [position, BigInt(i)]),
    )
    for (const i of [0, 255, 256, 1_023, 1_024, LEAVES - 1])
      assert.equal((await session.run(positionAt(i)))[0], { position: leaves[i]!.position })
    assert.equal(await session.run(lastLeaf()), [
      { leaf: BigInt(LEAVES - 1), position: leaves.at(-1)!.position },
    ])
    assert.equal(await session.run(leavesAt([0n, 1_001n, 10_000_000n])), [])
    assert.equal((await session.run(positionAt(LEAVES)))[0], { position: null })
    let failed = ''
    await nodesOf(session)([{ level: 0, index: LEAVES }]).catch((error) => {
      failed = String(error)
    })
    assert.match(failed, 'are missing')
  }))

test('given a table with a row for each leaf, as older versions wrote it, when it is migrated, then the rows are as if written now', () =>
  withSession(async (session) => {
    const migration = readFileSync(
      new URL('../../../infra/migrations/1301_proof_tiles.sql', import.meta.url),
      'utf8',
    )
    for (const size of [0, 1, 255, 256, 700, 1_024]) {
      await session.exec(`SET search_path TO public`)
      await write(session, size, () => Math.max(1, size))
      const now = await rowsOf(session)
      await session.exec(`CREATE SCHEMA old; SET search_path TO old;
        CREATE TABLE proof_leaves (leaf bigint NOT NULL PRIMARY KEY, position bigint NOT NULL, hashes bytea NOT NULL);
        CREATE UNIQUE INDEX proof_leaves_position ON proof_leaves (position)`)
      let tree = EMPTY_TREE
      for (const leaf of leaves.slice(0, size)) {
        const grown = grow(tree, [leaf])
        // Each as it was before its tile was whole.
        const lines = grown.tiles.length > 0 ? grown.tiles[0]!.lines.slice(-1) : grown.lines
        await session.copy(...copyLeaves(lines))
        tree = grown.tree
      }
      await session.transaction(() => session.exec(migration))
      assert.equal(await rowsOf(session), now, String(size))
      await session.exec('DROP SCHEMA old CASCADE')
    }
  }))

test.run()
