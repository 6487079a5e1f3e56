// A room's time: drag to any moment to see the room as it was, step from event to event, or let it play.
import { html, nothing } from 'lit'
import { api, lines, query, spacePath } from './api.js'
import { countsOf, eventsAround } from './around.js'
import { axis } from './axis.js'
import { kindOf, to, when } from './parts.js'
import { stood } from './stood.js'
import { problemBox, View } from './view.js'

const SPEEDS = [1, 10, 60, 600, 3600]
const SETTLED_MS = 250

class TimeView extends View {
  static properties = {
    ...View.properties,
    ...Object.fromEntries(['moment', 'around', 't', 'playing', 'trouble'].map((name) => [name, { state: true }])),
    space: {},
    at: {},
    generation: {},
  }
  static about = ['space', 'generation']
  constructor() {
    super()
    this.speed = 60
  }
  willUpdate(changes) {
    if (changes.has('space') || changes.has('generation')) Object.assign(this, { data: undefined, moment: null, around: null, hasSettled: false })
    super.willUpdate(changes)
    if (changes.has('at') && this.data && this.at) this.go(this.asked())
  }
  disconnectedCallback() {
    super.disconnectedCallback()
    clearTimeout(this.settling)
    this.pause()
  }
  asked() {
    return /^\d+$/.test(this.at) ? { position: this.at } : { time: this.at }
  }
  /** The moment does not wait for the counts: it is the one in the address, or now. */
  async load() {
    this.counting = countsOf(this.space)
    this.go(this.at ? this.asked() : { time: new Date().toISOString() })
    const counts = await this.counting
    this.all = counts
    return { counts }
  }
  /** Sends one request at a time, and the last one counts: dragging requests no more moments than are answered. */
  async go(wanted) {
    this.wanted = wanted
    if (wanted.time) this.t = Date.parse(wanted.time)
    if (this.going) return
    this.going = true
    while (this.wanted) {
      const asking = this.wanted
      this.wanted = null
      try {
        const moment = await api(`${spacePath(this.space)}/at${query(asking)}`)
        Object.assign(this, { moment, trouble: null })
        if (asking.position && !this.wanted && moment.time) this.t = Date.parse(moment.time)
        clearTimeout(this.settling)
        this.settling = setTimeout(() => this.settle(asking), this.hasSettled ? SETTLED_MS : 0)
      } catch (trouble) {
        this.trouble = trouble
        // Asked too often, or something is away: the server says when to ask again.
        if (!trouble.retry_after || !this.isConnected) continue
        await new Promise((resolve) => setTimeout(resolve, 1_000 * Math.min(trouble.retry_after, 5)))
        this.wanted ??= asking
      }
    }
    this.going = false
  }
  /** Once no other moment was wanted for a while: sets the address and loads the moment's neighbours. The next moment does not
   *  wait for them. */
  async settle(asked) {
    if (this.wanted || this.going || !this.isConnected) return
    // The first moment may come before the counts.
    const all = await this.counting.catch(() => null)
    if (all === null || this.wanted || this.going) return
    this.hasSettled = true
    const { around, t } = this
    history.replaceState(null, '', to.time(this.space, asked.position ?? asked.time))
    const i = around ? this.index(around.events) : -1
    const inside = around && t >= around.from && t <= around.to && (i > 0 || around.isFirst) && (i < around.events.length - 1 || around.isLast)
    if (inside) return
    try {
      const found = await eventsAround(this.space, all, t)
      if (this.t === t) this.around = found
    } catch (trouble) {
      this.trouble = trouble
    }
  }
  /** The index, in `events`, of the last event up to the moment. */
  index(events) {
    const { position } = this.moment ?? {}
    if (position) return events.findLastIndex((event) => BigInt(event.position) <= BigInt(position))
    return events.findLastIndex((event) => Date.parse(event.at) <= this.t)
  }
  step(by) {
    this.pause()
    const { events } = this.around ?? { events: [] }
    const next = events[this.index(events) + by]
    if (next) this.go({ position: next.position })
  }
  scrub(ms) {
    this.pause()
    this.go({ time: new Date(Math.round(ms)).toISOString() })
  }
  async zoom(by) {
    const first = Date.parse(this.all.from)
    const last = Date.parse(this.all.to)
    const { counts } = this.data
    const span = (Date.parse(counts.to) - Date.parse(counts.from)) * by
    const from = Math.max(first, this.t - span / 2)
    const wide = by === Number.POSITIVE_INFINITY || span >= last - first
    this.data = { counts: wide ? this.all : await countsOf(this.space, { from, to: Math.min(last, from + Math.max(1_000, span)) }) }
  }
  pause() {
    this.playing?.abort()
    this.playing = null
  }
  /** Shows the room after each event, at the events' own pace times the speed. */
  async play() {
    if (this.playing) return this.pause()
    const playing = new AbortController()
    this.playing = playing
    const from = this.moment?.position ? String(BigInt(this.moment.position) + 1n) : undefined
    try {
      const path = `${spacePath(this.space)}/replay${query({ from, speed: `${this.speed}x`, state: true })}`
      for await (const { state, ...event } of lines(path, { signal: playing.signal })) {
        if (playing.signal.aborted) return
        Object.assign(this, { moment: { ...state, position: event.position }, t: Date.parse(event.at) })
        const { events = [] } = this.around ?? {}
        if (!events.some(({ position }) => position === event.position)) this.around = { ...this.around, events: [...events, event].slice(-400) }
      }
    } catch (trouble) {
      this.trouble = trouble
    }
    if (this.playing === playing) this.playing = null
  }
  keys(event) {
    if (event.target.closest('input, select, button, a')) return
    const acts = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), ' ': () => this.play() }
    if (!acts[event.key]) return
    event.preventDefault()
    acts[event.key]()
  }
  show({ counts }) {
    if (counts.from === null) return html`<p class="empty">Nothing has happened here yet.</p>`
    const [first, last] = [Date.parse(counts.from), Date.parse(counts.to)]
    return html`<section class="panel time" aria-label="time" tabindex="0" @keydown=${this.keys}>
        ${axis(counts, Math.min(this.t ?? last, last), (ms) => this.scrub(Math.min(ms, last)))}
        <input type="range" aria-label="moment" min=${first} max=${last} step="any" .value=${String(this.t ?? last)}
          aria-valuetext=${new Date(this.t ?? last).toLocaleString()} @input=${(event) => this.scrub(Number(event.target.value))}>
        <div class="ends spread">${when(counts.from, 'long')}
          <span class="controls"><button type="button" aria-label="the event before" @click=${() => this.step(-1)}>◀</button>
            <button type="button" class="primary" @click=${this.play}>${this.playing ? 'Pause' : 'Play'}</button>
            <button type="button" aria-label="the event after" @click=${() => this.step(1)}>▶</button>
            <select aria-label="speed" @change=${(event) => { this.speed = Number(event.target.value); if (this.playing) { this.pause(); this.play() } }}>${SPEEDS.map((speed) => html`<option value=${speed} ?selected=${speed === this.speed}>${speed}×</option>`)}</select>
            <button type="button" @click=${() => this.zoom(0.2)}>Zoom in</button><button type="button" @click=${() => this.zoom(Number.POSITIVE_INFINITY)}>All</button></span>
          ${when(counts.to, 'long')}</div></section>
      ${problemBox(this.trouble)}
      ${this.moment ? html`<div class="panels"><section class="panel" aria-label="events"><h3>Events <small>${this.t ? when(new Date(this.t).toISOString(), 'long') : nothing}</small></h3>${this.events()}</section>
        ${stood(this.moment, this.space)}</div>` : nothing}`
  }
  events() {
    const { events = [], isFirst, isLast } = this.around ?? {}
    const i = this.index(events)
    const low = Math.max(0, i - 12)
    // What was read last may be of another place, before or after this moment.
    const isBefore = i < 0 && !isFirst
    const isAfter = i === events.length - 1 && !isLast && events[i]?.position !== this.moment.position
    if (events.length === 0 || isBefore || isAfter) return html`<p class="hint">They are read once you stop here.</p>`
    return html`<ol class="steps">${events.slice(low, i + 14).map((event, j) => html`<li aria-current=${low + j === i ? 'step' : nothing}>
      <button type="button" class="kind ${kindOf(event.type)}" @click=${() => (this.pause(), this.go({ position: event.position }))}>${event.type}</button>
      <span>${event.says}</span> <small>${when(event.at, 'long')} <a href=${to.why(this.space, event.position)}>why</a></small></li>`)}</ol>`
  }
}
customElements.define('time-view', TimeView)
