/** What the bench tells: no figure is made of nothing, and its part of a page takes the place of the one before. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chartInSvg } from './charts.ts'
import { chatAt, type JoinedRooms } from './chat.ts'
import type { BenchClient } from './client.ts'
import { partInWords, withPart } from './page.ts'
import { spreadOf, told } from './spread.ts'

const test = suite('what the bench tells')

test('given no measurements, then it says so, and draws nothing', () => {
  assert.is(told(spreadOf([])), 'not measured')
  assert.is(told(spreadOf([Number.NaN])), 'not measured')
  assert.is(chartInSvg({ title: '', x: '', y: '', series: [{ name: 'here', points: [] }] }), null)
})

test('given several runs, then the median is reported, with the lowest and the highest', () => {
  assert.is(told(spreadOf([3, 1, 2])), '2.0 (1.0–3.0) ms')
  assert.is(told(spreadOf([2]), 'µs', 0), '2 µs')
})

test('given a chart, then each series and each goal is named in it', () => {
  const svg = chartInSvg({
    title: 'chat <here>',
    x: 'a second',
    y: 'ms',
    isLogX: true,
    goals: [{ name: 'goal', y: 5 }],
    series: [
      {
        name: 'p50',
        points: [
          { x: 10, y: 1 },
          { x: 1_000, y: 4, low: 3, high: 6 },
        ],
      },
    ],
  })
  for (const words of ['chat &lt;here&gt;', 'goal', 'p50 4', '<polyline'])
    assert.ok(svg?.includes(words), words)
  assert.not(svg?.includes('NaN'))
})

/** A room whose members hear all that is said, or nothing. */
const roomThatHears = (hears: () => boolean): JoinedRooms => {
  const clients: BenchClient[] = Array.from({ length: 3 }, (_, i) => ({
    id: String(i),
    onPacket: null,
    closed: false,
    close: () => {},
    emit: (_event, payload, ack) => {
      ack?.({ ok: true })
      const { content } = payload as { content: string }
      if (hears())
        for (const client of clients) client.onPacket?.(`42["chat-message",{"content":"${content}"}]`)
    },
  }))
  return { rooms: [clients], close: () => {} }
}

test('given no messages to send, then nothing is measured, since no message has no latency', async () => {
  let refused = ''
  await chatAt(
    roomThatHears(() => true),
    0,
    10,
  ).catch((error) => {
    refused = error.message
  })
  assert.match(refused, /are none/)
})

test('given a part that was there, then the new one replaces it, and everything around it stays', () => {
  const page = '# Performance\n\nBy hand.\n\n<!-- bench chat -->\nold\n<!-- end chat -->\n\nAfter it.\n'
  assert.is(
    withPart(page, 'chat', 'new'),
    '# Performance\n\nBy hand.\n\n<!-- bench chat -->\nnew\n<!-- end chat -->\n\nAfter it.\n',
  )
  assert.match(withPart(page, 'scale', 'grown'), /After it\.\n\n## scale\n\n<!-- bench scale -->\ngrown\n/)
})

test('given a part, then it has the command, the noise, the table with what limits a goal that is missed, and the charts', () => {
  const words = partInWords({
    section: 'chat',
    rows: [
      { what: 'a | b', ours: '1 ms', beside: '2 ms', goal: '< 3 ms', met: true, limit: 'not needed' },
      { what: 'c', ours: '4 ms', beside: '2 ms', goal: '< 3 ms', met: false, limit: 'the disk takes 4 ms' },
    ],
    notes: ['Why.'],
    charts: { p50: '<svg/>' },
    noise: { others: 0.1, late: { p50: 0, p99: 1 }, sync: { p50: 2, p99: 3 } },
    kernel: { cores: 0.07, busiest: { name: 'kdamond.0', cores: 0.05 } },
    at: '2026-01-02T03:04:05Z',
  })
  for (const part of [
    'npm run bench -- chat',
    'others use 0.10',
    '(kdamond.0 0.05)',
    '| a \\| b | 1 ms | 2 ms | < 3 ms | met |',
    '| c | 4 ms | 2 ms | < 3 ms | missed: the disk takes 4 ms |',
    '![p50](performance/chat-p50.svg)',
    'Why.',
  ])
    assert.ok(words.includes(part), part)
})

test.run()
