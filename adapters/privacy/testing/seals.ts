/** Seals of values that open for ever, by the mark of their form: what docs/privacy.md says, in numbers. Those of form
 *  `x` were made by Node's own ciphers, those of form `w` by the program that wrote them. */
import { readFileSync } from 'node:fs'

export type SealVector = {
  /** The person's, in hex. */
  readonly key: string
  /** The event's. */
  readonly id: string
  /** The value's JSON. */
  readonly text: string
  /** Base64. */
  readonly salt: string
  readonly commit: string
  readonly sealed: string
}
export type SealSteps = SealVector & {
  /** Hex. */
  readonly nonce: string
  readonly saltKey: string
  readonly ownKey: string
}
export const sealVectors = JSON.parse(readFileSync(new URL('./seals.json', import.meta.url), 'utf8')) as {
  readonly x: ReadonlyArray<SealSteps>
  readonly w: ReadonlyArray<SealVector>
}
