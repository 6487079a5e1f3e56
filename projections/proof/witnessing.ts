/** What a witness decides, and how it is asked. Source: https://c2sp.org/tlog-witness (`add-checkpoint`). */
import { EMPTY_ROOT, type Hash, verifyConsistency } from './merkle.ts'
import type { Checkpoint } from './note.ts'

/** What a witness finds wrong with a log. `withheld`: the log does not provide the proof that it only grew. */
export type LogFault = 'unsigned' | 'rolled_back' | 'forked' | 'withheld'

/** Null if the log has only grown since. `last`: what was cosigned last; null before the first. */
export const faultOf = (
  last: Checkpoint | null,
  shown: Checkpoint,
  proof: ReadonlyArray<Hash>,
): { readonly fault: LogFault; readonly why: string } | null => {
  if (shown.size === 0 && !shown.root.equals(EMPTY_ROOT))
    return { fault: 'forked', why: 'It shows a tree of no events whose root is not that of an empty one.' }
  if (last === null || last.size === 0)
    return proof.length === 0
      ? null
      : { fault: 'withheld', why: 'A log that was never cosigned needs no proof.' }
  if (shown.size < last.size)
    return {
      fault: 'rolled_back',
      why: `It shows a tree of ${shown.size} events, after one of ${last.size}: it was rolled back.`,
    }
  if (verifyConsistency(last, shown, proof)) return null
  if (shown.size === last.size && shown.root.equals(last.root))
    return { fault: 'withheld', why: 'A tree of the size that was cosigned last needs no proof.' }
  const why =
    shown.size === last.size
      ? `It shows another tree of ${shown.size} events than the one that was cosigned: it was forked.`
      : `Its tree of ${shown.size} events does not begin with the ${last.size} that were cosigned: it was forked, or altered.`
  return { fault: 'forked', why }
}

/** A request to a witness. `old`: the size of the checkpoint that it cosigned last. */
export type CosigningAsked = {
  readonly old: number
  readonly proof: ReadonlyArray<Hash>
  readonly note: string
}
const MOST_HASHES = 63

export const askingBody = ({ old, proof, note }: CosigningAsked): string =>
  [`old ${old}`, ...proof.map((hash) => hash.toString('base64')), '', note].join('\n')

/** Null if the request is malformed. */
export const parseAsking = (body: string): CosigningAsked | null => {
  const end = body.indexOf('\n\n')
  if (end < 0) return null
  const [first = '', ...lines] = body.slice(0, end).split('\n')
  const [, old] = /^old (0|[1-9]\d{0,14})$/.exec(first) ?? []
  if (old === undefined || lines.length > MOST_HASHES) return null
  const proof = lines.map((line) => Buffer.from(line, 'base64'))
  if (proof.some((hash, i) => hash.length !== 32 || hash.toString('base64') !== lines[i])) return null
  return { old: Number(old), proof, note: body.slice(end + 2) }
}
