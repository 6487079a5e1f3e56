/** A replay in the terminal: keys go in, pictures come out; the room is in memory. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { performWeek, ROOM } from '../../../infra/testing/week.ts'
import { createMoments } from '../../../projections/history/moments.ts'
import { createPlayer } from '../../../projections/history/replay.ts'
import { Misused } from '../command.ts'
import { plain, plainJson } from '../shown.ts'
import { printReplay, readAsked } from './replay.ts'
import { nextKey } from './replay-view/keys.ts'
import { fit } from './replay-view/screen.ts'
import { watch } from './replay-view/watch.ts'
import { readSpeed, readWhen } from './replay-view/when.ts'

const test = suite('presence audit replay')
const week = await performWeek(120)
await week.done()
const moments = createMoments(week.log)
const events = week.log.all().filter(({ stream }) => /^(space|chat|refusal)-/.test(stream))

test('given what a terminal sends, then the keys are recognised', () => {
  assert.equal(nextKey('\u001b[C ', false), { key: { kind: 'forward' }, length: 3 })
  assert.equal(nextKey('\u001b[D', true), { key: { kind: 'back' }, length: 3 })
  assert.equal(nextKey(' ', false), { key: { kind: 'pause' }, length: 1 })
  assert.equal(nextKey(' ', true), { key: { kind: 'text', text: ' ' }, length: 1 })
  assert.equal(nextKey('q', true), { key: { kind: 'text', text: 'q' }, length: 1 })
  assert.equal(nextKey('\u001b', true), { key: { kind: 'escape' }, length: 1 })
  assert.equal(nextKey('\u001b[15~', false), { key: null, length: 5 })
})

test('given words with control or wide characters, then a line remains one line of its width', () => {
  assert.is(plain('a\u001b[2Jb\r\nc\u202e'), 'a [2Jb  c ')
  assert.is(fit('日本語', 6), '日本語')
  assert.is(fit('日本語', 5), '日本…')
  assert.is(fit('日本語', 4), '日… ')
  assert.is(fit('ab', 4), 'ab  ')
  assert.is(fit('', 0), '')
})

test('given emoji of many parts, combining marks and characters without width, then a line is as wide as it is shown', () => {
  assert.is(fit('👩‍👩‍👧‍👦ab', 5), '👩‍👩‍👧‍👦ab ')
  assert.is(fit('🇩🇪x', 4), '🇩🇪x ')
  assert.is(fit('❤️x', 4), '❤️x ')
  assert.is(fit('e\u0301x', 4), 'e\u0301x  ')
  assert.is(fit('a\u200bb', 3), 'a\u200bb ')
  assert.is(fit('ｗｉ', 3), 'ｗ…')
})

test('given words with control characters, then their JSON has none, and is still the same value', () => {
  for (const words of ['a\u001b[2J', '\u009b31mred\u007f', '\u202eevil\u2066\u2028\u2029', 'plain 🎉 é']) {
    const json = plainJson(JSON.stringify({ words }))
    assert.equal(JSON.parse(json), { words })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.not.match(json, /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/)
  }
  assert.is(plainJson('{\n  "a": 1\n}'), '{\n  "a": 1\n}')
})

const isMisused = (error: unknown): boolean => error instanceof Misused

test('given times as people type them, then they are understood', () => {
  const time = (text: string, near?: string) => {
    const when = readWhen(text, near)
    return when?.kind === 'time' ? when.time.toISOString() : when
  }
  assert.is(time('2013-04-22T01:02:03Z'), '2013-04-22T01:02:03.000Z')
  assert.is(time('2013-04-22 01:02'), '2013-04-22T01:02:00.000Z')
  assert.is(time('2013-04-22'), '2013-04-22T00:00:00.000Z')
  assert.is(time('9:30', '2013-04-22T20:00:00Z'), '2013-04-22T09:30:00.000Z')
  assert.is(time('9:30'), null)
  assert.is(time('2013-13-45T00:00:00Z'), null)
  assert.equal(readWhen('123'), { kind: 'position', position: 123n })
  assert.equal([readSpeed('60x'), readSpeed('0.5'), readSpeed('0'), readSpeed('fast')], [60, 0.5, null, null])
  assert.throws(() => readAsked(['post:alice/my-post', '--speed', 'fast']), isMisused)
  assert.throws(() => readAsked([]), isMisused)
  assert.throws(() => readAsked(['post:alice']), isMisused)
  for (const [from, to] of [
    ['2013-04-22', '2013-04-21T23:59'],
    ['200', '100'],
  ])
    assert.throws(
      () => readAsked(['post:alice/my-post', '--from', from!, '--to', to!]),
      '--to is before --from.',
    )
})

test('given no terminal, then each event is a line', async () => {
  const lines: string[] = []
  const asked = { space: ROOM, from: null, to: null, speed: 1e6, plain: true, json: false }
  await printReplay(moments, asked, { out: (text) => void lines.push(text), err: () => {} })
  assert.is(lines.length, events.length)
  assert.match(lines[1]!, /alice set max_users to 1000/)
})

test('given keys, then the replay pauses, steps both ways, goes to a time, and ends', async () => {
  const player = await createPlayer(moments, ROOM)
  const written: string[] = []
  let hear = (_bytes: string): void => {}
  const done = watch(
    player,
    {
      write: (text) => void written.push(text),
      size: () => ({ columns: 100, rows: 30 }),
      onInput: (to) => {
        hear = to
        // Before anything is played.
        hear(' ')
      },
      onResize: () => {},
    },
    { speed: 1, end: null, start: null },
  )
  /** Types, and waits for the picture after it. */
  const type = async (keys: string): Promise<string> => {
    const before = written.length
    hear(keys)
    while (written.length === before) await new Promise((resolve) => setImmediate(resolve))
    return written.at(-1)!
  }
  assert.match(await type('\u001b[C\u001b[C\u001b[C'), /paused/)
  assert.is(player.moment().position, events[2]!.position)
  await type('\u001b[D')
  assert.is(player.moment().position, events[1]!.position)
  assert.match(await type('g'), /Go to/)
  assert.match(await type('nonsense\r'), /is no time/)
  await type(`g${events[40]!.position}\r`)
  assert.is(player.moment().position, events[40]!.position)
  assert.match(await type('+'), /2x/)
  await type(`g${events.at(-2)!.position}\r`)
  await type('\u001b[C')
  assert.match(await type('\u001b[C'), /at the end/)
  hear('q')
  await done
})

test.run()
