/** Writing to a client no faster than it reads. */
import type { ServerWritableStream } from '@grpc/grpc-js'

export type Sink = ReturnType<typeof createSink>

/** Wraps a server-streaming call. `write` returns false where the client is behind: then wait for `ready`. */
export const createSink = (call: ServerWritableStream<unknown, Buffer>) => {
  let blocked = false
  let wake: (() => void) | undefined
  let open = true
  let onClose: (() => void) | undefined
  const release = () => {
    blocked = false
    const waiter = wake
    wake = undefined
    waiter?.()
  }
  const closed = () => {
    open = false
    release()
    onClose?.()
  }
  call.on('drain', release)
  call.on('cancelled', closed)
  call.on('close', closed)
  call.on('error', closed)
  return {
    /** False once the client is gone. */
    open: (): boolean => open,
    blocked: (): boolean => blocked,
    write: (frame: Buffer): boolean => {
      if (!open) return false
      if (!call.write(frame)) blocked = true
      return !blocked
    },
    /** Resolves when the client has read enough, or is gone. */
    ready: (): Promise<void> =>
      blocked && open
        ? new Promise((resolve) => {
            wake = resolve
          })
        : Promise.resolve(),
    /** Calls back, once, when the client goes. */
    onClose: (callback: () => void): void => {
      onClose = callback
      if (!open) callback()
    },
    end: (): void => {
      if (open) call.end()
      open = false
    },
    fail: (error: object): void => {
      if (open) call.emit('error', error)
      open = false
    },
  }
}

/** Lets the event loop do something else between two pieces of work. */
export const breathe = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
