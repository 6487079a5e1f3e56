/** Reads files from others: their lines, gzipped or not, with or without a byte-order mark, and never more than fits. */
import { createReadStream, type ReadStream, readFileSync } from 'node:fs'
import type { Transform } from 'node:stream'
import { createGunzip } from 'node:zlib'

/** A file that can't be read as such a text; the message is a sentence. */
export class UnreadableFile extends Error {
  override readonly name = 'UnreadableFile'
}

export type FileLimits = {
  /** The most bytes of the whole text, unpacked. */
  readonly maxBytes?: number
  /** The most bytes of a line. */
  readonly maxLineBytes?: number
}

/** Records become some 10 times smaller when gzipped, and very repetitive ones 100 times; a file that expands more than
 *  this is made to fill a memory. */
const MAX_RATIO = 200
/** How much may come out of any file, however small it is. */
const FREE_BYTES = 8 * 1024 * 1024
/** The longest line: a log's largest event has some 16 MB. */
const MAX_LINE_BYTES = 64 * 1024 * 1024
const NEWLINE = 10

const isGzip = (head: Buffer): boolean => head[0] === 0x1f && head[1] === 0x8b

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be'
/** The encoding that a text's first bytes indicate, and the length of the mark. */
const encodingOf = (head: Buffer): { readonly encoding: Encoding; readonly mark: number } => {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { encoding: 'utf-8', mark: 3 }
  if (head[0] === 0xff && head[1] === 0xfe) return { encoding: 'utf-16le', mark: 2 }
  if (head[0] === 0xfe && head[1] === 0xff) return { encoding: 'utf-16be', mark: 2 }
  return { encoding: 'utf-8', mark: 0 }
}

/** Turns a text in any of the three encodings into chunks of UTF-8 without a mark. */
async function* withoutMark(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let head: Buffer = Buffer.alloc(0)
  let decoder: InstanceType<typeof TextDecoder> | null = null
  let isBegun = false
  const begin = (): Buffer => {
    const { encoding, mark } = encodingOf(head)
    decoder = encoding === 'utf-8' ? null : new TextDecoder(encoding)
    isBegun = true
    return head.subarray(mark)
  }
  const asUtf8 = (bytes: Buffer): Buffer =>
    decoder === null ? bytes : Buffer.from(decoder.decode(bytes, { stream: true }))
  for await (const chunk of chunks) {
    if (isBegun) {
      yield asUtf8(chunk)
      continue
    }
    head = Buffer.concat([head, chunk])
    if (head.length >= 3) yield asUtf8(begin())
  }
  if (!isBegun) yield asUtf8(begin())
}

/** The first bytes, without consuming them. Rejects if the file can't be opened. */
const peek = (source: ReadStream): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    source.once('error', reject)
    source.once('end', () => resolve(Buffer.alloc(0)))
    source.once('readable', () => {
      const first = source.read() as Buffer | null
      if (first === null) return
      source.unshift(first)
      resolve(first)
    })
  })

/** An error for zlib's, with a sentence. */
const unpackError = (file: string, error: unknown): unknown => {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (!code.startsWith('Z_')) return error
  return new UnreadableFile(
    code === 'Z_BUF_ERROR' ? `${file} ends in the middle.` : `${file} can’t be unpacked: ${message}.`,
  )
}

/** A whole file, unpacked; throws `UnreadableFile` as soon as more comes out than from any real record. */
async function* unpacked(file: string, { maxBytes = Number.POSITIVE_INFINITY }: FileLimits) {
  const source = createReadStream(file, { highWaterMark: 1 << 18 })
  let unpack: Transform | null = null
  try {
    if (isGzip(await peek(source))) {
      unpack = createGunzip()
      source.once('error', (error) => unpack?.destroy(error))
      source.pipe(unpack)
    }
    let out = 0
    for await (const chunk of (unpack ?? source) as AsyncIterable<Buffer>) {
      out += chunk.length
      if (out > maxBytes) throw new UnreadableFile(`${file} has more than ${maxBytes} bytes of text.`)
      if (unpack !== null && out > FREE_BYTES && out > source.bytesRead * MAX_RATIO)
        throw new UnreadableFile(
          `${file} unpacks to more than ${MAX_RATIO} times its size, which no record does: it is not read.`,
        )
      yield chunk
    }
  } catch (error) {
    throw unpackError(file, error)
  } finally {
    source.destroy()
    unpack?.destroy()
  }
}

/** The bytes between line feeds, in UTF-8, and at last what follows the last one. Throws `UnreadableFile`, and the
 *  system's error if a file can't be opened. */
export async function* linesOf(file: string, limits: FileLimits = {}): AsyncGenerator<Buffer, void> {
  const { maxLineBytes = MAX_LINE_BYTES } = limits
  let rest: Buffer[] = []
  let length = 0
  const put = (part: Buffer): void => {
    rest.push(part)
    length += part.length
    if (length > maxLineBytes)
      throw new UnreadableFile(`${file} has a line of more than ${maxLineBytes} bytes.`)
  }
  for await (const chunk of withoutMark(unpacked(file, limits))) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      put(chunk.subarray(from, at))
      yield Buffer.concat(rest)
      rest = []
      length = 0
      from = at + 1
    }
    put(Buffer.from(chunk.subarray(from)))
  }
  yield Buffer.concat(rest)
}

/** The same as text, without the carriage returns of Windows. */
export async function* textLinesOf(file: string, limits: FileLimits = {}): AsyncGenerator<string, void> {
  for await (const bytes of linesOf(file, limits)) {
    const line = bytes.toString('utf8')
    yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
}

/** Reads a whole file into memory, at most `maxBytes`. */
export const readTextFile = async (file: string, maxBytes: number): Promise<string> => {
  const chunks: Buffer[] = []
  for await (const chunk of withoutMark(unpacked(file, { maxBytes }))) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** Reads a small file synchronously, such as one of keys. */
export const readSmallFile = (file: string): string => {
  const bytes = readFileSync(file)
  const { encoding, mark } = encodingOf(bytes)
  return new TextDecoder(encoding).decode(bytes.subarray(mark))
}
