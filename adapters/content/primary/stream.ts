/** The stream of a primary's changes from a slot: changes are taken in batches, and acknowledged once they are stored here. */
import type pg from 'pg'
import { createDecoder, type Lsn, lsnText, millisecondsOf, type ReplicationMessage } from './pgoutput.ts'

type Wire = {
  readonly stream: { pause(): void; resume(): void; destroy(): void }
  on(event: 'copyData', heard: (message: { readonly chunk: Buffer }) => void): void
  once(event: 'replicationStart', heard: () => void): void
  sendCopyFromChunk(chunk: Buffer): void
}

export type ChangeStream = {
  /** What came since the last call. Waits for something, at most this many milliseconds. Throws once the connection is lost. */
  readonly next: (ms: number) => Promise<ReadonlyArray<ReplicationMessage>>
  /** Whether no messages wait here. */
  readonly isEmpty: () => boolean
  /** Tells the primary that everything before this is stored here, so that it may discard it. */
  readonly acknowledge: (upTo: Lsn) => void
  /** When the primary last sent anything, and up to where it last said that it had sent everything. */
  readonly heard: () => { readonly at: number; readonly end: Lsn }
  readonly close: () => void
}

/** How many messages may wait here; more than that wait on the wire. */
const MAX_WAITING = 20_000
const STATUS_MS = 2_000
/** A primary that does not answer for this long counts as gone. */
const SILENT_MS = 15_000

const statusOf = (upTo: Lsn): Buffer => {
  const status = Buffer.alloc(34)
  status[0] = 0x72
  for (const at of [1, 9, 17]) status.writeBigUInt64BE(upTo, at)
  status.writeBigInt64BE(BigInt(Date.now() - millisecondsOf(0n)) * 1_000n, 25)
  // Asks for a reply at once, so that a dead connection can be told from a quiet one.
  status[33] = 1
  return status
}

/** `client` is a replication connection, which is ended with the stream. Rejects if the primary refuses. */
export const startStream = async (
  client: pg.Client,
  options: { readonly slot: string; readonly publication: string; readonly from: Lsn },
): Promise<ChangeStream> => {
  const wire = (client as unknown as { readonly connection: Wire }).connection
  const decode = createDecoder()
  let waiting: ReplicationMessage[] = []
  let wake: () => void = () => {}
  let failure: Error | null = null
  let safe = options.from
  let heard = { at: Date.now(), end: options.from }

  const fail = (error: Error): void => {
    failure ??= error
    wake()
  }
  client.on('error', fail)
  client.on('end', () => fail(new Error('the primary closed the line')))
  wire.on('copyData', ({ chunk }) => {
    try {
      if (chunk[0] !== 0x77) {
        heard = { at: Date.now(), end: chunk.readBigUInt64BE(1) }
        return
      }
      heard = { ...heard, at: Date.now() }
      waiting.push(decode(chunk.subarray(25)))
      if (waiting.length >= MAX_WAITING) wire.stream.pause()
      wake()
    } catch (error) {
      fail(error as Error)
    }
  })
  const started = new Promise<void>((resolve, reject) => {
    wire.once('replicationStart', resolve)
    client
      .query(
        `START_REPLICATION SLOT "${options.slot}" LOGICAL ${lsnText(options.from)}
         (proto_version '1', publication_names '"${options.publication}"')`,
      )
      .then(
        () => fail(new Error('the primary ended the stream')),
        (error: Error) => {
          fail(error)
          reject(error)
        },
      )
  })
  await started
  const status = setInterval(() => {
    if (Date.now() - heard.at > SILENT_MS)
      fail(new Error(`the primary has said nothing for ${SILENT_MS / 1_000} s`))
    else wire.sendCopyFromChunk(statusOf(safe))
  }, STATUS_MS)
  status.unref()

  return {
    isEmpty: () => waiting.length === 0,
    next: async (ms) => {
      if (waiting.length === 0 && failure === null)
        await new Promise<void>((resolve) => {
          const late = setTimeout(resolve, ms)
          wake = () => {
            clearTimeout(late)
            resolve()
          }
        })
      if (failure !== null) throw failure
      const taken = waiting
      waiting = []
      wire.stream.resume()
      return taken
    },
    acknowledge: (upTo) => {
      safe = upTo
      if (failure === null) wire.sendCopyFromChunk(statusOf(safe))
    },
    heard: () => heard,
    close: () => {
      clearInterval(status)
      fail(new Error('closed here'))
      wire.stream.destroy()
    },
  }
}
