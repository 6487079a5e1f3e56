// The events around a moment, found by counts: those of the time span before, the one that contains it, and the one
// after, however long the room's record is.
import { api, lines, query, spacePath } from './api.js'

/** The most events that are shown at once: a span with more is divided first. */
const MOST = 300
/** This many on each side fill a list. */
const ENOUGH = 15
const iso = (ms) => new Date(ms).toISOString()

export const countsOf = (space, { from, to, buckets = 240 } = {}) =>
  api(`${spacePath(space)}/audit/counts${query({ from: from && iso(from), to: to && iso(to), buckets })}`)

const total = (some) => some.reduce((all, { counts }) => Object.values(counts).reduce((sum, many) => sum + many, all), 0)

/** At least one span before and one after, and more until they fill a list. */
const spanOf = (buckets, at) => {
  let [low, high] = [Math.max(0, at - 1), Math.min(buckets.length - 1, at + 1)]
  const many = () => total(buckets.slice(low, high + 1))
  while (low > 0 && many() < ENOUGH) low -= 1
  while (high < buckets.length - 1 && many() < 2 * ENOUGH) high += 1
  return { low, high }
}

/** Returns `{ from, to, events }`: milliseconds, and the events in a replay's form. `isFirst`, `isLast`: nothing is
 *  before, or after, these events. */
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
