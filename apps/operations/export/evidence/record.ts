/** The record in a file of evidence: a bundle without the hashes that its own events give, and the words that are shown. */
import { createHash } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { aroundJson } from '../../../../projections/audit/canonical.ts'
import { type Checkpoint, openCheckpoint, type Verifier } from '../../../../projections/proof/note.ts'

/** What was said, and the salt that it was committed to with; null from before there were commitments. */
export type EvidenceWord = { readonly value: unknown; readonly salt: string | null }
export type EvidenceWords = {
  readonly words: Readonly<Record<string, EvidenceWord>>
  readonly withheld: ReadonlyArray<string>
}

type Placed = {
  readonly leaf: number
  readonly hash: Buffer
  readonly proof: ReadonlyArray<Buffer>
  readonly line: string
}
const EVENT = /,"leaf":(\d+),"proof":\[([^\]]*)\],"shared":(\d+)\}$/
const PREFIX = '{"event":'

const placedOf = (line: string, before: ReadonlyArray<Buffer>): Placed => {
  const [tail = '', leaf, own = '', shared] = EVENT.exec(line) ?? []
  const text = line.slice(PREFIX.length, line.length - tail.length)
  const hashes = own === '' ? [] : own.split(',').map((one) => Buffer.from(one.slice(1, -1), 'base64'))
  const proof = [...hashes, ...before.slice(before.length - Number(shared))]
  return {
    leaf: Number(leaf),
    hash: createHash('sha256').update(`\0${text}`).digest(),
    proof,
    line: `${PREFIX}${text},"leaf":${leaf},"shared":${shared}}\n`,
  }
}

/** Of the proofs' hashes those of which no event of this room is part: the others follow from the events. */
const outerNodes = (events: ReadonlyArray<Placed>, { size }: Checkpoint): ReadonlyArray<unknown> => {
  const own = new Set<string>()
  for (const { leaf } of events)
    for (let level = 0, index = leaf; 2 ** level < size; level += 1, index = Math.floor(index / 2))
      own.add(`${level}.${index}`)
  const nodes = new Map<string, readonly [number, number, string]>()
  for (const { leaf, proof } of events) {
    let at = 0
    for (let level = 0, index = leaf; 2 ** level < size; level += 1, index = Math.floor(index / 2)) {
      const sibling = index % 2 === 0 ? index + 1 : index - 1
      if (sibling * 2 ** level >= size) continue
      const hash = proof[at]
      at += 1
      const key = `${level}.${sibling}`
      if (hash !== undefined && !own.has(key)) nodes.set(key, [level, sibling, hash.toString('base64')])
    }
  }
  return [...nodes.values()]
}

const line = (value: unknown): string => `${aroundJson(value)}\n`

/** `bundle`: whole, as `exportBundleTo` writes it. */
export const recordOf = (
  bundle: string,
  words: EvidenceWords,
  { key, verifier, madeAt }: { readonly key: string; readonly verifier: Verifier; readonly madeAt: string },
): Buffer => {
  const [header = '', note = '', start = '', ...rest] = bundle.split('\n').slice(0, -1)
  const [end, seal] = rest.splice(-2)
  const checkpoint = openCheckpoint((JSON.parse(note) as { checkpoint: string }).checkpoint, verifier)
  if (checkpoint === null) throw new Error('The bundle is not of this key.')
  const events: Placed[] = []
  let before: ReadonlyArray<Buffer> = []
  for (const one of rest) {
    const placed = placedOf(one, before)
    before = placed.proof
    events.push(placed)
  }
  const about = { format: 'dlux-presence-evidence', version: 1, key, made_at: madeAt }
  const text = [
    line({ evidence: about }),
    line({ nodes: outerNodes(events, checkpoint) }),
    line(words),
    ...[header, note, start].map((one) => `${one}\n`),
    ...events.map((placed) => placed.line),
    `${end}\n${seal}\n`,
  ].join('')
  return deflateRawSync(Buffer.from(text, 'utf8'), { level: 9, memLevel: 9 })
}
