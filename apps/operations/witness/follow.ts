/** A witness that looks at a log itself: at its checkpoint, and at the tiles that show that it has only grown. */
import { consistencyProof, type Nodes, rootAt } from '../../../projections/proof/merkle.ts'
import { type Checkpoint, openCheckpoint } from '../../../projections/proof/note.ts'
import { nodesOfTiles, type Tile, tilePath } from '../../../projections/proof/tiles.ts'
import { faultOf, type LogFault } from '../../../projections/proof/witnessing.ts'
import type { LogWitness } from './witness.ts'

/** `unreachable` says nothing about the log; the others do. */
export type LookedAt =
  | { readonly kind: 'cosigned'; readonly size: number; readonly grew: boolean }
  | { readonly kind: 'refused'; readonly fault: LogFault; readonly why: string }
  | { readonly kind: 'unreachable'; readonly why: string }

const TIMEOUT_MS = 15_000
/** The most bytes of an answer: enough for a checkpoint with many signatures; a tile has 8,192. */
const LONGEST = 131_072
/** How often it starts over because another checkpoint was cosigned meanwhile. */
const ATTEMPTS = 3

/** The log did not serve what was requested. */
class NotServed extends Error {
  override readonly name = 'NotServed'
}

const read = async (url: string): Promise<Buffer> => {
  let response: Response
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' })
  } catch (error) {
    const { cause, message } = error as Error
    throw new Error(`${url} can’t be reached: ${cause instanceof Error ? cause.message : message}.`)
  }
  if (!response.ok) {
    await response.body?.cancel()
    const said = `${url} answered ${response.status}.`
    // A server that fails, or refuses because it is asked too often, does not count as withholding anything.
    throw response.status >= 500 || response.status === 429 ? new Error(said) : new NotServed(said)
  }
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > LONGEST) throw new NotServed(`${url} answered with more than ${LONGEST} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** If a tile is full by now, it may be served instead of the narrower one. */
const tilesOf =
  (log: string) =>
  async (tile: Tile): Promise<Uint8Array> => {
    try {
      return await read(`${log}/tlog/tile/${tilePath(tile)}`)
    } catch (error) {
      if (!(error instanceof NotServed) || tile.width === 256) throw error
      const full = await read(`${log}/tlog/tile/${tilePath({ ...tile, width: 256 })}`)
      return full.subarray(0, 32 * tile.width)
    }
  }

const whyWithheld = (size: number, error: Error): string =>
  `It shows a tree of ${size} events, and not what proves it: ${error.message}`

/** The proof that the log continues what was cosigned, from tiles that result in the signed root. */
const proofFor = async (before: Checkpoint | null, shown: Checkpoint, tiles: Nodes) => {
  if (!(await rootAt(shown.size, tiles)).equals(shown.root))
    throw new RangeError('its tiles make another root than the one that it signed.')
  const old = before?.size ?? 0
  return { old, proof: await consistencyProof(old, shown.size, tiles) }
}

/** Checks the log once. `url` has no slash at its end. */
export const lookAtLog = async (url: string, witness: LogWitness): Promise<LookedAt> => {
  for (let attempt = 0; ; attempt += 1) {
    let note: string
    try {
      note = (await read(`${url}/tlog/checkpoint`)).toString('utf8')
    } catch (error) {
      return { kind: 'unreachable', why: (error as Error).message }
    }
    const shown = openCheckpoint(note, witness.log)
    if (shown === null)
      return {
        kind: 'refused',
        fault: 'unsigned',
        why: `Its checkpoint is not signed by the key of ${witness.log.name}.`,
      }
    const before = witness.lastCheckpoint()
    const smaller = before !== null && shown.size < before.size ? faultOf(before, shown, []) : null
    if (smaller !== null) {
      witness.catchAt(note, smaller.fault, smaller.why)
      return { kind: 'refused', ...smaller }
    }
    let asked: Awaited<ReturnType<typeof proofFor>>
    try {
      asked = await proofFor(before, shown, nodesOfTiles(shown.size, tilesOf(url)))
    } catch (error) {
      if (!(error instanceof NotServed || error instanceof RangeError))
        return { kind: 'unreachable', why: (error as Error).message }
      const why = whyWithheld(shown.size, error)
      witness.catchAt(note, 'withheld', why)
      return { kind: 'refused', fault: 'withheld', why }
    }
    const considered = witness.consider({ note, ...asked })
    if (considered.kind === 'cosigned')
      return { kind: 'cosigned', size: shown.size, grew: shown.size !== before?.size }
    if (considered.kind === 'refused') {
      witness.catchAt(note, considered.fault, considered.why)
      return considered
    }
    if (attempt >= ATTEMPTS) return { kind: 'unreachable', why: 'Others had it cosigned again and again.' }
  }
}
