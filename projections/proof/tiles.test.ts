/** Tiles compared with their tree: their paths as in the specification, and proofs that are made from tiles alone. */
import { randomBytes } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  consistencyProof,
  EMPTY_EDGE,
  extend,
  type Hash,
  inclusionProof,
  leafHash,
  type Nodes,
  rootAt,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'
import { isTileOf, nodesOfTiles, parseTilePath, placesOf, type Tile, tilePath } from './tiles.ts'

const test = suite('tiles')
const SIZE = 70_000
const known = new Map<string, Hash>()
for (const { level, index, hash } of extend(
  EMPTY_EDGE,
  Array.from({ length: SIZE }, (_, i) => leafHash(Buffer.from(String(i)))),
).nodes)
  known.set(`${level}/${index}`, hash)
const nodes: Nodes = async (wanted) => wanted.map(({ level, index }) => known.get(`${level}/${index}`)!)
const served = async (tile: Tile): Promise<Buffer> => Buffer.concat(await nodes(placesOf(tile)))

test('given a place, then its path is as in the specification, and no other path leads to it', () => {
  for (const [path, tile] of [
    ['0/000', { level: 0, index: 0, width: 256 }],
    ['0/x001/x234/067', { level: 0, index: 1_234_067, width: 256 }],
    ['1/273.p/17', { level: 1, index: 273, width: 17 }],
    ['2/999.p/1', { level: 2, index: 999, width: 1 }],
    ['63/x001/000', { level: 63, index: 1_000, width: 256 }],
  ] as const) {
    assert.is(tilePath(tile), path)
    assert.equal(parseTilePath(path), tile)
  }
  for (const path of [
    '',
    '0/0',
    '00/000',
    '64/000',
    '0/x000/000',
    '0/x001',
    '0/001/000',
    '0/000.p/0',
    '0/000.p/256',
    '0/000.p/01',
    '0/000/',
    '-1/000',
    'entries/000',
    '0/x999/x999/x999/x999/x999/999',
  ])
    assert.is(parseTilePath(path), null, path)
})

test('given the specification’s tree of 70,000 leaves, then it has the tiles that are named there', () => {
  for (const [path, is] of [
    ['0/272', true],
    ['0/273', false],
    ['0/273.p/112', true],
    ['0/273.p/113', false],
    ['1/000', true],
    ['1/001.p/17', true],
    ['1/001.p/18', false],
    ['2/000.p/1', true],
    ['2/000.p/2', false],
    ['3/000.p/1', false],
  ] as const)
    assert.is(isTileOf(SIZE, parseTilePath(path)!), is, path)
  assert.is(isTileOf(256, parseTilePath('1/000.p/1')!), true)
})

test('given only tiles, then roots and proofs are those of the tree, whatever its size', async () => {
  for (const size of [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, SIZE]) {
    const tiles = nodesOfTiles(size, served)
    const root = await rootAt(size, nodes)
    assert.equal(await rootAt(size, tiles), root, `${size}`)
    for (const old of [1, Math.ceil(size / 3), size - 1].filter((one) => one >= 1)) {
      const before = { size: old, root: await rootAt(old, nodes) }
      const proof = await consistencyProof(old, size, tiles)
      assert.ok(verifyConsistency(before, { size, root }, proof), `${old} ${size}`)
      const leaf = old - 1
      const inclusion = await inclusionProof(leaf, size, tiles)
      assert.ok(verifyInclusion(leafHash(Buffer.from(String(leaf))), leaf, inclusion, { size, root }))
    }
  }
})

test('given a tile that is needed for several hashes, then it is fetched once; given one of another length, then the error names it', async () => {
  const asked: string[] = []
  const tiles = nodesOfTiles(SIZE, (tile) => {
    asked.push(tilePath(tile))
    return served(tile)
  })
  await consistencyProof(12_345, SIZE, tiles)
  assert.is(new Set(asked).size, asked.length)
  assert.ok(asked.length <= 6, `${asked}`)
  const short = nodesOfTiles(SIZE, async (tile) => (await served(tile)).subarray(1))
  await rootAt(SIZE, short).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, /Tile .* has \d+ bytes in place of \d+/),
  )
  const other = nodesOfTiles(SIZE, async ({ width }) => randomBytes(32 * width))
  assert.not.equal(await rootAt(SIZE, other), await rootAt(SIZE, nodes))
})

test.run()
