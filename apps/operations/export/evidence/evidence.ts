/** A room's record as one HTML file that opens anywhere: its bundle, and the words that may be shown, with proof that they were said. */
import type { RecordedEvent } from '../../../../domain/ports.ts'
import { type Signer, verifierOf } from '../../../../projections/proof/note.ts'
import type { WitnessPlace } from '../../../../projections/proof/witnesses.ts'
import { evidenceFile } from './file.ts'
import { type EvidenceWord, type EvidenceWords, recordOf } from './record.ts'

/** Opens events as they are on the log, if their keys still exist. */
export type EvidenceOpener = (
  events: ReadonlyArray<RecordedEvent>,
) => ReadonlyArray<RecordedEvent> | Promise<ReadonlyArray<RecordedEvent>>

/** The field that contains the words of each event type. */
const FIELDS: Readonly<Record<string, string>> = { MessagePosted: 'content', MessageEdited: 'content' }
const AT_ONCE = 1_000

type Line = {
  readonly id: string
  readonly type: string
  readonly stream: string
  readonly revision: string
  readonly data: Readonly<Record<string, unknown>>
  readonly metadata: Readonly<Record<string, unknown>>
}
/** The bundle's events whose words are sealed. */
const sealedOf = (bundle: string): ReadonlyArray<RecordedEvent> => {
  const found: RecordedEvent[] = []
  for (const line of bundle.split('\n')) {
    if (!line.startsWith('{"event":') || !line.includes('"sealed":true')) continue
    const { id, type, stream, revision, data, metadata } = (JSON.parse(line) as { event: Line }).event
    if (data.sealed !== true) continue
    found.push({
      id,
      type,
      stream,
      data,
      metadata,
      revision: BigInt(revision),
      position: 0n,
      created: new Date(0),
    })
  }
  return found
}

const authorOf = ({ metadata }: RecordedEvent): string =>
  String((metadata as { actor?: { id?: unknown } } | null)?.actor?.id ?? '')

/** `shows`: whose words are shown. Everything else stays sealed, and the proof is complete all the same. */
const wordsOf = async (
  bundle: string,
  open: EvidenceOpener,
  shows: (author: string) => boolean,
): Promise<EvidenceWords> => {
  const words: Record<string, EvidenceWord> = {}
  const withheld: string[] = []
  const sealed = sealedOf(bundle)
  for (let from = 0; from < sealed.length; from += AT_ONCE)
    for (const event of await open(sealed.slice(from, from + AT_ONCE))) {
      const field = FIELDS[event.type]
      const value = field === undefined ? undefined : (event.data as Record<string, unknown>)[field]
      const isOpen = event.stored !== undefined && value !== undefined && value !== ''
      if (isOpen && shows(authorOf(event))) words[event.id] = { value, salt: event.stored?.salt ?? null }
      else withheld.push(event.id)
    }
  return { words, withheld }
}

export type EvidenceOptions = {
  readonly signer: Signer
  readonly open: EvidenceOpener
  readonly shows: (author: string) => boolean
  /** Those of the log: the file says of each whether it cosigned the checkpoint. */
  readonly witnesses: ReadonlyArray<Pick<WitnessPlace, 'key'>>
  /** When it is made, ISO 8601. */
  readonly madeAt: string
}
export const evidenceOf = async (
  bundle: string,
  { signer, open, shows, witnesses, madeAt }: EvidenceOptions,
): Promise<{ readonly html: string; readonly shown: number; readonly withheld: number }> => {
  const words = await wordsOf(bundle, open, shows)
  const verifier = verifierOf(signer)
  const keys = witnesses.map(({ key }) => key.vkey)
  const html = await evidenceFile(recordOf(bundle, words, { verifier, witnesses: keys, madeAt }), signer)
  return { html, shown: Object.keys(words.words).length, withheld: words.withheld.length }
}
