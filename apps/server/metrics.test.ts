/** The metrics are in the format that Prometheus reads: https://prometheus.io/docs/instrumenting/exposition_formats/. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createMetrics } from './metrics.ts'

const test = suite('metrics')

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/
type Family = { type: string; help: boolean; samples: Array<{ name: string; labels: string; value: number }> }

/** Parses the metric families, by name. Throws at a malformed line, or a line of no family. */
const parse = (text: string): Map<string, Family> => {
  const families = new Map<string, Family>()
  let now = ''
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') {
      assert.not.ok(families.has(name!), `${name} twice`)
      now = name!
      families.set(now, { type: '', help: true, samples: [] })
    } else if (kind === 'TYPE') {
      assert.is(name, now)
      families.get(now)!.type = rest!
    } else {
      const [, sample, labels = '', value] = SAMPLE.exec(line) ?? []
      assert.ok(sample, `no sample: ${line}`)
      const family = families.get(now)!
      const own = family.type === 'histogram' ? sample.replace(/_(bucket|sum|count)$/, '') : sample
      assert.is(own, now, line)
      const number =
        value === 'Nan' || value === 'NaN' ? Number.NaN : Number(value!.replace('+Inf', 'Infinity'))
      family.samples.push({ name: sample, labels, value: number })
    }
  }
  return families
}

test('each family has its type, counters end in _total, times are in seconds and all are the service’s', async () => {
  const metrics = createMetrics('node "1"\\')
  metrics.parts.count('commands', 2, { command: 'Ban\n"x"' })
  metrics.parts.count('commands', 1, { command: 'Ban\n"x"' })
  metrics.parts.count('presence_sockets_refused', 1, { reason: 'address' })
  metrics.parts.observe('commands_append_ms', 4, { kind: 'space' })
  metrics.parts.observe('commands_append_ms', 40, { kind: 'space' })
  metrics.parts.observe('commands_batch', 3)
  let appends = 5
  metrics.counter('presence_log_appends', 'appends so far', () => appends)
  metrics.gauge('presence_sockets', 'sockets', () => 7)
  await metrics.registry.metrics()
  appends = 6
  const families = parse(await metrics.registry.metrics())
  for (const [name, { type, samples }] of families) {
    if (/^(process|nodejs)_/.test(name)) continue
    assert.match(name, /^presence_[a-z_]+$/)
    assert.is(name.endsWith('_total'), type === 'counter', name)
    assert.not.match(name, /_ms$/)
    for (const { labels } of samples) assert.match(labels, 'node="node \\"1\\"\\\\"')
  }
  const value = (name: string) => families.get(name)!.samples.map((one) => one.value)
  assert.equal(value('presence_commands_total'), [3])
  assert.equal(value('presence_log_appends_total'), [6])
  assert.equal(value('presence_sockets'), [7])
  const append = families.get('presence_commands_append_seconds')!.samples
  const at = (le: string) => append.find(({ labels }) => labels.includes(`le="${le}"`))!.value
  assert.equal([at('0.0025'), at('0.005'), at('0.05'), at('+Inf')], [0, 1, 2, 2])
  assert.equal(append.find(({ name }) => name.endsWith('_sum'))!.value, 0.044)
  assert.is(families.get('presence_commands_batch')!.type, 'histogram')
})

test('given a part that says nothing, or fails, then the rest is reported, and the part’s value is not a number', async () => {
  const metrics = createMetrics('node-1')
  metrics.gauge('presence_parked_events', 'silent', () => new Promise(() => {}))
  metrics.gauge('presence_parked_streams', 'failed', () => Promise.reject(new Error('gone')))
  metrics.gauge('presence_sockets', 'sockets', () => 7)
  const families = parse(await metrics.registry.metrics())
  const [events, streams, sockets] = [
    'presence_parked_events',
    'presence_parked_streams',
    'presence_sockets',
  ].map((name) => families.get(name)!.samples[0]!.value)
  assert.ok(Number.isNaN(events) && Number.isNaN(streams))
  assert.is(sockets, 7)
})

test.run()
