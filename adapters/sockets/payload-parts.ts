/** Codecs for the parts of payloads. */
import * as t from 'io-ts'

export const optional = <C extends t.Mixed>(codec: C) => t.union([codec, t.null, t.undefined])
const MAX_TEXT = 16_384
/** A text long enough for anything that the domain would accept, short enough to be refused cheaply. */
export const Text = new t.Type<string, string, unknown>(
  'Text',
  (u): u is string => typeof u === 'string' && u.length <= MAX_TEXT,
  (u, context) => (typeof u === 'string' && u.length <= MAX_TEXT ? t.success(u) : t.failure(u, context)),
  t.identity,
)
