import { strict as assert } from 'node:assert'
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import {
  consistencyProof,
  type Edge,
  EMPTY_EDGE,
  EMPTY_ROOT,
  extend,
  type Hash,
  inclusionChecker,
  inclusionProof,
  inclusionProofs,
  leafHash,
  type NextProof,
  type Nodes,
  rootAt,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts'

const merkle = suite('merkle')
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 300)

/** The definition of RFC 6962, section 2.1, literally, with which the fast implementation must agree. */
const sha = (...parts: ReadonlyArray<Uint8Array>) => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
const largest = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}
const definedRoot = (leaves: ReadonlyArray<Uint8Array>): Buffer =>
  leaves.length === 0
    ? sha()
    : leaves.length === 1
      ? sha(Buffer.from([0]), leaves[0]!)
      : sha(
          Buffer.from([1]),
          definedRoot(leaves.slice(0, largest(leaves.length))),
          definedRoot(leaves.slice(largest(leaves.length))),
        )

const leavesOf = (count: number) => Array.from({ length: count }, (_, i) => Buffer.from(`leaf ${i}`))
const treeOf = (leaves: ReadonlyArray<Uint8Array>, splits: ReadonlyArray<number> = []) => {
  const store = new Map<string, Hash>()
  let edge: Edge = EMPTY_EDGE
  const cuts = [0, ...[...splits].sort((a, b) => a - b), leaves.length]
  for (let i = 1; i < cuts.length; i++) {
    const step = extend(edge, leaves.slice(cuts[i - 1], cuts[i]).map(leafHash))
    edge = step.edge
    for (const node of step.nodes) store.set(`${node.level}/${node.index}`, node.hash)
  }
  const nodes: Nodes = async (wanted) => wanted.map(({ level, index }) => store.get(`${level}/${index}`)!)
  return { edge, nodes }
}

merkle('given the test vectors of Certificate Transparency, then the roots are theirs', () => {
  const inputs = [
    '',
    '00',
    '10',
    '2021',
    '3031',
    '40414243',
    '5051525354555657',
    '606162636465666768696a6b6c6d6e6f',
  ]
  const roots = [
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ]
  for (let size = 1; size <= inputs.length; size++) {
    const { edge } = treeOf(inputs.slice(0, size).map((hex) => Buffer.from(hex, 'hex')))
    assert.equal(rootOf(edge).toString('hex'), roots[size - 1])
  }
  assert.equal(rootOf(EMPTY_EDGE).toString('hex'), EMPTY_ROOT.toString('hex'))
})

merkle(
  'given any leaves added in any batches, then the root and every proof are those of the definition',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 130 }),
        fc.array(fc.nat(130)),
        fc.nat(),
        fc.nat(),
        async (size, cuts, a, b) => {
          const leaves = leavesOf(size)
          const { edge, nodes } = treeOf(
            leaves,
            cuts.filter((cut) => cut <= size),
          )
          const root = definedRoot(leaves)
          assert.deepEqual(rootOf(edge), root)
          const old = a % (size + 1)
          const oldRoot = definedRoot(leaves.slice(0, old))
          assert.deepEqual(await rootAt(old, nodes), oldRoot)
          const consistency = await consistencyProof(old, size, nodes)
          assert.ok(verifyConsistency({ size: old, root: oldRoot }, { size, root }, consistency))
          const index = b % size
          const inclusion = await inclusionProof(index, size, nodes)
          assert.ok(verifyInclusion(leafHash(leaves[index]!), index, inclusion, { size, root }))
        },
      ),
      { numRuns: RUNS },
    )
  },
)

merkle(
  'given ascending leaves, requested in any pages, then each proof is that of the leaf alone, and checking with less hashing gives the same result as checking in full',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 200 }),
        fc.array(fc.nat(199), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.tuple(fc.nat(59), fc.integer({ min: 0, max: 3 }), fc.nat()), { maxLength: 4 }),
        async (size, some, page, harms) => {
          const leaves = leavesOf(size)
          const { nodes } = treeOf(leaves)
          const root = definedRoot(leaves)
          const rising = [...new Set(some.map((leaf) => leaf % size))].sort((a, b) => a - b)
          const next = inclusionProofs(size, nodes)
          const proofs: NextProof[] = []
          for (let at = 0; at < rising.length; at += page)
            proofs.push(...(await next(rising.slice(at, at + page))))
          for (const [i, { proof, shared }] of proofs.entries()) {
            assert.deepEqual(proof, await inclusionProof(rising[i]!, size, nodes))
            const before = proofs[i - 1]?.proof ?? []
            assert.deepEqual(
              proof.slice(proof.length - shared),
              shared === 0 ? [] : before.slice(before.length - shared),
            )
          }
          const inTree = inclusionChecker(size, root)
          let previous: ReadonlyArray<Hash> = []
          for (const [i, leaf] of rising.entries()) {
            const { proof: whole, shared } = proofs[i]!
            const harm = harms.find(([at]) => at === i)
            const own = whole.slice(0, whole.length - shared).map((hash) => Buffer.from(hash))
            const hash = Buffer.from(leafHash(leaves[leaf]!))
            if (harm?.[1] === 0) hash[harm[2] % 32]! ^= 1
            if (harm?.[1] === 1 && own.length > 0) own[harm[2] % own.length]![harm[2] % 32]! ^= 1
            const index = harm?.[1] === 2 ? (leaf + 1 + (harm[2] % 3)) % (size + 1) : leaf
            if (harm?.[1] === 3) own.push(Buffer.from(hash))
            // A proof as a bundle has it: its shared part is whatever the previous proof had, right or wrong.
            const proof = [...own, ...previous.slice(previous.length - shared)]
            previous = proof
            assert.equal(
              inTree(hash, index, proof, shared),
              verifyInclusion(hash, index, proof, { size, root }),
            )
          }
        },
      ),
      { numRuns: RUNS },
    )
  },
)

merkle('given a proof with any one bit turned, or another place or size, then it does not hold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 70 }),
      fc.nat(),
      fc.nat(),
      fc.nat(),
      async (size, a, b, bit) => {
        const leaves = leavesOf(size)
        const { nodes } = treeOf(leaves)
        const root = definedRoot(leaves)
        const index = a % size
        const leaf = leafHash(leaves[index]!)
        const proof = (await inclusionProof(index, size, nodes)).map((hash) => Buffer.from(hash))
        proof[b % proof.length]![(bit >> 3) % 32]! ^= 1 << (bit & 7)
        assert.equal(verifyInclusion(leaf, index, proof, { size, root }), false)
        const whole = await inclusionProof(index, size, nodes)
        assert.equal(verifyInclusion(leaf, (index + 1) % size, whole, { size, root }), false)
        assert.equal(verifyInclusion(leaf, index, [...whole, root], { size, root }), false)
        assert.equal(verifyInclusion(leaf, index, whole.slice(1), { size, root }), false)
        const old = 1 + (a % (size - 1))
        const oldRoot = definedRoot(leaves.slice(0, old))
        const turned = Buffer.from(oldRoot)
        turned[bit % 32]! ^= 1
        assert.equal(
          verifyConsistency(
            { size: old, root: turned },
            { size, root },
            await consistencyProof(old, size, nodes),
          ),
          false,
        )
      },
    ),
    { numRuns: RUNS },
  )
})

merkle.run()
