/** The record in a file of evidence: a bundle without the hashes that follow from its own events, and the words that are shown. */
import { createHash } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { commitmentTo } from '../../../../adapters/privacy/commitment.ts'
import { nonceOfGcmSeal } from '../../../../adapters/privacy/seal.ts'
import { nonceOfValueSeal } from '../../../../adapters/privacy/value-seal.ts'
import { aroundJson, provedJson } from '../../../../projections/audit/canonical.ts'
import { type Checkpoint, openCheckpoint, type Verifier } from '../../../../projections/proof/note.ts'
import { MARK, squeezed } from './squeeze.ts'

/** What was said, and the salt of its commitment; null from before there were commitments. */
export type EvidenceWord = { readonly value: unknown; readonly salt: string | null }
export type EvidenceWords = {
  readonly words: Readonly<Record<string, EvidenceWord>>
  readonly withheld: ReadonlyArray<string>
}

type Placed = {
  readonly leaf: number
  readonly hash: Buffer
  readonly proof: ReadonlyArray<Buffer>
  /** The event's bytes as text. */
  readonly text: string
  /** How many hashes of its proof are the same as those of the event before. */
  readonly shared: number
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
    text,
    shared: Number(shared),
  }
}

/** The hashes of the proofs that cover no event of this room: the others follow from the events. */
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

type Metadata = { readonly commit?: unknown; readonly sealed?: unknown }
/** A seal whose value has one of its own (docs/privacy.md). */
const APART = /^\d+([xw])\.[^.]*\.([^.]*)$/
/** The event without what follows from its words and their salt: its commitment, and its seal except the nonce. */
const withoutDerived = (text: string, { value, salt }: EvidenceWord): string => {
  if (salt === null) return text
  const { id, metadata } = JSON.parse(text) as { readonly id: string; readonly metadata: Metadata }
  let rest = text
  if (metadata.commit === commitmentTo(value, salt))
    rest = rest.replaceAll(`"${metadata.commit}"`, `"${MARK.commit}"`)
  const [, mark, own] = APART.exec(String(metadata.sealed)) ?? []
  if (own === undefined) return rest
  const nonce = (mark === 'x' ? nonceOfValueSeal : nonceOfGcmSeal)(own, provedJson(value), salt, id)
  return nonce === null ? rest : rest.replaceAll(`.${own}"`, `.${MARK.seal}${nonce}${MARK.end}"`)
}

/** `<how many leaves after the previous event's>\t<shared>\t<its words: JSON, "-" if they are withheld>\t<the event>` */
const eventLines = (
  events: ReadonlyArray<Placed>,
  { words, withheld }: EvidenceWords,
): ReadonlyArray<string> => {
  const closed = new Set(withheld)
  let last = -1
  return events.map(({ leaf, shared, text }) => {
    const id = /"id":"([^"]*)","metadata":/.exec(text)?.[1] ?? ''
    const word = words[id]
    const says = word === undefined ? (closed.has(id) ? '-' : '') : aroundJson(word)
    const step = leaf - last
    last = leaf
    return `${step}\t${shared}\t${says}\t${word === undefined ? text : withoutDerived(text, word)}\n`
  })
}

/** `bundle`: whole, as `exportBundleTo` writes it. */
export const recordOf = (
  bundle: string,
  words: EvidenceWords,
  of: {
    readonly verifier: Verifier
    /** The keys of the log's witnesses, whether or not they cosigned the checkpoint. */
    readonly witnesses: ReadonlyArray<string>
    readonly madeAt: string
  },
): Buffer => {
  const [header = '', note = '', start = '', ...rest] = bundle.split('\n').slice(0, -1)
  const [end, seal] = rest.splice(-2)
  const { verifier, witnesses, madeAt } = of
  const checkpoint = openCheckpoint((JSON.parse(note) as { checkpoint: string }).checkpoint, verifier)
  if (checkpoint === null) throw new Error('The bundle is not of this key.')
  const events: Placed[] = []
  let before: ReadonlyArray<Buffer> = []
  for (const one of rest) {
    const placed = placedOf(one, before)
    before = placed.proof
    events.push(placed)
  }
  const about = {
    format: 'dlux-presence-evidence',
    version: 2,
    key: verifier.vkey,
    witnesses,
    made_at: madeAt,
  }
  const text = [
    line({ evidence: about }),
    line({ nodes: outerNodes(events, checkpoint) }),
    ...[header, note, start].map((one) => `${one}\n`),
    ...eventLines(events, words),
    `${end}\n${seal}\n`,
  ].join('')
  return deflateRawSync(squeezed(text), { level: 9, memLevel: 9 })
}
