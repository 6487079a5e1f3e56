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
/** A node's bytes, reused for each, because the tree is as long as the log. */
const scratch = Buffer.alloc(65)
scratch[0] = 1
const nodeHash = (left: Hash, right: Hash): Hash => {
  if (left.length !== 32 || right.length !== 32)
    return createHash('sha256').update(NODE).update(left).update(right).digest()
  scratch.set(left, 1)
  scratch.set(right, 33)
  return hash('sha256', scratch, 'buffer')
}

/** The hash over the leaves from `index * 2^level` up to the next such boundary: a full subtree. */
export type Node = { readonly level: number; readonly index: number; readonly hash: Hash }

/** The right edge of a tree: one full subtree for each bit set in its size, the largest first. */
export type Edge = { readonly size: number; readonly hashes: ReadonlyArray<Hash> }
export const EMPTY_EDGE: Edge = { size: 0, hashes: [] }

/** Adds leaves on the right. `nodes` are the full subtrees that this completed, including the leaves. */
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

/** Returns the hashes of the full subtrees asked for, in the order asked. */
export type Nodes = (wanted: ReadonlyArray<{ level: number; index: number }>) => Promise<ReadonlyArray<Hash>>

/** A part of a proof: one hash over the leaves from `begin` to `end`, made from a few full subtrees. */
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

/** The places of the hashes of a tree's right edge. */
export const edgePlaces = (size: number): ReadonlyArray<{ level: number; index: number }> => covering(0, size)

/** The right edge of the tree as it was at `size` leaves, from which `extend` continues. */
export const edgeAt = async (size: number, nodes: Nodes): Promise<Edge> =>
  size === 0 ? EMPTY_EDGE : { size, hashes: await nodes(edgePlaces(size)) }

/** The root of the tree as it was at `size` leaves. */
export const rootAt = async (size: number, nodes: Nodes): Promise<Hash> =>
  size === 0 ? EMPTY_ROOT : (await hashesOf([[0, size]], nodes))[0]!

/** Proves that leaf `index` is in the tree of `size` leaves. Throws RangeError if it can't be. */
export const inclusionProof = async (
  index: number,
  size: number,
  nodes: Nodes,
): Promise<ReadonlyArray<Hash>> => {
  if (!(index >= 0 && index < size)) throw new RangeError(`leaf ${index} is not in a tree of ${size}`)
  return hashesOf(pathRanges(index, 0, size), nodes)
}

/** Proves that the tree of `size` leaves begins with the tree of `old` leaves. */
export const consistencyProof = async (
  old: number,
  size: number,
  nodes: Nodes,
): Promise<ReadonlyArray<Hash>> => {
  if (!(old >= 0 && old <= size)) throw new RangeError(`a tree of ${size} does not begin with one of ${old}`)
  return old === 0 || old === size ? [] : hashesOf(consistencyRanges(old, 0, size, true), nodes)
}

/** The siblings on a leaf's path to the root, at the levels from `from` to `to` (exclusive): its proof consists of
 *  these, from the leaf upwards. A sibling that is not `whole` covers all leaves after the last that fills its level. */
type Sibling = { readonly level: number; readonly index: number; readonly whole: boolean }
const siblings = (leaf: number, size: number, from: number, to: number): Array<Sibling> => {
  const found: Array<Sibling> = []
  for (let level = from, width = 2 ** from; level < to && width < size; level += 1, width *= 2) {
    const node = Math.floor(leaf / width)
    const index = node % 2 === 0 ? node + 1 : node - 1
    if (index * width < size) found.push({ level, index, whole: (index + 1) * width <= size })
  }
  return found
}

/** The level at which the paths of two leaves meet: above it they are the same. */
const meeting = (a: number, b: number): number => {
  let level = 0
  for (let [x, y] = [a, b]; x !== y; level += 1) [x, y] = [Math.floor(x / 2), Math.floor(y / 2)]
  return level
}

/** `shared`: how many of its last hashes are the same objects as in the proof before. */
export type NextProof = { readonly proof: ReadonlyArray<Hash>; readonly shared: number }

/** Proofs of ascending leaves in one tree. Only hashes that the proof before does not share are asked for, all of one call
 *  at once. Throws RangeError if a leaf can't be in the tree. */
export const inclusionProofs = (
  size: number,
  nodes: Nodes,
): ((leaves: ReadonlyArray<number>) => Promise<ReadonlyArray<NextProof>>) => {
  /** For each level, the hash over what comes after its last full subtree. */
  let partial: Map<number, Hash> | null = null
  let before: { readonly leaf: number; readonly proof: ReadonlyArray<Hash> } | null = null
  const edges = async (): Promise<Map<number, Hash>> => {
    const places = edgePlaces(size)
    const hashes = await nodes(places)
    const found = new Map<number, Hash>()
    for (let level = 0; 2 ** level < size; level += 1) {
      const part = hashes.filter((_, i) => places[i]!.level < level)
      if (part.length > 0)
        found.set(
          level,
          part.reduceRight((right, left) => nodeHash(left, right)),
        )
    }
    return found
  }
  return async (leaves) => {
    partial ??= await edges()
    const plans: Array<{ readonly own: ReadonlyArray<Sibling>; readonly drop: number }> = []
    const wanted: Array<Sibling> = []
    let last = before?.leaf ?? null
    for (const leaf of leaves) {
      if (!(leaf >= 0 && leaf < size)) throw new RangeError(`leaf ${leaf} is not in a tree of ${size}`)
      const level = last === null ? Number.POSITIVE_INFINITY : meeting(leaf, last)
      const own = siblings(leaf, size, 0, level)
      plans.push({ own, drop: last === null ? 0 : siblings(last, size, 0, level).length })
      for (const sibling of own) if (sibling.whole) wanted.push(sibling)
      last = leaf
    }
    const found = await nodes(wanted)
    let taken = 0
    return plans.map(({ own, drop }, i) => {
      const tail = before === null ? [] : before.proof.slice(drop)
      const proof = own.map((sibling) => (sibling.whole ? found[taken++]! : partial!.get(sibling.level)!))
      for (const hash of tail) proof.push(hash)
      before = { leaf: leaves[i]!, proof }
      return { proof, shared: tail.length }
    })
  }
}

/** The state of a proof's check: RFC 9162, section 2.1.3.2. */
type Step = { readonly fn: number; readonly sn: number; readonly hash: Hash }
const climb = ({ fn, sn, hash }: Step, sibling: Hash): Step | null => {
  if (sn === 0) return null
  let [left, right] = [fn, sn]
  const isRight = fn % 2 === 1 || fn === sn
  if (isRight)
    while (left % 2 === 0 && left !== 0) {
      left = Math.floor(left / 2)
      right = Math.floor(right / 2)
    }
  return {
    fn: Math.floor(left / 2),
    sn: Math.floor(right / 2),
    hash: isRight ? nodeHash(sibling, hash) : nodeHash(hash, sibling),
  }
}

/** Checks proofs in one tree, one after another: what a proof shares with the last valid one is not hashed again. */
export const inclusionChecker = (
  size: number,
  root: Hash,
): ((leaf: Hash, index: number, proof: ReadonlyArray<Hash>, shared?: number) => boolean) => {
  let held: { readonly proof: ReadonlyArray<Hash>; readonly steps: ReadonlyArray<Step> } | null = null
  return (leaf, index, proof, shared = 0) => {
    if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size)
      return false
    let step: Step = { fn: index, sn: size - 1, hash: leaf }
    const steps = [step]
    for (const [i, sibling] of proof.entries()) {
      // Once the remaining hashes and the running hash are the same as before, so is the result.
      if (shared > 0 && i === proof.length - shared && held !== null) {
        const at = held.proof.length - shared
        const there = held.steps[at]
        const isSame =
          there !== undefined &&
          there.fn === step.fn &&
          there.sn === step.sn &&
          there.hash.equals(step.hash) &&
          proof.every((hash, n) => n < i || hash === held!.proof[at + n - i])
        if (isSame) {
          held = { proof, steps: [...steps, ...held.steps.slice(at + 1)] }
          return true
        }
      }
      const next = climb(step, sibling)
      if (next === null) return false
      steps.push(next)
      step = next
    }
    if (step.sn !== 0 || !step.hash.equals(root)) return false
    held = { proof, steps }
    return true
  }
}

/** A tree of so many leaves. */
type Tree = { readonly size: number; readonly root: Hash }

export const verifyInclusion = (
  leaf: Hash,
  index: number,
  proof: ReadonlyArray<Hash>,
  { size, root }: Tree,
): boolean => inclusionChecker(size, root)(leaf, index, proof)

export const verifyConsistency = (
  { size: old, root: oldRoot }: Tree,
  { size, root }: Tree,
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
