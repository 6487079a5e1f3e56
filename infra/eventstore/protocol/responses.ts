/** Answers to appends, as bytes. */
import { type AppendOutcome, EXPECT_ANY, EXPECT_EXISTS, EXPECT_NONE } from '../streams/append-request.ts'
import { DISK_FULL } from './errors.ts'
import type { AppendOptions } from './requests.ts'
import { delimited, putVarint, varintField, varintSize } from './wire.ts'

const EMPTY = Buffer.alloc(0)
const position = (at: number): Buffer => Buffer.concat([varintField(1, at), varintField(2, at)])

const CODE = {
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  resourceExhausted: 8,
  unavailable: 14,
} as const

const status = (code: number, message: string, type: string, detail: Buffer): Buffer =>
  delimited(
    2,
    Buffer.concat([
      varintField(1, code),
      delimited(2, Buffer.from(message)),
      delimited(
        3,
        Buffer.concat([delimited(1, Buffer.from(`type.googleapis.com/${type}`)), delimited(2, detail)]),
      ),
    ]),
  )

const expectedField = (expected: number, fields: Record<'at' | 'none' | 'any' | 'exists', number>): Buffer =>
  expected === EXPECT_NONE
    ? delimited(fields.none, EMPTY)
    : expected === EXPECT_ANY
      ? delimited(fields.any, EMPTY)
      : expected === EXPECT_EXISTS
        ? delimited(fields.exists, EMPTY)
        : varintField(fields.at, expected)

/** The outcomes of a batch besides those of an append. */
export type BatchOutcome =
  | AppendOutcome
  | { readonly tag: 'too-large'; readonly max: number }
  | { readonly tag: 'bad-request'; readonly cause: string }
  | { readonly tag: 'access-denied' }

const result = (outcome: BatchOutcome, options: AppendOptions | undefined): Buffer => {
  switch (outcome.tag) {
    case 'appended':
      return delimited(
        3,
        Buffer.concat([
          outcome.revision < 0 ? delimited(2, EMPTY) : varintField(1, outcome.revision),
          outcome.position < 0 ? delimited(4, EMPTY) : delimited(3, position(outcome.position)),
        ]),
      )
    case 'wrong-expected':
      return status(
        CODE.alreadyExists,
        'WrongExpectedVersion',
        'event_store.client.WrongExpectedVersion',
        Buffer.concat([
          outcome.current < 0 ? delimited(2, EMPTY) : varintField(1, outcome.current),
          expectedField(options?.expected ?? EXPECT_ANY, { at: 3, any: 4, exists: 5, none: 6 }),
        ]),
      )
    case 'deleted':
      return status(
        CODE.notFound,
        'StreamDeleted',
        'event_store.client.StreamDeleted',
        delimited(1, delimited(3, Buffer.from(options?.stream ?? ''))),
      )
    case 'timeout':
      return status(CODE.deadlineExceeded, 'Timeout', 'event_store.client.Timeout', EMPTY)
    case 'too-large':
      return status(
        CODE.invalidArgument,
        'MaximumAppendSizeExceeded',
        'event_store.client.MaximumAppendSizeExceeded',
        varintField(1, outcome.max),
      )
    case 'access-denied':
      return status(7, 'AccessDenied', 'event_store.client.AccessDenied', EMPTY)
    case 'bad-request':
      return status(
        CODE.invalidArgument,
        outcome.cause,
        'event_store.client.BadRequest',
        delimited(1, Buffer.from(outcome.cause)),
      )
    // Clients read this as "it was rolled back".
    case 'full':
      return status(CODE.resourceExhausted, DISK_FULL, 'event_store.client.InvalidTransaction', EMPTY)
    case 'failed':
      return status(CODE.unavailable, outcome.cause, 'event_store.client.Unknown', EMPTY)
    default:
      return outcome satisfies never
  }
}

/** A `BatchAppendResp`. */
export const batchResponse = (
  correlation: Buffer,
  options: AppendOptions | undefined,
  outcome: BatchOutcome,
): Buffer =>
  outcome.tag === 'appended' && options !== undefined && outcome.revision >= 0 && outcome.position >= 0
    ? appendedResponse(correlation, options, outcome.revision, outcome.position)
    : Buffer.concat([
        delimited(1, correlation),
        result(outcome, options),
        delimited(4, delimited(3, Buffer.from(options?.stream ?? ''))),
        options === undefined
          ? EMPTY
          : expectedField(options.expected, { at: 5, none: 6, any: 7, exists: 8 }),
      ])

const EXPECTED_FIELD: Readonly<Record<number, number>> = {
  [EXPECT_NONE]: 6,
  [EXPECT_ANY]: 7,
  [EXPECT_EXISTS]: 8,
}

/** The common answer, built in one piece: the same bytes as the general way gives. */
const appendedResponse = (
  correlation: Buffer,
  { stream, expected }: AppendOptions,
  revision: number,
  position: number,
): Buffer => {
  const name = Buffer.byteLength(stream)
  const identifier = 1 + varintSize(name) + name
  const at = 2 * (1 + varintSize(position))
  const success = 1 + varintSize(revision) + 2 + at
  const size =
    1 +
    varintSize(correlation.length) +
    correlation.length +
    (2 + success) +
    (1 + varintSize(identifier) + identifier) +
    (expected >= 0 ? 1 + varintSize(expected) : 2)
  const out = Buffer.allocUnsafe(size)
  let i = 0
  out[i++] = 0x0a
  i = putVarint(out, i, correlation.length)
  out.set(correlation, i)
  i += correlation.length
  // A position has at most eight bytes, so the lengths of these two have one.
  out[i++] = 0x1a
  out[i++] = success
  out[i++] = 0x08
  i = putVarint(out, i, revision)
  out[i++] = 0x1a
  out[i++] = at
  out[i++] = 0x08
  i = putVarint(out, i, position)
  out[i++] = 0x10
  i = putVarint(out, i, position)
  out[i++] = 0x22
  i = putVarint(out, i, identifier)
  out[i++] = 0x1a
  i = putVarint(out, i, name)
  out.write(stream, i, 'utf8')
  i += name
  if (expected >= 0) {
    out[i++] = 0x28
    putVarint(out, i, expected)
  } else {
    out[i++] = (EXPECTED_FIELD[expected]! << 3) | 2
    out[i] = 0
  }
  return out
}

/** An `AppendResp`, for the outcomes that are not gRPC errors. */
export const appendResponse = (
  outcome: Extract<AppendOutcome, { tag: 'appended' | 'wrong-expected' }>,
  expected: number,
): Buffer =>
  outcome.tag === 'appended'
    ? delimited(
        1,
        Buffer.concat([
          outcome.revision < 0 ? delimited(2, EMPTY) : varintField(1, outcome.revision),
          outcome.position < 0 ? delimited(4, EMPTY) : delimited(3, position(outcome.position)),
        ]),
      )
    : delimited(
        2,
        Buffer.concat([
          outcome.current < 0 ? delimited(7, EMPTY) : varintField(6, outcome.current),
          expectedField(expected, { at: 8, any: 9, exists: 10, none: 11 }),
        ]),
      )
