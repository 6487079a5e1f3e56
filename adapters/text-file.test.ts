/** Files that a user names: with or without a byte order mark, compressed or not, and never read beyond the limit. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { linesOf, readSmallFile, readTextFile, textLinesOf, UnreadableFile } from './text-file.ts'

const test = suite('files that somebody gives')
const folder = await mkdtemp(join(tmpdir(), 'text-file-'))
const file = join(folder, 'file')
const MARK = Buffer.from([0xef, 0xbb, 0xbf])
const TEXT = '{"é":1}\nsecond 🎉\n'

const linesIn = async (bytes: Buffer): Promise<ReadonlyArray<string>> => {
  await writeFile(file, bytes)
  const lines: string[] = []
  for await (const line of textLinesOf(file)) lines.push(line)
  return lines
}
const bigEndian = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()

test('given a text in each encoding, with its byte-order mark or without, compressed or not, then the lines are the same', async () => {
  const same = ['{"é":1}', 'second 🎉', '']
  const texts: ReadonlyArray<Buffer> = [
    Buffer.from(TEXT),
    Buffer.concat([MARK, Buffer.from(TEXT)]),
    Buffer.from(`\ufeff${TEXT}`, 'utf16le'),
    bigEndian(TEXT),
    Buffer.from(TEXT.replaceAll('\n', '\r\n')),
  ]
  for (const text of texts) {
    assert.equal(await linesIn(text), same)
    assert.equal(await linesIn(gzipSync(text)), same)
  }
  await writeFile(file, texts[1]!)
  assert.is(await readTextFile(file, 1_000), TEXT)
  assert.is(readSmallFile(file), TEXT)
  await writeFile(file, texts[2]!)
  assert.is(readSmallFile(file), TEXT)
})

test('given an empty file, or one with only a mark, then there is one empty line', async () => {
  for (const bytes of [Buffer.alloc(0), MARK, gzipSync(''), Buffer.from([0xff, 0xfe])])
    assert.equal(await linesIn(bytes), [''])
  assert.equal(await linesIn(Buffer.from('x')), ['x'])
})

const refusal = async (read: () => AsyncIterable<unknown>): Promise<string> => {
  try {
    for await (const _ of read());
  } catch (error) {
    assert.instance(error, UnreadableFile)
    return (error as Error).message
  }
  return 'read to its end'
}

test('given a gzip bomb of one line, of many, or after a good beginning, then it is refused before it has expanded', async () => {
  const zeros = Buffer.alloc(24 * 1024 * 1024)
  const bombs = [zeros, Buffer.alloc(zeros.length, '{"a":1}\n'), Buffer.concat([Buffer.from(TEXT), zeros])]
  for (const bomb of bombs) {
    await writeFile(file, gzipSync(bomb))
    assert.match(await refusal(() => linesOf(file)), 'times its size')
  }
})

test('given an endless line, a file that is too large, or one that was truncated, then it is refused', async () => {
  await writeFile(file, Buffer.alloc(3_000, 'x'))
  assert.match(await refusal(() => linesOf(file, { maxLineBytes: 1_000 })), 'a line of more than 1000')
  assert.match(await refusal(() => linesOf(file, { maxBytes: 1_000 })), 'more than 1000 bytes')
  const packed = gzipSync(Buffer.from(TEXT.repeat(1_000)))
  await writeFile(file, packed.subarray(0, packed.length - 12))
  assert.match(await refusal(() => linesOf(file)), 'ends in the middle')
})

test('given no file, or a folder, then the system’s error is thrown', async () => {
  for (const [path, code] of [
    [join(folder, 'none'), 'ENOENT'],
    [folder, 'EISDIR'],
  ] as const)
    try {
      for await (const _ of linesOf(path));
      assert.unreachable()
    } catch (error) {
      assert.is((error as NodeJS.ErrnoException).code, code)
    }
})

test.after(() => rm(folder, { recursive: true }))
test.run()
