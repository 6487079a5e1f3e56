/** Counters and timings of the parts, created when first used (with the prefix `presence_` if it is missing), and
 *  values that are read from the process at each scrape. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { within } from '../../adapters/within.ts'

type Labels = Readonly<Record<string, string>>
export type PartMetrics = {
  readonly count: (name: string, value: number, labels?: Labels) => void
  readonly observe: (name: string, value: number, labels?: Labels) => void
}
export type MetricsRegistry = {
  readonly registry: Registry
  readonly parts: PartMetrics
  /** A number that is read at each scrape; NaN if it does not come within a second. */
  readonly gauge: (name: string, help: string, read: () => number | Promise<number>) => void
  /** A number that only grows, named `<name>_total`. */
  readonly counter: (name: string, help: string, read: () => number) => void
}

/** From 0.1 ms to 10 s, or counts in the same range. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000]
const wordsOf = (name: string) => name.replaceAll('_', ' ')
const prefixed = (name: string) => (name.startsWith('presence_') ? name : `presence_${name}`)

const SOON_MS = 1_000
/** Monitoring must get the rest if one part does not answer. */
const soon = async (value: number | Promise<number>): Promise<number> => {
  let told = Number.NaN
  const asked = (async () => {
    told = await value
  })()
  await within(
    SOON_MS,
    asked.catch(() => {}),
  )
  return told
}

export const createMetrics = (nodeId: string): MetricsRegistry => {
  const registry = new Registry()
  registry.setDefaultLabels({ node: nodeId })
  collectDefaultMetrics({ register: registry })
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, { readonly histogram: Histogram; readonly unit: number }>()
  return {
    registry,
    parts: {
      count: (name, value, labels = {}) => {
        let counter = counters.get(name)
        if (counter === undefined) {
          const labelNames = Object.keys(labels)
          const suffixed = name.endsWith('_total') ? name : `${name}_total`
          counter = new Counter({
            name: prefixed(suffixed),
            help: wordsOf(name),
            labelNames,
            registers: [registry],
          })
          counters.set(name, counter)
        }
        counter.inc(labels, value)
      },
      observe: (name, value, labels = {}) => {
        let made = histograms.get(name)
        if (made === undefined) {
          // Prometheus counts time in seconds.
          const unit = name.endsWith('_ms') ? 1_000 : 1
          const histogram = new Histogram({
            name: prefixed(name.replace(/_ms$/, '_seconds')),
            help: wordsOf(name.replace(/_ms$/, '_seconds')),
            labelNames: Object.keys(labels),
            buckets: BUCKETS.map((bucket) => bucket / unit),
            registers: [registry],
          })
          made = { histogram, unit }
          histograms.set(name, made)
        }
        made.histogram.observe(labels, value / made.unit)
      },
    },
    gauge: (name, help, read) => {
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          this.set(await soon(read()))
        },
      })
    },
    counter: (name, help, read) => {
      new Counter({
        name: `${name}_total`,
        help,
        registers: [registry],
        collect() {
          this.reset()
          this.inc(read())
        },
      })
    },
  }
}
