/** The tree's hashes in tiles of 256, from which anybody makes every proof. Source: https://c2sp.org/tlog-tiles. */
import { EMPTY_EDGE, extend, type Hash, type Nodes, rootOf } from './merkle.ts'

const WIDTH = 256
const HASH = 32

/** `width` hashes at `level` (each over 256^level leaves), the first being number `index` * 256. */
export type Tile = { readonly level: number; readonly index: number; readonly width: number }

/** `<level>/<index>[.p/<width>]`, the index in groups of three digits. */
export const tilePath = ({ level, index, width }: Tile): string => {
  const digits = String(index)
  const groups = digits.padStart(3 * Math.ceil(digits.length / 3), '0').match(/\d{3}/g) ?? []
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return `${level}/${path}${width === WIDTH ? '' : `.p/${width}`}`
}

/** Null where it is no tile's path. */
export const parseTilePath = (path: string): Tile | null => {
  const [, level, index, width] =
    /^([0-9]{1,2})\/((?:x[0-9]{3}\/){0,4}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/.exec(path) ?? []
  if (level === undefined || index === undefined) return null
  const tile = {
    level: Number(level),
    index: Number(index.replaceAll(/[x/]/g, '')),
    width: Number(width ?? WIDTH),
  }
  const isTile = tile.level < 64 && tile.width >= 1 && tile.width <= WIDTH && Number.isSafeInteger(tile.index)
  // Each tile has one path.
  return isTile && tilePath(tile) === path ? tile : null
}

/** How many hashes that tile has in a tree of `size` leaves. */
const widthIn = (size: number, { level, index }: Omit<Tile, 'width'>): number =>
  Math.max(0, Math.min(WIDTH, Math.floor(size / WIDTH ** level) - index * WIDTH))
export const isTileOf = (size: number, tile: Tile): boolean => tile.width <= widthIn(size, tile)

/** Where a tile's hashes are in the tree. */
export const placesOf = ({ level, index, width }: Tile): ReadonlyArray<{ level: number; index: number }> =>
  Array.from({ length: width }, (_, i) => ({ level: 8 * level, index: index * WIDTH + i }))

/** Reads a tree of `size` leaves from its tiles, each once. `read` gives a tile's hashes, one after the other; what they are is for a
 *  proof to show. Throws RangeError where a tile has another length. */
export const nodesOfTiles = (size: number, read: (tile: Tile) => Promise<Uint8Array>): Nodes => {
  const known = new Map<string, Promise<Buffer>>()
  const tileAt = (level: number, index: number): Promise<Buffer> => {
    const tile = { level, index, width: widthIn(size, { level, index }) }
    const path = tilePath(tile)
    const found =
      known.get(path) ??
      read(tile).then((bytes) => {
        if (bytes.length !== HASH * tile.width)
          throw new RangeError(`Tile ${path} has ${bytes.length} bytes in place of ${HASH * tile.width}.`)
        return Buffer.from(bytes)
      })
    known.set(path, found)
    return found
  }
  const hashAt = async (level: number, index: number): Promise<Hash> => {
    // A tile has every eighth level; those between are made of its hashes.
    const tile = Math.floor(level / 8)
    const count = 2 ** (level % 8)
    const first = index * count
    const bytes = await tileAt(tile, Math.floor(first / WIDTH))
    const from = first % WIDTH
    const hashes = Array.from({ length: count }, (_, i) =>
      bytes.subarray(HASH * (from + i), HASH * (from + i + 1)),
    )
    return rootOf(extend(EMPTY_EDGE, hashes).edge)
  }
  return (wanted) => Promise.all(wanted.map(({ level, index }) => hashAt(level, index)))
}
