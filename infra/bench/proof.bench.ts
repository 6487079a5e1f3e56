import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { createPostgresPool } from '../../adapters/postgres/pool.ts'
import { createProofs } from '../../adapters/postgres/proofs.ts'
import { connectSession } from '../../adapters/postgres/session.ts'
import { connectVault } from '../../adapters/privacy/connect.ts'
import { sealedLog } from '../../adapters/privacy/sealed-log.ts'
import { exportBundleTo } from '../../apps/operations/export/bundle.ts'
import { rebuild } from '../../apps/operations/rebuild/rebuild.ts'
import { verifyLog } from '../../apps/operations/verify/verify.ts'
import type { EventLog } from '../../domain/ports.ts'
import { checkBundle } from '../../projections/proof/check-bundle.ts'
import { consistencyProof, type Hash, rootAt, verifyInclusion } from '../../projections/proof/merkle.ts'
import { openCheckpoint, type Signer, signerOf, verifierOf } from '../../projections/proof/note.ts'
import { nodesOfTiles, type Tile } from '../../projections/proof/tiles.ts'
import { copyTiles, EMPTY_TREE, grow } from '../../projections/proof/tree.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testDatabase } from '../testing/postgres.ts'
import { type FigureRow, ownShare, summary } from './figures.ts'
import { writeHistory } from './history.ts'
import {
  type Least,
  leastInWords,
  leastOf,
  limitOf,
  postmasterOf,
  rebuildLeast,
  verifyLeast,
} from './least.ts'
import { familySeconds } from './processor.ts'
import { type TreeLive, treeLive } from './tree.ts'

const ROOMS = 200
const PROOFS = 1_000
const BATCH = 2_000

const timed = async <T>(work: () => Promise<T>): Promise<{ readonly ms: number; readonly value: T }> => {
  const begun = performance.now()
  const value = await work()
  return { ms: performance.now() - begun, value }
}

/** What the tree costs by itself: growing it and inserting its rows into a table with its two indexes. The leaves'
 *  own hashes are made for the chain anyway. */
const treeAlone = async (databaseUrl: string, leaves: ReadonlyArray<Hash>) => {
  const session = await connectSession(databaseUrl, 'bench')
  try {
    await session.exec(
      'SET synchronous_commit = off; CREATE SCHEMA alone; CREATE TABLE alone.proof_tiles (LIKE public.proof_tiles INCLUDING ALL); CREATE TABLE alone.proof_leaves (LIKE public.proof_leaves INCLUDING ALL); SET search_path TO alone',
    )
    let tree = EMPTY_TREE
    const { ms } = await timed(async () => {
      for (let at = 0; at < leaves.length; at += BATCH) {
        const page = leaves
          .slice(at, at + BATCH)
          .map((hash, i) => ({ position: BigInt(at + i), hash: hash.toString('hex') }))
        const grown = grow(tree, page)
        tree = grown.tree
        const copies = copyTiles(grown.tiles)
        if (copies.length > 0) await session.copy(...copies)
      }
    })
    await session.exec('DROP SCHEMA alone CASCADE')
    return ms
  } finally {
    await session.close()
  }
}

/** Asks for the inclusion proofs of random leaves, and checks each. */
const inclusionProofs = async (
  proofs: Pick<ReturnType<typeof createProofs>, 'inclusion'>,
  { size, root }: { readonly size: number; readonly root: Hash },
) => {
  const asked: number[] = []
  const checked: number[] = []
  let hashes = 0
  const leaves: Hash[] = []
  for (let i = 0; i < PROOFS; i += 1) {
    const leaf = Math.floor(Math.random() * size)
    const { ms, value } = await timed(() => proofs.inclusion(leaf, size)())
    if (value._tag === 'Left') throw new Error(value.left.cause)
    asked.push(ms)
    hashes += value.right.proof.length
    leaves.push(value.right.leaf)
    const begun = performance.now()
    if (!verifyInclusion(value.right.leaf, leaf, value.right.proof, { size, root }))
      throw new Error('no proof')
    checked.push(performance.now() - begun)
  }
  return { asked, checked, hashes, leaves }
}

/** Asks for whole tiles at random, and makes from tiles what a witness proves of a log that grew from half. */
const tilesOf = async (
  proofs: Pick<ReturnType<typeof createProofs>, 'tile'>,
  { size, root }: { readonly size: number; readonly root: Hash },
) => {
  const read = async (tile: Tile): Promise<Buffer> => {
    const found = await proofs.tile(tile)()
    if (found._tag === 'Left' || found.right === null) throw new Error('there is no such tile')
    return found.right
  }
  const asked: number[] = []
  for (let i = 0; i < PROOFS; i += 1) {
    const index = Math.floor(Math.random() * Math.floor(size / 256))
    asked.push((await timed(() => read({ level: 0, index, width: 256 }))).ms)
  }
  const look = { tiles: 0, bytes: 0 }
  const nodes = nodesOfTiles(size, async (tile) => {
    const bytes = await read(tile)
    look.tiles += 1
    look.bytes += bytes.length
    return bytes
  })
  const proving = await timed(async () => {
    const made = await rootAt(size, nodes)
    const proof = await consistencyProof(Math.floor(size / 2) + 1, size, nodes)
    if (!made.equals(root) || proof.length === 0) throw new Error('the tiles are not of this tree')
  })
  return { asked: summary(asked), ...look, lookMs: proving.ms }
}

/** Writes one room's bundle, and checks it. */
const bundleOfARoom = async (of: {
  readonly log: EventLog
  readonly databaseUrl: string
  readonly signer: Signer
}) => {
  const lines: Buffer[] = []
  let proofBytes = 0
  const exported = await timed(() =>
    exportBundleTo({
      ...of,
      space: { type: 'community', id: 'hive-500007' },
      from: null,
      to: null,
      write: async (text) => {
        lines.push(Buffer.from(text.slice(0, -1)))
        proofBytes += text.startsWith('{"event":') ? text.length - text.lastIndexOf(',"leaf":') : 0
      },
    }),
  )
  const check = await timed(() => checkBundle([...lines, Buffer.alloc(0)], verifierOf(of.signer)))
  if (check.value.faults.length > 0) throw new Error('the bundle does not hold')
  return { ...exported.value, exportMs: exported.ms, checkMs: check.ms, proofBytes }
}

const rate = (count: number, ms: number): string => `${Math.round((count / ms) * 1_000)}/s`
const rowsOf = ({
  events,
  rebuildMs,
  verifyMs,
  least,
  checkpointMs,
  share,
  live,
  size,
  inclusion,
  tiles,
  bundle,
}: {
  readonly events: number
  readonly rebuildMs: number
  readonly verifyMs: number
  readonly least: Least
  readonly checkpointMs: number
  readonly share: number
  readonly live: TreeLive
  readonly size: number
  readonly inclusion: {
    readonly hashes: number
    readonly ask: ReturnType<typeof summary>
    readonly look: ReturnType<typeof summary>
  }
  readonly tiles: Awaited<ReturnType<typeof tilesOf>>
  readonly bundle: Awaited<ReturnType<typeof bundleOfARoom>>
}): FigureRow[] => {
  return [
    {
      what: `verify of ${events} events`,
      ours: rate(events, verifyMs),
      beside: '',
      goal: '≥ 25,000/s',
      met: events / verifyMs >= 25,
      limit: `at most ${limitOf(least, verifyLeast(least)).toFixed(0)}/s here`,
    },
    {
      what: `rebuild of ${events} events, personal data opened`,
      ours: rate(events, rebuildMs),
      beside: '',
      goal: '≥ 50,000/s',
      met: events / rebuildMs >= 50,
      limit: `at most ${limitOf(least, rebuildLeast(least)).toFixed(0)}/s here`,
    },
    {
      what: 'the tree’s share of the projector’s time for the same events',
      ours: `${(100 * share).toFixed(1)} %`,
      beside: '',
      goal: '',
      met: null,
    },
    {
      what: `the tree’s share of a live commit of ${live.batch} events`,
      ours: `${(100 * live.added).toFixed(1)} % of ${live.without.processor.toFixed(1)} ms of processor`,
      beside: `${(100 * live.addedWall).toFixed(1)} % of ${live.without.wall.toFixed(1)} ms elapsed`,
      goal: 'none added to an append',
      met: null,
    },
    {
      what: `inclusion proof in ${size} leaves`,
      ours: `${inclusion.hashes.toFixed(1)} hashes`,
      beside: '',
      goal: '',
      met: null,
    },
    {
      what: '… made, p50 / p99',
      ours: `${inclusion.ask.p50.toFixed(2)} / ${inclusion.ask.p99.toFixed(2)} ms`,
      beside: '',
      goal: '',
      met: null,
    },
    { what: '… checked, p50', ours: `${inclusion.look.p50.toFixed(3)} ms`, beside: '', goal: '', met: null },
    {
      what: 'a tile of 256 hashes, made, p50 / p99',
      ours: `${tiles.asked.p50.toFixed(2)} / ${tiles.asked.p99.toFixed(2)} ms`,
      beside: '',
      goal: '',
      met: null,
    },
    {
      what: 'a witness’s look at a log that has doubled',
      ours: `${tiles.tiles} tiles, ${tiles.bytes} bytes`,
      beside: `${tiles.lookMs.toFixed(1)} ms`,
      goal: '',
      met: null,
    },
    {
      what: 'a checkpoint, signed and kept',
      ours: `${checkpointMs.toFixed(1)} ms`,
      beside: '',
      goal: '',
      met: null,
    },
    {
      what: `a bundle of ${bundle.events} events, written`,
      ours: rate(bundle.events, bundle.exportMs),
      beside: '',
      goal: '',
      met: null,
    },
    { what: '… checked', ours: rate(bundle.events, bundle.checkMs), beside: '', goal: '', met: null },
    {
      what: '… of which proofs',
      ours: `${Math.round(bundle.proofBytes / bundle.events)} bytes per event`,
      beside: `of ${Math.round(bundle.bytes / bundle.events)}`,
      goal: '',
      met: null,
    },
  ]
}

export const bench = async (count = Number(process.env.BENCH_EVENTS ?? 300_000)) => {
  const [store, database] = await Promise.all([testEventStore(), testDatabase()])
  const vault = connectVault({ databaseUrl: database.url, masterKey: 'ab'.repeat(32) })
  await vault.ready
  const stored = connectEventLog({ url: store.url })
  const log = sealedLog(stored, vault)
  const pool = await createPostgresPool(database.url, { maxConnections: 2 })
  const signer = signerOf('bench.example', Buffer.alloc(32, 1))
  const verifier = verifierOf(signer)
  try {
    const events = await writeHistory(log, count, ROOMS)
    const live = await treeLive(log, database.url)
    // The connection of another process, which has nothing of what it wrote in memory.
    const reading = sealedLog(stored, vault)
    const own = ownShare()
    const made = await rebuild({ log: reading, databaseUrl: database.url })
    const rebuildShare = own()
    const proofs = createProofs({ pool, signer, clock: { now: Date.now }, everyMs: 0 })
    const signing = await timed(async () => {
      const issue = await proofs.checkpoint()()
      if (issue._tag === 'Left' || issue.right.kind !== 'issued') throw new Error('no checkpoint')
      return openCheckpoint(issue.right.checkpoint.note, verifier)!
    })
    const { size, root } = signing.value

    const { asked, checked, hashes, leaves } = await inclusionProofs(proofs, { size, root })
    const tiles = await tilesOf(proofs, { size, root })
    const many = Array.from({ length: size }, (_, i) => leaves[i % leaves.length]!)
    const alone = await treeAlone(database.url, many)

    const postmaster = await postmasterOf(database.url)
    const used = () => ({
      'this process': process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6,
      'the event store': familySeconds(store.pid()),
      PostgreSQL: familySeconds(postmaster),
    })
    const before = used()
    const verified = await timed(() =>
      verifyLog({ log: reading, databaseUrl: database.url, verifiers: [verifier] }),
    )
    if (verified.value.compared?.found !== 0 || verified.value.failures.length > 0)
      throw new Error('it differs')
    const after = used()
    const verifySpent = Object.entries(before).map(
      ([name, from]) => [name, after[name as keyof typeof after] - from] as const,
    )
    const least = await leastOf({
      log: reading,
      databaseUrl: database.url,
      store: () => familySeconds(store.pid()),
      postgres: () => familySeconds(postmaster),
    })

    const bundle = await bundleOfARoom({ log, databaseUrl: database.url, signer })
    const share = alone / (made.seconds * 1_000)
    const rows = rowsOf({
      events,
      rebuildMs: made.seconds * 1_000,
      verifyMs: verified.ms,
      least,
      checkpointMs: signing.ms,
      share,
      live,
      size,
      inclusion: { hashes: hashes / PROOFS, ask: summary(asked), look: summary(checked) },
      tiles,
      bundle,
    })
    const figures = {
      events,
      size,
      rebuildSeconds: made.seconds,
      rebuildSpent: made.spent,
      verifySeconds: verified.ms / 1_000,
      verifySpent,
      least,
      rowsCompared: verified.value.compared?.rows,
      treeMs: alone,
      treeShare: share,
      treeLive: live,
      inclusion: { hashes: hashes / PROOFS, ask: summary(asked), look: summary(checked) },
      tiles,
      checkpointMs: signing.ms,
      bundle,
    }
    const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
    const notes = [
      `The projector writes the tree after an append was answered, so the tree adds nothing to the append. It takes ${alone.toFixed(0)} ms of the projector’s ${(made.seconds * 1_000).toFixed(0)} ms in a rebuild of ${events} events, and ${(live.with.processor - live.without.processor).toFixed(2)} ms of processor time in a live commit of ${live.batch} events.`,
      `The rebuild, which opens personal data on the way, took ${seconds(made.seconds * 1_000)}: ${seconds(made.spent.reading)} waiting for the log, ${seconds(made.spent.folding)} decoding and folding, ${seconds(made.spent.writing)} waiting for PostgreSQL, ${seconds(made.spent.indexing)} building indexes; this process used ${(100 * rebuildShare).toFixed(0)} % of a core.`,
      `The verification took ${seconds(verified.ms)}, of processor ${verifySpent.map(([name, s]) => `${seconds(1_000 * s)} in ${name}`).join(', ')}.`,
      leastInWords(least),
    ]
    return { rows, figures, notes }
  } finally {
    await pool.end()
    await stored.close()
    await vault.close()
    await store.stop()
    await database.drop()
  }
}
