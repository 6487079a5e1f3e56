/** Errors as clients expect them: a gRPC status and, in the trailers, what it is (`exception`) and of what. */
import { status } from '@grpc/grpc-js'

export type GrpcError = {
  readonly code: status
  readonly details: string
  readonly metadata: Readonly<Record<string, string>>
}

export const isGrpcError = (error: unknown): error is GrpcError =>
  typeof error === 'object' && error !== null && 'code' in error && 'details' in error && 'metadata' in error

const make = (code: status, details: string, entries: Record<string, string> = {}): GrpcError => {
  const metadata: Record<string, string> = {}
  for (const [key, value] of Object.entries(entries)) {
    // A header can hold only printable ASCII.
    metadata[key] = /^[\x20-\x7e]*$/.test(value) ? value : encodeURIComponent(value)
  }
  return { code, details, metadata }
}

export const invalidArgument = (details: string): GrpcError => make(status.INVALID_ARGUMENT, details)
export const unimplemented = (details: string): GrpcError => make(status.UNIMPLEMENTED, details)
export const internal = (details: string): GrpcError => make(status.UNKNOWN, details)
export const DISK_FULL = 'The disk is full: nothing was written. Free some space, and send it again.'
export const diskFull = (): GrpcError => make(status.UNAVAILABLE, DISK_FULL)
export const unavailable = (details: string): GrpcError => make(status.UNAVAILABLE, details)
export const tooLarge = (max: number): GrpcError =>
  make(status.RESOURCE_EXHAUSTED, `A message may have ${max} bytes`)
export const deadlineExceeded = (): GrpcError => make(status.DEADLINE_EXCEEDED, 'Timed out')

export const streamDeleted = (stream: string): GrpcError =>
  make(status.FAILED_PRECONDITION, `Event stream '${stream}' is deleted.`, {
    exception: 'stream-deleted',
    'stream-name': stream,
  })

export const maxAppendSizeExceeded = (max: number): GrpcError =>
  make(status.INVALID_ARGUMENT, `Maximum Append Size of ${max} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': `${max}`,
  })

/** `expected` as clients number it (-1 none, -2 any, -4 exists); `actual` -1 for no stream. */
export const wrongExpectedVersion = (stream: string, expected: number, actual: number): GrpcError =>
  make(
    status.FAILED_PRECONDITION,
    `Append failed due to WrongExpectedVersion. Stream: ${stream}, Expected version: ${expected}, Actual version: ${actual}`,
    {
      exception: 'wrong-expected-version',
      'stream-name': stream,
      'expected-version': `${expected}`,
      ...(actual >= 0 ? { 'actual-version': `${actual}` } : {}),
    },
  )

export const accessDenied = (): GrpcError =>
  make(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' })

const group = (source: string, name: string) => ({ 'stream-name': source, 'group-name': name })

export const groupDoesNotExist = (source: string, name: string): GrpcError =>
  make(status.NOT_FOUND, `Subscription group ${name} on stream ${source} does not exist.`, {
    exception: 'persistent-subscription-does-not-exist',
    ...group(source, name),
  })
export const groupExists = (source: string, name: string): GrpcError =>
  make(status.ALREADY_EXISTS, `Subscription group ${name} on stream ${source} exists.`, {
    exception: 'persistent-subscription-exists',
    ...group(source, name),
  })
export const groupDropped = (source: string, name: string): GrpcError =>
  make(status.CANCELLED, `Subscription group ${name} on stream ${source} was dropped.`, {
    exception: 'persistent-subscription-dropped',
    ...group(source, name),
  })
export const groupFailed = (source: string, name: string, reason: string): GrpcError =>
  make(status.INTERNAL, `Subscription group ${name} on stream ${source} failed: '${reason}'`, {
    exception: 'persistent-subscription-failed',
    reason,
    ...group(source, name),
  })
export const maximumSubscribers = (source: string, name: string): GrpcError =>
  make(
    status.FAILED_PRECONDITION,
    `Maximum subscriptions reached for subscription group ${name} on stream ${source}.`,
    { exception: 'maximum-subscribers-reached', ...group(source, name) },
  )

export const unauthenticated = (): GrpcError => make(status.UNAUTHENTICATED, 'Not authenticated')
export const loginNotFound = (login: string): GrpcError =>
  make(status.NOT_FOUND, `User '${login}' is not found.`, {
    exception: 'user-not-found',
    'login-name': login,
  })
export const loginConflict = (login: string): GrpcError =>
  make(status.FAILED_PRECONDITION, 'Conflict.', { exception: 'user-conflict', 'login-name': login })
export const scavengeNotFound = (id: string): GrpcError =>
  make(status.NOT_FOUND, 'Scavenge id was invalid.', { exception: 'scavenge-not-found', 'scavenge-id': id })
export const projectionExists = (name: string): GrpcError =>
  make(status.ALREADY_EXISTS, `Conflict: projection '${name}' exists already.`)
export const tooManyProjections = (most: number): GrpcError =>
  make(
    status.RESOURCE_EXHAUSTED,
    `${most} projections of clients run, which is the most: disable or delete one of them first.`,
  )
/** Clients recognise this error by its first words. */
export const projectionRuns = (name: string): GrpcError =>
  make(
    status.UNKNOWN,
    `Envelope callback expected Updated, received OperationFailed instead: projection '${name}' runs. Disable it before it is deleted.`,
  )
/** Like a real node, which does not answer before the client's deadline. */
export const projectionHasNoState = (name: string, why: string): GrpcError =>
  make(status.DEADLINE_EXCEEDED, `Projection '${name}' has no state: ${why}`)
export const projectionNotFound = (name: string): GrpcError =>
  make(status.NOT_FOUND, `Projection '${name}' not found`)
