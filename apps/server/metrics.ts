/** Counters and timings of the parts, created when first used (with the prefix `presence_` if it is missing), and
 *  values that are read from the process at each scrape. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { waitAtMost } from '../../adapters/wait-at-most.ts'

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
  await waitAtMost(
    SOON_MS,
    asked.catch(() => {}),
  )
  return told
}

/** What is kept for each combination of labels. */
const byLabels = <A>(make: (labels: Labels) => A) => {
  const made = new Map<string, A>()
  return {
    of: (labels: Labels): A => {
      let key = ''
      for (const name in labels) key += `${labels[name]}\n`
      const known = made.get(key)
      if (known !== undefined) return known
      const one = make(labels)
      made.set(key, one)
      return one
    },
    all: (): Iterable<A> => made.values(),
  }
}

/** Added up here and passed on at a scrape: prom-client takes a microsecond or several for each call, of which a message
 *  makes five. */
const summedCounter = (name: string, labelNames: string[], registry: Registry) => {
  const sums = byLabels((labels) => ({ labels, value: 0 }))
  new Counter({
    name,
    help: wordsOf(name.replace(/^presence_|_total$/g, '')),
    labelNames,
    registers: [registry],
    collect() {
      for (const sum of sums.all()) {
        this.inc(sum.labels, sum.value)
        sum.value = 0
      }
    },
  })
  return (labels: Labels, value: number): void => {
    sums.of(labels).value += value
  }
}

/** This many are passed on at once, or fewer at a scrape. */
const OBSERVED_TOGETHER = 200
/** `unit`: how many of what is observed make one of what is shown. */
const gatheredHistogram = (
  name: string,
  unit: number,
  { labelNames, registry }: { readonly labelNames: string[]; readonly registry: Registry },
) => {
  const gathered = byLabels((labels) => ({ labels, values: [] as number[] }))
  const pass = ({ labels, values }: { readonly labels: Labels; readonly values: number[] }): void => {
    for (const value of values.splice(0)) histogram.observe(labels, value / unit)
  }
  const histogram = new Histogram({
    name,
    help: wordsOf(name.replace(/^presence_/, '')),
    labelNames,
    buckets: BUCKETS.map((bucket) => bucket / unit),
    registers: [registry],
    collect() {
      for (const one of gathered.all()) pass(one)
    },
  })
  return (labels: Labels, value: number): void => {
    const one = gathered.of(labels)
    if (one.values.push(value) >= OBSERVED_TOGETHER) pass(one)
  }
}

export const createMetrics = (nodeId: string): MetricsRegistry => {
  const registry = new Registry()
  registry.setDefaultLabels({ node: nodeId })
  collectDefaultMetrics({ register: registry })
  type Part = (labels: Labels, value: number) => void
  const counters = new Map<string, Part>()
  const histograms = new Map<string, Part>()
  return {
    registry,
    parts: {
      count: (name, value, labels = {}) => {
        let count = counters.get(name)
        if (count === undefined) {
          const suffixed = name.endsWith('_total') ? name : `${name}_total`
          count = summedCounter(prefixed(suffixed), Object.keys(labels), registry)
          counters.set(name, count)
        }
        count(labels, value)
      },
      observe: (name, value, labels = {}) => {
        let observe = histograms.get(name)
        if (observe === undefined) {
          // Prometheus counts time in seconds.
          const unit = name.endsWith('_ms') ? 1_000 : 1
          const labelNames = Object.keys(labels)
          observe = gatheredHistogram(prefixed(name.replace(/_ms$/, '_seconds')), unit, {
            labelNames,
            registry,
          })
          histograms.set(name, observe)
        }
        observe(labels, value)
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
