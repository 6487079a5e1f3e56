/** Answers to appends, as bytes. */
import { type AppendOutcome, EXPECT_ANY, EXPECT_EXISTS, EXPECT_NONE } from './append.ts'
import type { AppendOptions } from './requests.ts'
import { delimited, varintField } from './wire.ts'

const EMPTY = Buffer.alloc(0)
const position = (at: number): Buffer => Buffer.concat([varintField(1, at), varintField(2, at)])

const CODE = { invalidArgument: 3, deadlineExceeded: 4, failedPrecondition: 9, unavailable: 14 } as const

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

/** What a batch can end in besides an append's own outcomes. */
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
        CODE.failedPrecondition,
        'WrongExpectedVersion',
        'event_store.client.WrongExpectedVersion',
        Buffer.concat([
          outcome.current < 0 ? delimited(2, EMPTY) : varintField(1, outcome.current),
          expectedField(options?.expected ?? EXPECT_ANY, { at: 3, any: 4, exists: 5, none: 6 }),
        ]),
      )
    case 'deleted':
      return status(
        CODE.failedPrecondition,
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
  Buffer.concat([
    delimited(1, correlation),
    result(outcome, options),
    delimited(4, delimited(3, Buffer.from(options?.stream ?? ''))),
    options === undefined ? EMPTY : expectedField(options.expected, { at: 5, none: 6, any: 7, exists: 8 }),
  ])

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
