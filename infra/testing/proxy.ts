/** A TCP proxy that does to a connection what networks do: for tests of what survives it. */
import { connect, createServer, type Socket } from 'node:net'

/** `up`: what the client sends. `down`: what the server sends. */
export type ProxyWay = 'up' | 'down' | 'both'

export type FaultProxy = {
  readonly port: number
  /** `esdb://127.0.0.1:PORT?tls=false` */
  readonly url: string
  /** Everything arrives this many milliseconds late. */
  readonly delay: (ms: number) => void
  /** At most so many bytes a second, each way. */
  readonly trickle: (bytesPerSecond: number) => void
  /** Bytes that way vanish: no error, no end, from now on until `heal`; also on new connections. */
  readonly drop: (way?: ProxyWay) => void
  /** Both ways fall silent, and ends of connections are not passed on either. New connections are accepted, and as dead. */
  readonly halfOpen: () => void
  /** Every connection is cut with a reset; new ones are served. */
  readonly reset: () => void
  /** New connections are cut at once. */
  readonly refuse: () => void
  /** Every connection, and each new one, is cut when this many more bytes went that way. Once: then it is healed. */
  readonly cutAfter: (bytes: number, way?: 'up' | 'down') => void
  /** Calls back with each piece that passes, before it does: to act at an exact moment. Null: no more. */
  readonly onBytes: (listener: ((way: 'up' | 'down', bytes: Buffer) => void) | null) => void
  /** No fault from here on. A connection that lost bytes is reset, since it could only be garbled. */
  readonly heal: () => void
  /** From here on new connections go to another port. */
  readonly retarget: (port: number) => void
  /** How many connections were accepted so far. */
  readonly connections: () => number
  readonly close: () => Promise<void>
}

type Pipe = {
  readonly client: Socket
  readonly server: Socket
  /** Bytes were lost on it. */
  isGarbled: boolean
}

/** A reset while the socket's own end is on its way fails (EINVAL), and leaves a handle that Node never gets rid of: such a
 *  process spins for ever when it should exit. */
const cutOff = (socket: Socket): void => {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

export const startProxy = async ({ targetPort }: { readonly targetPort: number }): Promise<FaultProxy> => {
  let target = targetPort
  let delayMs = 0
  let bytesPerSecond = 0
  let dropped: ProxyWay | null = null
  let isHalfOpen = false
  let isRefusing = false
  let cut: { left: number; readonly way: 'up' | 'down' } | null = null
  let listener: ((way: 'up' | 'down', bytes: Buffer) => void) | null = null
  let accepted = 0
  const pipes = new Set<Pipe>()

  const end = (pipe: Pipe) => {
    pipes.delete(pipe)
    cutOff(pipe.client)
    cutOff(pipe.server)
  }

  const resetAll = () => {
    for (const pipe of [...pipes]) end(pipe)
  }

  const flow = (pipe: Pipe, from: Socket, to: Socket, way: 'up' | 'down') => {
    // One queue, so that whatever is late, nothing overtakes anything.
    const queue: Array<{ readonly due: number; readonly act: () => void }> = []
    let isPumping = false
    let lastDue = 0
    const pump = () => {
      isPumping = false
      while (queue.length > 0 && queue[0]!.due <= performance.now()) queue.shift()!.act()
      if (queue.length === 0) return
      isPumping = true
      // Not kept up for what waits on a connection that is gone, nor keeping the process.
      if (!pipes.has(pipe) && pipe.isGarbled) queue.length = 0
      else setTimeout(pump, Math.max(1, queue[0]!.due - performance.now())).unref()
    }
    const later = (due: number, act: () => void) => {
      lastDue = Math.max(due, lastDue)
      queue.push({ due: lastDue, act })
      if (!isPumping) pump()
    }
    from.on('data', (bytes: Buffer) => {
      listener?.(way, bytes)
      if (isHalfOpen || dropped === way || dropped === 'both') {
        pipe.isGarbled = true
        return
      }
      // After a hole nothing may follow: it would be read as what was lost.
      if (pipe.isGarbled) return
      let passing = bytes
      let isLast = false
      if (cut !== null && cut.way === way) {
        if (bytes.length >= cut.left) {
          passing = bytes.subarray(0, cut.left)
          isLast = true
          cut = null
        } else cut.left -= bytes.length
      }
      const takes = bytesPerSecond > 0 ? (passing.length / bytesPerSecond) * 1000 : 0
      later(Math.max(performance.now() + delayMs, lastDue) + takes, () => {
        if (pipe.isGarbled) return
        if (isLast) pipe.isGarbled = true
        if (!to.destroyed && !to.write(passing)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
        if (isLast) to.end(() => end(pipe))
      })
    })
    from.on('end', () => {
      if (isHalfOpen || dropped === way || dropped === 'both') return
      later(lastDue, () => to.end())
    })
    from.on('error', () => {
      if (!isHalfOpen) end(pipe)
    })
    // Kept until both sides are gone: half of a pipe is still a socket, and would keep the process.
    from.on('close', () => {
      if (from.destroyed && to.destroyed) pipes.delete(pipe)
      else if (!isHalfOpen && dropped === null && delayMs === 0 && bytesPerSecond === 0)
        later(lastDue, () => to.end(() => end(pipe)))
    })
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    accepted += 1
    if (isRefusing) return void client.resetAndDestroy()
    const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const pipe: Pipe = { client, server: upstream, isGarbled: false }
    pipes.add(pipe)
    flow(pipe, client, upstream, 'up')
    flow(pipe, upstream, client, 'down')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as { port: number }

  return {
    port,
    url: `esdb://127.0.0.1:${port}?tls=false`,
    delay: (ms) => {
      delayMs = ms
    },
    trickle: (rate) => {
      bytesPerSecond = rate
    },
    drop: (way = 'both') => {
      dropped = way
    },
    halfOpen: () => {
      isHalfOpen = true
    },
    reset: resetAll,
    refuse: () => {
      isRefusing = true
    },
    cutAfter: (bytes, way = 'down') => {
      cut = { left: bytes, way }
    },
    onBytes: (next) => {
      listener = next
    },
    heal: () => {
      delayMs = 0
      bytesPerSecond = 0
      dropped = null
      isHalfOpen = false
      isRefusing = false
      cut = null
      for (const pipe of [...pipes]) if (pipe.isGarbled) end(pipe)
    },
    retarget: (next) => {
      target = next
    },
    connections: () => accepted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        resetAll()
      }),
  }
}
