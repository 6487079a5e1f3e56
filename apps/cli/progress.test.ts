import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { progressTo } from './progress.ts'

const test = suite('progress')
const started = (isTTY: boolean, columns = 80) => {
  const [drawn, told]: [string[], string[]] = [[], []]
  let now = 0
  const io = { out: () => {}, err: (text: string) => void told.push(text) }
  const progress = progressTo(io, { isTTY, columns, write: (text) => drawn.push(text) }, () => now)
  return {
    ...{ progress, drawn, told },
    after: (ms: number) => {
      now += ms
    },
  }
}

test('given a terminal, then one line with a bar is redrawn, and removed at the end', () => {
  const { progress, drawn, told, after } = started(true)
  progress.at({ what: 'copying', share: 0 })
  assert.equal(drawn, [], 'what is over at once shows nothing')
  after(100)
  progress.at({ what: 'copying', share: 0.5, more: '12 of 24 MB' })
  progress.at({ what: 'copying', share: 0.6 })
  after(100)
  progress.at({ what: 'checking' })
  progress.end()
  assert.equal(drawn, [
    '\r\x1b[K[############............] 50 % copying: 12 of 24 MB',
    '\r\x1b[Kchecking',
    '\r\x1b[K',
  ])
  assert.equal(told, [])
})

test('given no terminal, then there is a line every five seconds, without anything that moves the cursor', () => {
  const { progress, drawn, told, after } = started(false)
  for (let i = 0; i < 10; i += 1) {
    after(1_000)
    progress.at({ what: 'copying', share: i / 10 })
  }
  progress.end()
  assert.equal(told, ['40 % copying', '90 % copying'])
  assert.equal(drawn, [])
})

test('given a narrow terminal or an impossible share, then the line stays one line', () => {
  const { progress, drawn, after } = started(true, 40)
  after(100)
  progress.at({ what: 'comparing a table with a long name', share: Number.NaN, more: 'x'.repeat(100) })
  after(100)
  progress.at({ what: 'x', share: 7 })
  assert.is(drawn[0]?.length, '\r\x1b[K'.length + 39)
  assert.match(drawn[1] ?? '', '100 % x')
})

test.run()
