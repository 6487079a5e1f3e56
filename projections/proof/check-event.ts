/** Checks one event of a bundle: it is in the checkpoint's log, follows the one before it, and belongs to this room and
 *  time. */
import { hash } from 'node:crypto'
import { parseStreamName, spaceKey } from '../../domain/names.ts'
import { type Checking, fault } from './bundle-checking.ts'
import { eventOf, hashesOf, type Json, keysAre } from './bundle-forms.ts'
import { applyEvent, type BundledEvent, type BundleState, kindOf } from './state.ts'

type Kind = NonNullable<ReturnType<typeof kindOf>>

const missing = (from: number, to: number, stream: string): string =>
  from === to
    ? `Event ${from} of ${stream} is missing before it.`
    : `Events ${from} to ${to} of ${stream} are missing before it.`

/** Checks its place in the log: that it is proven, and comes after that of the one before. */
const checkPlace = (
  checking: Checking,
  name: string,
  {
    leaf,
    proof,
    shared,
  }: { readonly leaf: number; readonly proof: ReadonlyArray<Buffer>; readonly shared: number },
  text: string,
): void => {
  if (checking.inTree !== null) {
    // The line is canonical, so it contains the event's bytes. U+0000 is the byte 0x00 in UTF-8.
    const leafText = text.slice('{"event":'.length, text.lastIndexOf(',"leaf":'))
    if (!checking.inTree(hash('sha256', `\0${leafText}`, 'buffer'), leaf, proof, shared))
      fault(checking, 'event', 'It is not in the log of the checkpoint, as it stands here.', { event: name })
  }
  if (leaf <= checking.lastLeaf)
    fault(checking, 'event', 'It stands before the one in front of it.', { event: name })
  checking.lastLeaf = Math.max(checking.lastLeaf, leaf)
}

/** Checks that no event of its stream is missing before it. */
const checkRevision = (
  checking: Checking,
  state: BundleState,
  kind: Kind,
  { stream, revision }: BundledEvent,
): void => {
  const expected = state.revisions[kind]
  if (revision === String(expected)) return
  const isNumber = /^\d{1,15}$/.test(revision)
  const detail =
    isNumber && Number(revision) > expected
      ? missing(expected, Number(revision) - 1, stream)
      : `It should be event ${expected} of ${stream}.`
  fault(checking, 'event', detail, { event: `${stream} ${revision}` })
  // Later events are compared with this one.
  if (isNumber) state.revisions[kind] = Number(revision)
}

/** Folds it into the state, and compares its time with the header's. */
const follow = (checking: Checking, event: BundledEvent, name: string): void => {
  const { header, state } = checking
  const kind = kindOf(event.stream)
  if (state === null || kind === null) return
  checkRevision(checking, state, kind, event)
  applyEvent(state, event, header?.sets ?? {})
  const latest = state.latest[kind]
  if (header !== null && latest !== null)
    if ((header.from !== null && latest < header.from) || (header.to !== null && latest > header.to))
      fault(checking, 'event', 'It is not within the times of the header.', { event: name })
}

/** `text` is the line, `value` its JSON. */
export const checkEvent = (checking: Checking, value: Json, bytes: Buffer, text: string): void => {
  const { header } = checking
  checking.events += 1
  checking.digests.eventBytes(bytes)
  const event = eventOf(value.event)
  const own = hashesOf(value.proof)
  const [leaf, shared] = [Number(value.leaf), Number(value.shared)]
  const name = event === null ? null : `${event.stream} ${event.revision}`
  if (
    event === null ||
    name === null ||
    own === null ||
    !Number.isSafeInteger(value.leaf) ||
    !Number.isSafeInteger(value.shared) ||
    !keysAre(value, 'event', 'leaf', 'proof', 'shared')
  )
    return void fault(checking, 'event', 'It is not of an event’s form.', { event: name })
  const { proof: before } = checking
  if (shared < 0 || shared > before.length)
    return void fault(checking, 'event', 'It shares more of a proof than there is.', { event: name })
  const proof = [...own, ...before.slice(before.length - shared)]
  checking.proof = proof
  checkPlace(checking, name, { leaf, proof, shared }, text)
  const stream = parseStreamName(event.stream)
  if (header !== null && (stream._tag === 'Left' || spaceKey(stream.right.space) !== header.space))
    return void fault(checking, 'event', 'It is not of this space.', { event: name })
  follow(checking, event, name)
}
