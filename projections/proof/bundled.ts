/** Events as they are in bundles, which is as they are on the log. */
import type { RoomStreamKind } from '../../domain/names.ts'
import type { RecordedEvent } from '../../domain/ports.ts'
import { eventText, TOO_DEEP } from '../audit/canonical.ts'
import type { BundledEvent, BundleState } from './state.ts'

const isPlain = (value: unknown): boolean => !(value instanceof Uint8Array)

/** `text`, if it was made already, is what is proved of the event. */
export const asBundled = (recorded: RecordedEvent, text?: string): BundledEvent => {
  const { data, metadata } = recorded.stored ?? recorded
  // Values that JSON can't express become what JSON writes for them; the same goes for what is nested too deep.
  if (!isPlain(data) || !isPlain(metadata) || text?.includes(TOO_DEEP) === true)
    return JSON.parse(text ?? eventText(recorded))
  const { id, revision, stream, type } = recorded
  return { data: data ?? null, id, metadata: metadata ?? null, revision: String(revision), stream, type }
}

/** A stream's time never goes back: the latest time of its events so far counts. */
export const latestWith = (state: BundleState, kind: RoomStreamKind, event: BundledEvent): string => {
  const at = (event.metadata as { readonly at?: unknown } | null)?.at
  const latest = state.latest[kind] ?? ''
  return typeof at === 'string' && at > latest ? at : latest
}
