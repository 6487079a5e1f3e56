/** The rules for expected revisions and repeats: which appends are not written, and what they return. */
import type { Storage, Stream } from '../log/storage.ts'
import { idOf, type ProposedEvent, type StoredEvent, TOMBSTONE_REVISION } from '../protocol/record.ts'
import {
  type AppendOutcome,
  type AppendRequest,
  EXPECT_ANY,
  EXPECT_EXISTS,
  EXPECT_NONE,
  type Expected,
} from './append-request.ts'
import { metastreamOf } from './metadata.ts'

type Events = ReadonlyArray<ProposedEvent>

const NO_EVENTS: Events = []

const eventAt = (storage: Storage, stream: Stream, revision: number): StoredEvent | undefined => {
  const [event] = storage.streamForwards(stream.id, revision, 1)
  return event?.revision === revision ? event : undefined
}

/** Of an append that takes any revision: a repeat is known by its ids, as long as they are remembered. */
const repeatByIds = (
  storage: Storage,
  stream: Stream,
  events: Events,
  current: number,
): AppendOutcome | undefined => {
  if (events.length === 0) return undefined
  let last = -1
  for (const [i, event] of events.entries()) {
    const known = storage.remembered(event.id)
    if (known === undefined || known.stream !== stream.id)
      return i === 0 ? undefined : { tag: 'wrong-expected', current }
    last = known.revision
  }
  return { tag: 'appended', revision: last, position: eventAt(storage, stream, last)?.position ?? -1 }
}

/** Of an append after a revision that others follow: it is a repeat where the same events stand there. */
const repeatByPlace = (
  storage: Storage,
  stream: Stream,
  events: Events,
  expected: Expected,
): Extract<AppendOutcome, { tag: 'appended' }> | 'other-first' | 'other-later' => {
  let position = -1
  for (const [i, event] of events.entries()) {
    const there = eventAt(storage, stream, expected + 1 + i)
    if (there === undefined || idOf(there.body) !== event.id) return i === 0 ? 'other-first' : 'other-later'
    position = there.position
  }
  return { tag: 'appended', revision: expected + events.length, position }
}

/** The outcome if nothing is to be written; undefined if the change is to be written. */
export const outcomeUnwritten = (
  storage: Storage,
  stream: Stream,
  { expected, change }: AppendRequest,
  isSoftDeleted: boolean,
): AppendOutcome | undefined => {
  const events = change.kind === 'append' ? change.events : NO_EVENTS
  // A metastream's own tombstone alone counts: metadata of a tombstoned stream can be written, and not read.
  const current = stream.last
  if (current === TOMBSTONE_REVISION) return { tag: 'deleted' }
  if (expected === EXPECT_EXISTS) {
    if (isSoftDeleted) return { tag: 'deleted' }
    // A stream exists as soon as it has metadata.
    if (current < 0 && storage.stream(metastreamOf(stream.name)).last < 0)
      return { tag: 'wrong-expected', current }
  }
  if (expected === EXPECT_ANY || expected === EXPECT_EXISTS)
    return repeatByIds(storage, stream, events, current)
  if (expected > current) return { tag: 'wrong-expected', current }
  if (expected === current) return undefined
  // A deleted stream may be begun anew like one that never existed.
  const mayBegin = isSoftDeleted && expected === EXPECT_NONE
  if (events.length === 0)
    return change.kind !== 'append' && mayBegin ? undefined : { tag: 'wrong-expected', current }
  const repeat = repeatByPlace(storage, stream, events, expected)
  if (repeat === 'other-first' && mayBegin) return undefined
  return repeat === 'other-first' || repeat === 'other-later' ? { tag: 'wrong-expected', current } : repeat
}
