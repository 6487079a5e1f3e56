/**
 * The Merkle tree of RFC 6962, section 2: hashes, proofs and their checks. Nodes of full subtrees never change once
 * written, so a tree of any size is kept by appending nodes, and every proof is made from a few of them.
 * Source: RFC 6962 section 2.1; proof checks as in RFC 9162 sections 2.1.3.2 and 2.1.4.2.
 */
import { createHash, hash } from 'node:crypto'

/** 32 bytes of SHA-256. */
export type Hash = Buffer

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

export const EMPTY_ROOT: Hash = createHash('sha256').digest()
export const leafHash = (bytes: Uint8Array): Hash => createHash('sha256').update(LEAF).update(bytes).digest()
/** A node's bytes, written anew for each: the tree is as long as the log. */
const scratch = Buffer.alloc(65)
scratch[0] = 1
export const nodeHash = (left: Hash, right: Hash): Hash => {
  if (left.length !== 32 || right.length !== 32)
    return createHash('sha256').update(NODE).update(left).update(right).digest()
  scratch.set(left, 1)
  scratch.set(right, 33)
  return hash('sha256', scratch, 'buffer')
}

/** The hash over leaves `index * 2^level` up to the next such boundary: a full subtree. */
export type Node = { readonly level: number; readonly index: number; readonly hash: Hash }

/** The right edge of a tree: one full subtree for each bit set in its size, the largest first. */
export type Edge = { readonly size: number; readonly hashes: ReadonlyArray<Hash> }
export const EMPTY_EDGE: Edge = { size: 0, hashes: [] }

/** Adds leaves on the right. `nodes` are the full subtrees that this completed, leaves among them. */
export const extend = (
  edge: Edge,
  leaves: ReadonlyArray<Hash>,
): { readonly edge: Edge; readonly nodes: ReadonlyArray<Node> } => {
  const hashes = [...edge.hashes]
  const nodes: Array<Node> = []
  let size = edge.size
  for (const leaf of leaves) {
    nodes.push({ level: 0, index: size, hash: leaf })
    let hash = leaf
    let index = size
    for (let level = 0; index % 2 === 1; level++) {
      hash = nodeHash(hashes.pop()!, hash)
      index = (index - 1) / 2
      nodes.push({ level: level + 1, index, hash })
    }
    hashes.push(hash)
    size += 1
  }
  return { edge: { size, hashes }, nodes }
}

export const rootOf = (edge: Edge): Hash => {
  if (edge.hashes.length === 0) return EMPTY_ROOT
  return edge.hashes.reduceRight((right, left) => nodeHash(left, right))
}

/** Which full subtrees cover the leaves from `begin` to `end` (exclusive), left to right; `begin` is a multiple of
 *  the largest power of two below their number, as in every range of RFC 6962. */
const covering = (begin: number, end: number): Array<{ level: number; index: number }> => {
  const cover: Array<{ level: number; index: number }> = []
  let at = begin
  while (at < end) {
    let level = Math.floor(Math.log2(end - at))
    while (at % 2 ** level !== 0) level -= 1
    cover.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return cover
}

/** Gives the hashes of the full subtrees asked for, in the order asked. */
export type Nodes = (wanted: ReadonlyArray<{ level: number; index: number }>) => Promise<ReadonlyArray<Hash>>

/** A part of a proof: one hash over the leaves from `begin` to `end`, made of a few full subtrees. */
type Range = readonly [begin: number, end: number]
const hashesOf = async (ranges: ReadonlyArray<Range>, nodes: Nodes): Promise<ReadonlyArray<Hash>> => {
  const covers = ranges.map(([begin, end]) => covering(begin, end))
  const found = await nodes(covers.flat())
  let taken = 0
  return covers.map((cover) => {
    const part = found.slice(taken, taken + cover.length)
    taken += cover.length
    return part.reduceRight((right, left) => nodeHash(left, right))
  })
}

const half = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

const pathRanges = (leaf: number, begin: number, end: number): Array<Range> => {
  if (end - begin <= 1) return []
  const middle = begin + half(end - begin)
  return leaf < middle
    ? [...pathRanges(leaf, begin, middle), [middle, end]]
    : [...pathRanges(leaf, middle, end), [begin, middle]]
}

const consistencyRanges = (old: number, begin: number, end: number, whole: boolean): Array<Range> => {
  if (old === end) return whole ? [] : [[begin, end]]
  const middle = begin + half(end - begin)
  return old <= middle
    ? [...consistencyRanges(old, begin, middle, whole), [middle, end]]
    : [...consistencyRanges(old, middle, end, false), [begin, middle]]
}

/** Where the hashes of a tree's right edge are. */
export const edgePlaces = (size: number): ReadonlyArray<{ level: number; index: number }> => covering(0, size)

/** The right edge of the tree as it was at `size` leaves: what `extend` goes on from. */
export const edgeAt = async (size: number, nodes: Nodes): Promise<Edge> =>
  size === 0 ? EMPTY_EDGE : { size, hashes: await nodes(edgePlaces(size)) }

/** The root of the tree as it was at `size` leaves. */
export const rootAt = async (size: number, nodes: Nodes): Promise<Hash> =>
  size === 0 ? EMPTY_ROOT : (await hashesOf([[0, size]], nodes))[0]!

/** The full subtrees that the proof of a leaf is made of. */
export const inclusionPlaces = (
  index: number,
  size: number,
): ReadonlyArray<{ level: number; index: number }> =>
  pathRanges(index, 0, size).flatMap(([begin, end]) => covering(begin, end))

/** That leaf `index` is in the tree of `size` leaves. Throws RangeError where it can't be. */
export const inclusionProof = async (
  index: number,
  size: number,
  nodes: Nodes,
): Promise<ReadonlyArray<Hash>> => {
  if (!(index >= 0 && index < size)) throw new RangeError(`leaf ${index} is not in a tree of ${size}`)
  return hashesOf(pathRanges(index, 0, size), nodes)
}

/** That the tree of `size` leaves begins with the tree of `old` leaves. */
export const consistencyProof = async (
  old: number,
  size: number,
  nodes: Nodes,
): Promise<ReadonlyArray<Hash>> => {
  if (!(old >= 0 && old <= size)) throw new RangeError(`a tree of ${size} does not begin with one of ${old}`)
  return old === 0 || old === size ? [] : hashesOf(consistencyRanges(old, 0, size, true), nodes)
}

export const verifyInclusion = (
  leaf: Hash,
  index: number,
  size: number,
  proof: ReadonlyArray<Hash>,
  root: Hash,
): boolean => {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false
  let fn = index
  let sn = size - 1
  let hash = leaf
  for (const sibling of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else hash = nodeHash(hash, sibling)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && hash.equals(root)
}

export const verifyConsistency = (
  old: number,
  oldRoot: Hash,
  size: number,
  root: Hash,
  proof: ReadonlyArray<Hash>,
): boolean => {
  if (!Number.isSafeInteger(old) || !Number.isSafeInteger(size) || old < 0 || old > size) return false
  if (old === size) return proof.length === 0 && oldRoot.equals(root)
  if (old === 0) return proof.length === 0 && oldRoot.equals(EMPTY_ROOT)
  const path = [...proof]
  if (Number.isInteger(Math.log2(old))) path.unshift(oldRoot)
  if (path.length === 0) return false
  let fn = old - 1
  let sn = size - 1
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  let fr = path[0]!
  let sr = path[0]!
  for (const hash of path.slice(1)) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(hash, fr)
      sr = nodeHash(hash, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else sr = nodeHash(sr, hash)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && fr.equals(oldRoot) && sr.equals(root)
}
