/** docs/console.md says what the console weighs: WRITE_SIZES=1 writes its table. */
import { readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { consoleScript } from '../../apps/console/bundle.ts'

const test = suite('the console’s size')
const DOCS = new URL('../../docs/console.md', import.meta.url)
const page = (name: string): Buffer =>
  readFileSync(new URL(`../../apps/console/page/${name}`, import.meta.url))
/** How far the table may be off, as a fraction: so small a change need not be written down. */
const TOLERANCE = 0.01

/** Each file's name as the table has it, and its bytes: plain, with gzip, with brotli. */
const sizes = async () => {
  const { plain } = await consoleScript()
  return [
    ['console.js, with Lit', plain],
    ['console.css (sent uncompressed)', page('console.css')],
    ['console.html', page('console.html')],
  ].map(([name, bytes]) => {
    const all = [bytes as Buffer, gzipSync(bytes!), brotliCompressSync(bytes!)]
    return { name: String(name), bytes: all.map(({ length }) => length) }
  })
}
const told = (bytes: number): string => bytes.toLocaleString('en-US')

test('given the console’s files, then the table in docs/console.md has what they weigh, to a hundredth', async () => {
  let text = readFileSync(DOCS, 'utf8')
  for (const { name, bytes } of await sizes()) {
    const row = text.split('\n').find((line) => line.startsWith(`| ${name} |`))
    assert.ok(row !== undefined, `${name} has no row`)
    if (process.env.WRITE_SIZES === '1') {
      text = text.replace(row, `| ${name} | ${bytes.map(told).join(' | ')} |`)
      continue
    }
    const says = row
      .split('|')
      .slice(2, 5)
      .map((cell) => Number(cell.replaceAll(',', '')))
    for (const [n, is] of bytes.entries())
      assert.ok(
        Math.abs(is - says[n]!) <= TOLERANCE * is,
        `${name}: docs/console.md says ${told(says[n]!)}, and it is ${told(is)}. WRITE_SIZES=1 node infra/checks/console-size.test.ts writes it.`,
      )
  }
  if (process.env.WRITE_SIZES === '1') writeFileSync(DOCS, text)
})
test.run()
