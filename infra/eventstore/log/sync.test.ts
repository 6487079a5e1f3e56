// test: alone
/** Who is told what before and after an event is on the disk. The test plays the disk, which answers when told to. */
import fs, { readlinkSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { temporaryDirectory } from '../testing/directory.ts'

const test = suite('the disk')

/** fsyncs that were asked for and not answered, by the file's name. */
const asked: Array<{ readonly file: string; readonly answer: (error: Error | null) => void }> = []
let onAsked: () => void = () => {}
fs.fdatasync = ((handle: number, answer: (error: Error | null) => void) => {
  asked.push({ file: readlinkSync(`/proc/self/fd/${handle}`).replace(/^.*\//, ''), answer })
  onAsked()
}) as typeof fs.fdatasync
let failing = false
fs.fdatasyncSync = () => {
  if (failing) throw new Error('EIO: i/o error')
}
syncBuiltinESMExports()
const { openStorage } = await import('./storage.ts')
const { EXPECT_ANY, EXPECT_NONE } = await import('../streams/append-request.ts')
const { createAppender } = await import('../streams/append.ts')
type Outcome = Parameters<Parameters<ReturnType<typeof createAppender>['append']>[0]['done']>[0]

/** The next fsync of that file. */
const fsyncOf = async (file: string) => {
  for (;;) {
    const at = asked.findIndex((one) => one.file === file)
    if (at >= 0) return asked.splice(at, 1)[0]!
    // The timer does not keep the process alive.
    const awake = setInterval(() => {}, 1000)
    await new Promise<void>((resolve) => {
      onAsked = resolve
    })
    clearInterval(awake)
  }
}
const LOG = 'events.db-wal'

const open = () => {
  const dir = temporaryDirectory('eventstore-disk-')
  const storage = openStorage(dir)
  const published: number[] = []
  const appender = createAppender(storage, (events) => {
    for (const { revision } of events) published.push(revision)
  })
  const append = (stream: string, count: number, expected = EXPECT_ANY, id?: string) => {
    const state: { outcome?: Outcome } = {}
    const answered = new Promise<Outcome>((done) =>
      appender.append({
        stream,
        expected,
        change: {
          kind: 'append',
          events: Array.from({ length: count }, () => ({
            id: id ?? crypto.randomUUID(),
            type: 'T',
            contentType: 'application/json',
            data: Buffer.from('{}'),
            metadata: new Uint8Array(0),
          })),
        },
        deadline: Number.POSITIVE_INFINITY,
        bytes: 100,
        done: (outcome) => {
          state.outcome = outcome
          done(outcome)
        },
      }),
    )
    return { state, answered }
  }
  return { dir, storage, appender, append, published }
}

test('given an append that is not on the disk, then nobody sees it, and then its writer and readers do', async () => {
  const { storage, append, published } = open()
  await append('few', 1).answered
  assert.is(storage.stream('few').last, 0, 'a small one is waited for')
  const first = append('many', 100)
  const fsync = await fsyncOf(LOG)
  const later = append('many', 100)
  const again = append('few', 1, EXPECT_NONE)
  while (storage.isSynced()) await new Promise((resolve) => setImmediate(resolve))
  assert.is(first.state.outcome, undefined)
  assert.is(storage.stream('many').last, -1)
  assert.is(storage.allForwards(0, 500).length, 1)
  assert.is(storage.allBackwards(Number.MAX_SAFE_INTEGER, 1).length, 1)
  assert.equal(published, [0])
  fsync.answer(null)
  assert.is((await first.answered).tag, 'appended')
  assert.is(storage.stream('many').last, 99)
  assert.is(storage.allForwards(0, 500).length, 101)
  assert.is(published.length, 101)
  assert.is(later.state.outcome, undefined, 'what came later waits for the next')
  const next = await fsyncOf(LOG)
  next.answer(null)
  assert.is((await later.answered).tag, 'appended')
  assert.is((await again.answered).tag, 'wrong-expected')
  assert.is(storage.stream('many').last, 199)
  storage.close()
})

test('given a repeat of an append that is not on the disk, then its answer waits for that too', async () => {
  const { storage, append } = open()
  const id = crypto.randomUUID()
  const big = append('a', 100)
  const fsync = await fsyncOf(LOG)
  const first = append('b', 1, EXPECT_NONE, id)
  await new Promise((resolve) => setTimeout(resolve, 10))
  const repeat = append('b', 1, EXPECT_NONE, id)
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.equal([first.state.outcome, repeat.state.outcome], [undefined, undefined])
  fsync.answer(null)
  await big.answered
  const next = await fsyncOf(LOG)
  assert.equal([first.state.outcome, repeat.state.outcome], [undefined, undefined])
  next.answer(null)
  assert.equal(await first.answered, await repeat.answered)
  storage.close()
})

test('given a disk that is full, then an append is said to be unwritten, and once there is room the next one is taken', async () => {
  const { storage, append, published } = open()
  await append('a', 1).answered
  storage.db.exec('PRAGMA max_page_count = 1')
  assert.equal(await append('a', 2_000).answered, { tag: 'full' })
  assert.is(storage.stream('a').last, 0)
  storage.db.exec('PRAGMA max_page_count = 1000000')
  const first = await append('a', 1, 0).answered
  assert.is(first.tag === 'appended' && first.revision, 1)
  assert.equal(published, [0, 1])
  storage.close()
})

test('given a disk that fails, then what it was given is not acknowledged, not seen, and nothing is taken any more', async () => {
  const { storage, append, published } = open()
  await append('a', 1).answered
  const lost = append('a', 100)
  ;(await fsyncOf(LOG)).answer(new Error('EIO: i/o error'))
  assert.is((await lost.answered).tag, 'failed')
  assert.is(storage.stream('a').last, 0)
  assert.is(storage.allForwards(0, 500).length, 1)
  assert.equal(published, [0])
  const outcome = await append('a', 1).answered
  assert.is(outcome.tag, 'failed')
  assert.match(outcome.tag === 'failed' ? outcome.cause : '', 'start the node again')
  // A later fsync may succeed: that says nothing about what was dropped.
  assert.throws(() => storage.syncNow(), 'start the node again')
  assert.is(storage.stream('a').last, 0)
  storage.close()
})

test('given a disk that fails a single append, then it is not acknowledged either', async () => {
  const { storage, append } = open()
  failing = true
  assert.is((await append('a', 1).answered).tag, 'failed')
  failing = false
  assert.is(storage.stream('a').last, -1)
  storage.close()
})

test('given appends, then how far was acknowledged is on the disk soon after, without a commit waiting for it', async () => {
  const { storage, append } = open()
  asked.length = 0
  for (let n = 0; n < 5; n += 1) assert.is((await append('a', 1).answered).tag, 'appended')
  const fsync = await fsyncOf('events.mark')
  assert.is(asked.length, 0, 'one for all of them')
  await append('a', 1).answered
  fsync.answer(null)
  ;(await fsyncOf('events.mark')).answer(null)
  storage.close()
})

test.run()
