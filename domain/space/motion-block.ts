/** A block of motion, in the form of events and commands. */
import * as t from 'io-ts'

/** `track`: what one server keeps of a room without a break; `number` counts its blocks from 0, and `isLast` says that
 *  the track ended properly. `root`: the SHA-256, in base64, of the sections' hashes in their order. */
export const MotionBlock = {
  subspace: t.string,
  block: t.string,
  track: t.string,
  number: t.number,
  isLast: t.boolean,
  boot: t.string,
  from: t.string,
  to: t.string,
  movers: t.number,
  ticks: t.number,
  bytes: t.number,
  root: t.string,
  keptUntil: t.string,
}
