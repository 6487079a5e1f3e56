/** A gRPC server on `node:http2`. @grpc/grpc-js writes each message of a stream as a frame of its own and waits for
 *  it; here everything written in one turn of the event loop leaves together, which more than doubles the rate at
 *  which a client reads. */
import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import * as errors from '../protocol/errors.ts'

/** One call. Messages are bytes, both ways. */
export interface Call {
  readonly headers: IncomingHttpHeaders
  /** The client's address. */
  readonly peer: string
  /** Milliseconds since the epoch; infinite if the client set none. */
  readonly deadline: number
  /** The handler sets these once, immediately. `end`: the client has sent its last message. */
  onMessage: (message: Buffer) => void
  onEnd: () => void
  /** The client is gone, or the call has ended. */
  onClose: () => void
  /** False once the client is gone or the call was ended. */
  readonly open: () => boolean
  /** False if the client is behind: then wait for `ready`. Never blocks and never throws. `rest` is the rest of the
   *  message. Neither may be changed afterwards. */
  readonly write: (message: Buffer, rest?: Buffer) => boolean
  readonly blocked: () => boolean
  /** Resolves when the client has read enough, or is gone. */
  readonly ready: () => Promise<void>
  readonly end: () => void
  readonly fail: (error: unknown) => void
  /** Calls back when the answer has left, or the client is gone. */
  readonly whenSent: (then: () => void) => void
  /** Stops and restarts taking messages from the client. */
  readonly pause: () => void
  readonly resume: () => void
}

export type Handler = (call: Call) => void

/** Written messages are gathered up to this many bytes. */
const GATHER = 64 * 1024
/** Gathered bytes are put into blocks that are reused once they were sent: new ones would be most of what a node
 *  allocates while it serves reads. Less than `WORTH_A_BLOCK` is not worth a block. */
const BLOCK = GATHER + 16 * 1024
const WORTH_A_BLOCK = 16 * 1024
const KEPT_BLOCKS = 32
const blocks: Buffer[] = []
const giveBack = (block: Buffer): void => {
  if (blocks.length < KEPT_BLOCKS) blocks.push(block)
}
/** The size of a real server's largest event. */
const MAX_MESSAGE = 16 * 1024 * 1024 - 10_000
const WINDOW = 2 * 1024 * 1024
const UNITS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 }

const readDeadline = (timeout: string | string[] | undefined): number => {
  const match = typeof timeout === 'string' ? /^(\d{1,8})([HMSmun])$/.exec(timeout) : null
  return match === null ? Number.POSITIVE_INFINITY : Date.now() + Number(match[1]) * UNITS[match[2]!]!
}

const encodeMessage = (text: string): string =>
  text.replaceAll(/[^\x20-\x24\x26-\x7e]/gu, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  )

const trailersOf = (error: errors.GrpcError): Record<string, string> => ({
  'grpc-status': `${error.code}`,
  'grpc-message': encodeMessage(error.details),
  ...error.metadata,
})

/** Passes each complete message to the call. */
const readMessages = (stream: ServerHttp2Stream, call: Call): void => {
  // The bytes of an incomplete message; `wanted`: how many are needed to go on.
  let rest: Buffer[] = []
  let gotten = 0
  let wanted = 5
  stream.on('data', (chunk: Buffer) => {
    if (!call.open()) return
    gotten += chunk.length
    if (gotten < wanted) {
      rest.push(chunk)
      return
    }
    const bytes = rest.length === 0 ? chunk : Buffer.concat([...rest, chunk], gotten)
    let at = 0
    wanted = 5
    while (bytes.length - at >= 5) {
      const length = bytes.readUInt32BE(at + 1)
      if (bytes[at] !== 0) return call.fail(errors.unimplemented('Messages may not be compressed'))
      if (length > MAX_MESSAGE) return call.fail(errors.tooLarge(MAX_MESSAGE))
      wanted = 5 + length
      if (bytes.length - at < wanted) break
      call.onMessage(bytes.subarray(at + 5, at + wanted))
      at += wanted
      wanted = 5
    }
    gotten = bytes.length - at
    rest = gotten === 0 ? [] : [bytes.subarray(at)]
  })
}

/** The messages of one turn of the event loop, gathered into one piece of bytes. */
const createGathered = () => {
  let parts: Buffer[] = []
  /** The messages' rests. */
  let rests: Array<Buffer | undefined> = []
  let size = 0
  return {
    size: () => size,
    add: (message: Buffer, rest: Buffer | undefined): void => {
      parts.push(message)
      rests.push(rest)
      size += message.length + 5 + (rest?.length ?? 0)
    },
    /** Everything gathered; give `block` back once it was sent. */
    take: (): { readonly bytes: Buffer; readonly block: Buffer | null } => {
      const block =
        size >= WORTH_A_BLOCK && size <= BLOCK ? (blocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK)) : null
      const bytes = block === null ? Buffer.allocUnsafe(size) : block.subarray(0, size)
      let at = 0
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i]!
        const rest = rests[i]
        bytes[at] = 0
        bytes.writeUInt32BE(part.length + (rest?.length ?? 0), at + 1)
        bytes.set(part, at + 5)
        at += 5 + part.length
        if (rest === undefined) continue
        bytes.set(rest, at)
        at += rest.length
      }
      parts = []
      rests = []
      size = 0
      return { bytes, block }
    },
  }
}

const serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, handler: Handler): void => {
  const gathered = createGathered()
  let open = true
  let responded = false
  let blocked = false
  let wake: (() => void) | undefined
  let scheduled = false
  let trailers: Record<string, string> = { 'grpc-status': '0' }
  let timer: NodeJS.Timeout | undefined

  const respond = () => {
    if (responded || stream.destroyed || stream.headersSent) return
    responded = true
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity' },
      { waitForTrailers: true },
    )
  }
  const flush = () => {
    scheduled = false
    if (gathered.size() === 0 || stream.destroyed || stream.writableEnded) return
    respond()
    const { bytes, block } = gathered.take()
    const isTaken = block === null ? stream.write(bytes) : stream.write(bytes, () => giveBack(block))
    if (!isTaken) blocked = true
  }
  const release = () => {
    blocked = false
    const waiter = wake
    wake = undefined
    waiter?.()
  }
  const close = () => {
    if (!open) return
    open = false
    clearTimeout(timer)
    release()
    call.onClose()
  }
  const finish = () => {
    flush()
    close()
    if (stream.destroyed) return
    respond()
    stream.end()
  }

  const call: Call = {
    headers,
    peer: `${stream.session?.socket.remoteAddress ?? ''}:${stream.session?.socket.remotePort ?? ''}`,
    deadline: readDeadline(headers['grpc-timeout']),
    onMessage: () => {},
    onEnd: () => {},
    onClose: () => {},
    open: () => open,
    blocked: () => blocked,
    write: (message, rest) => {
      if (!open) return false
      gathered.add(message, rest)
      if (gathered.size() >= GATHER) flush()
      else if (!scheduled) {
        scheduled = true
        process.nextTick(flush)
      }
      return !blocked
    },
    ready: () =>
      blocked && open
        ? new Promise((resolve) => {
            wake = resolve
          })
        : Promise.resolve(),
    end: () => {
      if (open) finish()
    },
    fail: (error) => {
      if (!open) return
      trailers = trailersOf(errors.isGrpcError(error) ? error : errors.internal(String(error)))
      if (!responded && gathered.size() === 0 && !stream.destroyed) {
        // Nothing was sent yet, so status and headers go together.
        close()
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', ...trailers },
          { endStream: true },
        )
        return
      }
      finish()
    },
    whenSent: (then) => void stream.once('close', then),
    pause: () => stream.pause(),
    resume: () => stream.resume(),
  }

  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  stream.on('drain', release)
  stream.on('aborted', close)
  stream.on('close', close)
  // 'close' tells of the stream's end; an 'error' without a listener would end the process.
  stream.on('error', close)

  readMessages(stream, call)
  stream.on('end', () => {
    if (open) call.onEnd()
  })
  if (Number.isFinite(call.deadline)) {
    const left = call.deadline - Date.now()
    if (left < 0x7fff_ffff) timer = setTimeout(() => call.fail(errors.deadlineExceeded()), Math.max(0, left))
  }
  handler(call)
}

export type GrpcServer = {
  /** For connections that were accepted elsewhere: `emit('connection', socket)`. */
  readonly http2: Http2Server
  /** Ends every call and connection. */
  readonly close: () => void
  readonly connections: () => number
}

/** Answers requests that are not gRPC. */
export type Otherwise = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
const refuseOther: Otherwise = (stream) =>
  stream.respond({ ':status': constants.HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE }, { endStream: true })

/** `handlers` by path, `/package.Service/Method`. */
export const createGrpcServer = (
  handlers: ReadonlyMap<string, Handler>,
  otherwise: Otherwise = refuseOther,
): GrpcServer => {
  const http2 = createServer({
    // The default is 10 MB for everything under way on a connection, which a busy client exceeds.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
    settings: { initialWindowSize: WINDOW, maxConcurrentStreams: 0xffff_ffff, enablePush: false },
  })
  const sessions = new Set<ServerHttp2Session>()
  http2.on('session', (session) => {
    sessions.add(session)
    session.setLocalWindowSize(WINDOW)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => session.destroy())
  })
  http2.on('sessionError', () => {})
  http2.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const type = headers['content-type']
    const path = headers[':path'] ?? ''
    const handler = handlers.get(path)
    if (headers[':method'] !== 'POST' || typeof type !== 'string' || !type.startsWith('application/grpc')) {
      ;(handler === undefined ? otherwise : refuseOther)(stream, headers)
      return
    }
    serve(
      stream,
      headers,
      handler ?? ((call) => call.fail(errors.unimplemented(`The server does not implement ${path}`))),
    )
  })
  return {
    http2,
    close: () => {
      for (const session of sessions) session.destroy()
      http2.close()
    },
    connections: () => sessions.size,
  }
}

/** What a generated service definition says of a method. */
export type Definition<Request, Response> = {
  readonly path: string
  readonly requestDeserialize: (bytes: Buffer) => Request
  readonly responseSerialize: (response: Response) => Buffer
}

/** Throws a GrpcError if the bytes are not such a request. */
const read = <Request>(deserialize: (bytes: Buffer) => Request, bytes: Buffer): Request => {
  try {
    return deserialize(bytes)
  } catch {
    throw errors.invalidArgument('The request can not be read')
  }
}

/** A call with one request and one response. */
export const unary =
  <Request, Response>(
    { requestDeserialize, responseSerialize }: Definition<Request, Response>,
    answer: (request: Request, call: Call) => Response | Promise<Response>,
  ): Handler =>
  (call) => {
    const messages: Buffer[] = []
    call.onMessage = (message) => {
      messages.push(message)
    }
    call.onEnd = () => {
      const run = async () => {
        const response = await answer(read(requestDeserialize, messages[0] ?? Buffer.alloc(0)), call)
        call.write(responseSerialize(response))
        call.end()
      }
      run().catch(call.fail)
    }
  }

/** A call with one request and a stream of responses, which the handler writes. */
export const streaming =
  <Request>(
    { requestDeserialize }: Pick<Definition<Request, never>, 'requestDeserialize'>,
    answer: (request: Request, call: Call) => Promise<void>,
  ): Handler =>
  (call) => {
    let asked = false
    call.onMessage = (message) => {
      if (asked) return
      asked = true
      const run = async () => {
        await answer(read(requestDeserialize, message), call)
      }
      run().catch(call.fail)
    }
  }

/** Lets the event loop do something else between two pieces of work. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
