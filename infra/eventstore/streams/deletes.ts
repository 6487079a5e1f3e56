/** The Delete and Tombstone calls of the Streams service. */
import type { DeleteReq, TombstoneReq } from '@eventstore/db-client/generated/streams_pb.js'
import type { Guard } from '../auth/guard.ts'
import * as errors from '../protocol/errors.ts'
import { BadRequest, revisionOf } from '../protocol/requests.ts'
import { streams } from '../protocol/stubs.ts'
import type { Call } from '../server/grpc.ts'
import type { Appender } from './append.ts'
import {
  type AppendOutcome,
  EXPECT_ANY,
  EXPECT_EXISTS,
  EXPECT_NONE,
  type Expected,
} from './append-request.ts'

type Options = DeleteReq.Options | TombstoneReq.Options

const revisionIn = (options: Options): Expected => {
  try {
    return revisionOf(BigInt(options.getRevision()))
  } catch (error) {
    throw error instanceof BadRequest ? errors.invalidArgument(error.message) : error
  }
}

const expectedOf = (options: Options): Expected =>
  options.hasNoStream()
    ? EXPECT_NONE
    : options.hasStreamExists()
      ? EXPECT_EXISTS
      : options.hasRevision()
        ? revisionIn(options)
        : EXPECT_ANY

type By = { readonly appender: Appender; readonly guard: Guard }

/** Returns the position of what was written. */
const change = async (
  { appender, guard }: By,
  kind: 'delete' | 'tombstone',
  options: Options | undefined,
  call: Call,
): Promise<number> => {
  const stream = Buffer.from(options?.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString('utf8')
  if (options === undefined || stream === '') throw errors.invalidArgument('The stream has no name')
  guard.check(call, 'delete', stream)
  const expected = expectedOf(options)
  const outcome = await new Promise<AppendOutcome>((done) =>
    appender.append({ stream, expected, change: { kind }, deadline: call.deadline, bytes: 0, done }),
  )
  switch (outcome.tag) {
    case 'appended':
      return outcome.position
    case 'wrong-expected':
      throw errors.wrongExpectedVersion(stream, expected, outcome.current)
    case 'deleted':
      throw errors.streamDeleted(stream)
    case 'timeout':
      throw errors.deadlineExceeded()
    case 'full':
      throw errors.diskFull()
    case 'failed':
      throw errors.unavailable(outcome.cause)
    default:
      return outcome satisfies never
  }
}

export const deleteStream = (appender: Appender, guard: Guard) => async (request: DeleteReq, call: Call) => {
  const at = `${await change({ appender, guard }, 'delete', request.getOptions(), call)}`
  const position = new streams.DeleteResp.Position()
  position.setCommitPosition(at)
  position.setPreparePosition(at)
  const response = new streams.DeleteResp()
  response.setPosition(position)
  return response
}

export const tombstoneStream =
  (appender: Appender, guard: Guard) => async (request: TombstoneReq, call: Call) => {
    const at = `${await change({ appender, guard }, 'tombstone', request.getOptions(), call)}`
    const position = new streams.TombstoneResp.Position()
    position.setCommitPosition(at)
    position.setPreparePosition(at)
    const response = new streams.TombstoneResp()
    response.setPosition(position)
    return response
  }
