// The axis of a room's time: a lane for each kind of event, drawn from counts, so that it costs the same for any room.
import { html, svg } from 'lit'
import { KINDS, kindOf } from './parts.js'

const LANES = ['people', 'words', 'moderation', 'refusals']
const HEIGHT = 20

/** How many events of each kind each bucket has. */
const byKind = ({ buckets }) => {
  const lanes = Object.fromEntries(LANES.map((kind) => [kind, new Map()]))
  for (const { bucket, counts } of buckets)
    for (const [type, many] of Object.entries(counts)) {
      const lane = lanes[kindOf(type)]
      lane?.set(bucket, (lane.get(bucket) ?? 0) + many)
    }
  return lanes
}
const lane = (counts, kind, at) => {
  const most = Math.max(1, ...counts.values())
  let path = ''
  for (const [bucket, many] of counts) {
    const tall = Math.max(2, (HEIGHT - 3) * Math.sqrt(many / most))
    path += `M${bucket},${at + HEIGHT - 1}v${-tall}h1v${tall}z`
  }
  return svg`<path class="bars ${kind}" d=${path}></path><line x1="0" x2="100%" y1=${at + HEIGHT - 0.5} y2=${at + HEIGHT - 0.5}></line>`
}

/** `t`: milliseconds. `go`: called with the moment that was clicked, in milliseconds. */
export const axis = (counts, t, go) => {
  const first = Date.parse(counts.from)
  const buckets = Math.max(1, Math.ceil((Date.parse(counts.to) - first + 1) / counts.width_ms))
  const lanes = byKind(counts)
  const at = (t - first) / counts.width_ms
  const point = (event) => {
    if (event.type === 'pointermove' && event.buttons !== 1) return
    const box = event.currentTarget.getBoundingClientRect()
    const part = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width))
    go(first + part * buckets * counts.width_ms)
  }
  const sum = (kind) => [...lanes[kind].values()].reduce((all, many) => all + many, 0)
  return html`<div class="axis"><div class="lanes">${LANES.map((kind) => html`<span class="kind ${kind}">${KINDS[kind].label} <b>${sum(kind).toLocaleString()}</b></span>`)}</div>
    <svg viewBox="0 0 ${buckets} ${HEIGHT * LANES.length}" preserveAspectRatio="none" aria-hidden="true" @pointerdown=${point} @pointermove=${point}>
      ${LANES.map((kind, i) => lane(lanes[kind], kind, i * HEIGHT))}
      <line class="now" x1=${at} x2=${at} y1="0" y2=${HEIGHT * LANES.length}></line></svg></div>`
}
