import type { Profiler } from 'node:inspector'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { flameInSvg } from './flame.ts'
import { partsOf } from './flame-parts.ts'

const flames = suite('flame charts')

const node = (
  id: number,
  functionName: string,
  url: string,
  children: number[] = [],
): Profiler.ProfileNode => ({
  id,
  callFrame: { functionName, url, scriptId: '0', lineNumber: 0, columnNumber: 0 },
  children,
})

/** 300 µs in `send`, of which 200 in a write; 100 µs of garbage collection; the rest idle, or the profile's own. */
const profile: Profiler.Profile = {
  nodes: [
    node(1, '(root)', '', [2, 3, 5, 6]),
    node(2, '(idle)', ''),
    node(3, 'send<A & B>', 'file:///somewhere/adapters/sockets/sending.ts', [4]),
    node(4, '', 'file:///somewhere/node_modules/ws/lib/sender.js'),
    node(5, '(garbage collector)', ''),
    node(6, 'toggle', 'file:///somewhere/infra/bench/flame-hook.ts'),
  ],
  startTime: 0,
  endTime: 11_400,
  samples: [6, 2, 3, 4, 5],
  timeDeltas: [1_000, 10_000, 100, 200, 100],
}

flames(
  'given a profile, when it is drawn, then each function is as wide as its share of the busy time',
  () => {
    const svg = flameInSvg('a server', profile, 400)!
    assert.match(svg, 'send&lt;A &amp; B&gt; adapters/sockets/sending.ts: 75.0 %, 300 µs')
    assert.match(svg, '(anonymous) ws/lib/sender.js: 50.0 %, 200 µs')
    assert.match(svg, '(garbage collector) : 25.0 %, 100 µs')
    assert.not.match(svg, '(idle)')
    assert.not.match(svg, 'toggle')
    assert.not.match(svg, 'somewhere')
  },
)

flames(
  'given a profile, when it is told by parts, then each function counts for the nearest caller that has one',
  () => {
    const append = 'file:///somewhere/adapters/eventstore/appends.ts'
    const parts = partsOf(
      {
        nodes: [
          node(1, '(root)', '', [2, 5, 8]),
          node(2, 'send', 'file:///somewhere/adapters/sockets/sending.ts', [3, 4]),
          node(3, 'writeBuffer', ''),
          node(4, 'seal', 'file:///somewhere/adapters/privacy/sealed-log.ts', [9]),
          node(5, 'decide', 'file:///somewhere/domain/chat/decide.ts', [6]),
          node(6, 'append', append, [7]),
          node(7, 'writev', ''),
          node(8, '(idle)', ''),
          node(9, 'randomFill', 'node:internal/crypto/random'),
        ],
        startTime: 0,
        endTime: 1_000,
        samples: [3, 9, 5, 7, 8],
        timeDeltas: [400, 300, 200, 100, 9_000],
      },
      2_000,
    )
    assert.equal(parts, [
      ['writing to sockets (system calls)', 800],
      ['sealing', 600],
      ['the command path: queue, decision, fold, limits', 400],
      ['the log’s client: gRPC, HTTP/2, protobuf', 200],
    ])
  },
)

flames('given a server that did nothing, then there is nothing to draw', () => {
  assert.is(flameInSvg('a server', { ...profile, samples: [2], timeDeltas: [10_000] }, 0), null)
})

flames.run()
