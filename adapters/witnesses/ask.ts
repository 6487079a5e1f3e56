/** Has a checkpoint cosigned by a witness: `POST /add-checkpoint` of c2sp.org/tlog-witness. */
import { cosignedAt } from '../../projections/proof/cosignature.ts'
import type { Hash } from '../../projections/proof/merkle.ts'
import type { CosigningFault, WitnessPlace } from '../../projections/proof/witnesses.ts'
import { askingBody } from '../../projections/proof/witnessing.ts'
import { textOf } from '../bounded-body.ts'
import { whyUnreachable } from '../unreachable.ts'

/** `later`: the witness has cosigned a newer checkpoint meanwhile, so it can't cosign this one any more. `size` of a
 *  fault: the size that the witness says it cosigned last, if it says so. */
export type Cosigning =
  | { readonly kind: 'later' }
  | { readonly kind: 'cosigned'; readonly line: string; readonly seconds: number }
  | {
      readonly kind: 'not cosigned'
      readonly fault: CosigningFault
      readonly why: string
      readonly size: number | null
    }

export type ToCosign = {
  readonly note: string
  readonly size: number
  /** How many leaves the newest checkpoint covers now. */
  readonly covered: () => Promise<number>
  /** The proof that the checkpoint's tree begins with the tree of `old` leaves. */
  readonly proofFrom: (old: number) => Promise<ReadonlyArray<Hash>>
}

const TIMEOUT_MS = 5_000
const LONGEST_WHY = 300

const not = (fault: CosigningFault, why: string, size: number | null = null): Cosigning => ({
  kind: 'not cosigned',
  fault,
  why,
  size,
})
const shortened = (text: string): string => text.trim().split('\n')[0]!.slice(0, LONGEST_WHY).toWellFormed()

/** `old`: the size that the witness cosigned last, as far as is known; the witness corrects it if it is wrong. */
export const askWitness = async (
  { url, key }: WitnessPlace,
  { note, size, covered, proofFrom }: ToCosign,
  old: number,
): Promise<Cosigning> => {
  for (let from = old, attempt = 0; ; attempt += 1) {
    // It cosigned more than the checkpoint has: it is asked with 0, so that it answers with its own size.
    if (from > size) from = 0
    const body = askingBody({ old: from, proof: await proofFrom(from), note })
    let status: number
    let text: string
    try {
      const response = await fetch(`${url}/add-checkpoint`, {
        method: 'POST',
        body,
        headers: { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'dlux-presence' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: 'error',
      })
      status = response.status
      text = await textOf(response)
    } catch (error) {
      return not('unreachable', `It can’t be reached: ${shortened(whyUnreachable(error))}.`)
    }
    if (status === 200) {
      const cosigned = cosignedAt(note + text, key)
      return cosigned === null
        ? not('refused', 'Its answer is not signed by the key that is known of it.')
        : { kind: 'cosigned', ...cosigned }
    }
    const last = status === 409 && /^(0|[1-9]\d{0,14})\n$/.test(text) ? Number(text) : null
    if (last === null)
      return status >= 500 || status === 429
        ? not('unreachable', `It answered ${status}.`)
        : not('refused', `It answered ${status}: ${shortened(text)}`)
    if (last > size) {
      if (last <= (await covered())) return { kind: 'later' }
      return not('ahead', `It cosigned ${last} events before, and this log has ${size}: it went back.`, last)
    }
    if (attempt > 1) return { kind: 'later' }
    from = last
  }
}
