// The events around a moment, found by counts: the span before, the one with it, the one after, however long the room is.
import { api, lines, query, spacePath } from './api.js'

/** More than these are not shown at once: the span is looked into more finely first. */
const MOST = 1_200
/** As many on each side fill a list. */
const ENOUGH = 15
const iso = (ms) => new Date(ms).toISOString()

export const countsOf = (space, { from, to, buckets = 240 } = {}) =>
  api(`${spacePath(space)}/audit/counts${query({ from: from && iso(from), to: to && iso(to), buckets })}`)

const total = (some) => some.reduce((all, { counts }) => Object.values(counts).reduce((sum, many) => sum + many, all), 0)

/** At least the spans before and after, and as many more as make a list. */
const spanOf = (buckets, at) => {
  let [low, high] = [Math.max(0, at - 1), Math.min(buckets.length - 1, at + 1)]
  const many = () => total(buckets.slice(low, high + 1))
  while (low > 0 && many() < ENOUGH) low -= 1
  while (high < buckets.length - 1 && many() < 2 * ENOUGH) high += 1
  return { low, high }
}

/** `{ from, to, events }`: ms, and the events as a replay tells them. `isFirst`, `isLast`: nothing is before, after. */
export const eventsAround = async (space, counts, t, depth = 0) => {
  const { width_ms, buckets } = counts
  if (buckets.length === 0) return { events: [], isFirst: true, isLast: true }
  const begin = Date.parse(counts.from)
  const here = Math.floor((t - begin) / width_ms)
  const next = buckets.findIndex(({ bucket }) => bucket > here)
  const at = Math.max(0, (next === -1 ? buckets.length : next) - 1)
  const { low, high } = spanOf(buckets, at)
  const some = buckets.slice(low, high + 1)
  const from = begin + some[0].bucket * width_ms
  const to = begin + (some.at(-1).bucket + 1) * width_ms
  if (total(some) > MOST && width_ms > 1 && depth < 4)
    return eventsAround(space, await countsOf(space, { from, to, buckets: 500 }), t, depth + 1)
  const events = []
  const path = `${spacePath(space)}/replay${query({ from: iso(from), to: iso(to) })}`
  for await (const event of lines(path, { most: MOST * 2 })) events.push(event)
  return { from, to, events, isFirst: low === 0 && depth === 0, isLast: high === buckets.length - 1 && depth === 0 }
}
