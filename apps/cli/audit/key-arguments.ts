/** Keys in the arguments of `presence audit`: written out, or in a file. */
import { readSmallFile } from '../../../adapters/text-file.ts'
import { parseVkey, signerOf, type Verifier, verifierOf } from '../../../projections/proof/note.ts'
import type { Connections } from '../connections.ts'

/** Reads a file with a key on each line; returns a sentence if a line is not a key. `parse`: reads one key; by default, a log's. */
export const readKeys = (
  given: ReadonlyArray<string>,
  parse: (vkey: string) => Verifier | null = (vkey) => parseVkey(vkey),
): ReadonlyArray<Verifier> | string => {
  const keys: Verifier[] = []
  for (const one of given) {
    const written = parse(one)
    if (written !== null) {
      keys.push(written)
      continue
    }
    let text: string
    try {
      text = readSmallFile(one)
    } catch {
      return `${one} is neither a key (name+hash+base64) nor a file.`
    }
    for (const line of text.split('\n').filter((each) => each.trim() !== '')) {
      const key = parse(line)
      if (key === null) return `${one} has a line that is no key (name+hash+base64).`
      keys.push(key)
    }
  }
  return keys
}

export const signerFor = ({ audit }: Pick<Connections, 'audit'>) =>
  audit === null ? null : signerOf(audit.origin, Buffer.from(audit.signingKey, 'hex'))

/** The given keys, and the one that this server signs with. */
export const keysFor = (to: Connections, given: ReadonlyArray<Verifier>): ReadonlyArray<Verifier> => {
  const signer = signerFor(to)
  return signer === null ? given : [...given, verifierOf(signer)]
}
