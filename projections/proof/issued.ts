/** Issued checkpoints as they are on the log, besides their table: in a stream for each key, in order. They are not
 *  leaves of the tree, and of no use in another log. */
import { hash } from 'node:crypto'
import * as t from 'io-ts'
import { derivedUuid } from '../../domain/ids.ts'
import type { NewEvent } from '../../domain/ports.ts'
import type { Checkpoint } from './note.ts'

export const ISSUED_PREFIX = 'checkpoints-'

/** A key's id is its second part. */
export const issuedStream = (vkey: string): string => ISSUED_PREFIX + (vkey.split('+')[1] ?? '')

export const issuedEvent = (number: number, note: string): NewEvent => ({
  id: derivedUuid((text) => hash('sha256', text, 'hex'), `${number} ${note}`),
  type: 'CheckpointIssued',
  data: { number, note },
  metadata: {},
})

const Data = t.type({ number: t.number, note: t.string })
/** Null if it is not such an event. */
export const issuedIn = (data: unknown): t.TypeOf<typeof Data> | null => (Data.is(data) ? data : null)

export const extensionsFor = (number: number, at: string, position: string | null): ReadonlyArray<string> => [
  ...(position === null ? [] : [`position ${position}`]),
  `number ${number}`,
  `issued ${at}`,
]

const said = ({ extensions }: Checkpoint, name: string): string | null =>
  extensions.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? null
/** The number of a checkpoint; null if it was signed before checkpoints were numbered. */
export const numberOf = (checkpoint: Checkpoint): number | null => {
  const number = said(checkpoint, 'number')
  return number !== null && /^[1-9]\d{0,14}$/.test(number) ? Number(number) : null
}
/** When it was issued, in milliseconds since the epoch; null as above. */
export const issuedAt = (checkpoint: Checkpoint): number | null => {
  const at = said(checkpoint, 'issued')
  const ms = at === null ? Number.NaN : Date.parse(at)
  return Number.isNaN(ms) ? null : ms
}
