/** What witnesses add to a checkpoint: that at some time it was the largest they had seen of a log that only ever grew.
 *  Source: https://c2sp.org/tlog-cosignature, Ed25519 (`cosignature/v1`). */
import { sign, verify } from 'node:crypto'
import { isBy, parseVkey, partsOf, type Signer, signerOf, type Verifier } from './note.ts'

const KIND = 4

/** From the 32 bytes of an Ed25519 seed. Throws TypeError where the name has spaces or a plus. */
export const cosignerOf = (name: string, seed: Uint8Array): Signer => signerOf(name, seed, KIND)
/** A witness's key as it is written, or null where it is none. */
export const parseCosignerKey = (vkey: string): Verifier | null => parseVkey(vkey, KIND)

const message = (text: string, seconds: bigint): Buffer =>
  Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`, 'utf8')

/** The line under a checkpoint's text, with its line feed. `seconds` since the epoch, whole and above 0. */
export const cosign = (text: string, cosigner: Signer, seconds: number): string => {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(seconds))
  const signature = sign(null, message(text, BigInt(seconds)), cosigner.privateKey)
  return `— ${cosigner.name} ${Buffer.concat([cosigner.id, time, signature]).toString('base64')}\n`
}

/** When a witness cosigned the note (seconds since the epoch; the latest if it did more than once), and its line. Null where it did
 *  not, or where one of its lines does not hold. */
export const cosignedAt = (
  note: string,
  verifier: Verifier,
): { readonly seconds: number; readonly line: string } | null => {
  const parts = partsOf(note)
  let latest: { readonly seconds: number; readonly line: string } | null = null
  for (const line of parts?.lines ?? []) {
    if (!isBy(line, verifier)) continue
    if (line.signature.length !== 72) return null
    const seconds = line.signature.readBigUInt64BE()
    if (seconds === 0n || seconds > BigInt(Number.MAX_SAFE_INTEGER)) return null
    if (!verify(null, message(parts!.text, seconds), verifier.publicKey, line.signature.subarray(8)))
      return null
    if (latest === null || Number(seconds) > latest.seconds)
      latest = { seconds: Number(seconds), line: `${line.line}\n` }
  }
  return latest
}
