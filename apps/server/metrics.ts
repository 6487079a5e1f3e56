/** Counters and timings of the parts, made when first named, and what is read off the process when it is asked. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

type Labels = Readonly<Record<string, string>>
export type PartMetrics = {
  readonly count: (name: string, value: number, labels?: Labels) => void
  readonly observe: (name: string, value: number, labels?: Labels) => void
}
export type Metrics = {
  readonly registry: Registry
  readonly parts: PartMetrics
  /** A number that is asked for at each scrape. */
  readonly gauge: (name: string, help: string, read: () => number | Promise<number>) => void
}

/** From 0.1 ms to 10 s, or counts of the same range. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000]
const wordsOf = (name: string) => name.replaceAll('_', ' ')

export const createMetrics = (nodeId: string): Metrics => {
  const registry = new Registry()
  registry.setDefaultLabels({ node: nodeId })
  collectDefaultMetrics({ register: registry })
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, Histogram>()
  return {
    registry,
    parts: {
      count: (name, value, labels = {}) => {
        let counter = counters.get(name)
        if (counter === undefined) {
          const labelNames = Object.keys(labels)
          const suffixed = name.endsWith('_total') ? name : `${name}_total`
          counter = new Counter({ name: suffixed, help: wordsOf(name), labelNames, registers: [registry] })
          counters.set(name, counter)
        }
        counter.inc(labels, value)
      },
      observe: (name, value, labels = {}) => {
        let histogram = histograms.get(name)
        if (histogram === undefined) {
          const labelNames = Object.keys(labels)
          histogram = new Histogram({
            name,
            help: wordsOf(name),
            labelNames,
            buckets: BUCKETS,
            registers: [registry],
          })
          histograms.set(name, histogram)
        }
        histogram.observe(labels, value)
      },
    },
    gauge: (name, help, read) => {
      new Gauge({
        name,
        help,
        registers: [registry],
        async collect() {
          this.set(await read())
        },
      })
    },
  }
}
