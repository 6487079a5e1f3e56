// What would have been decided differently: the reader chooses a rule and a span, and sees each decision that would
// have differed.
import { html, nothing } from 'lit'
import { api, spacePath } from './api.js'
import { to, when, who } from './parts.js'
import { problemBox, View } from './view.js'

const RULES = [
  ['slow_mode_seconds', 'slow mode, of so many seconds', 'number'],
  ['max_users', 'so many seats', 'number'],
  ['guests_allowed', 'no guests', 'off'],
  ['chat_enabled', 'no chat', 'off'],
  ['voice_enabled', 'no voice', 'off'],
  ['reactions_enabled', 'no reactions', 'off'],
  ['words', 'a filter of words', 'words'],
]
const kindOf = (rule) => RULES.find(([name]) => name === rule)[2]
const DAY = 86_400_000
const local = (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)

class WhatIfView extends View {
  static properties = { ...View.properties, space: {}, generation: {}, rule: { state: true }, told: { state: true }, answer: { state: true } }
  static about = ['space', 'generation']
  constructor() {
    super()
    this.rule = RULES[0][0]
  }
  async load() {
    this.answer = null
    return {}
  }
  async ask(event) {
    event.preventDefault()
    const given = new FormData(event.target)
    const { rule } = this
    const kind = kindOf(rule)
    const words = () => given.get('value').split(/[\n,]/).map((one) => one.trim()).filter(Boolean)
    const supposed = kind === 'words' ? { filter: { words: words(), acts: ['hold'] } } : { settings: { [rule]: kind === 'number' ? Number(given.get('value')) : false } }
    const at = (name) => new Date(given.get(name)).toISOString()
    Object.assign(this, { told: null, answer: null, busy: true })
    try {
      this.answer = await api(`${spacePath(this.space)}/what-if`, { method: 'POST', body: { from: at('from'), to: at('to'), ...supposed } })
    } catch (problem) {
      this.told = problem
    } finally {
      this.busy = false
    }
  }
  value() {
    const kind = kindOf(this.rule)
    if (kind === 'number') return html`<label>How many<input name="value" type="number" min="1" required value="30"></label>`
    if (kind === 'words') return html`<label>Words and phrases<textarea name="value" rows="2" required placeholder="one a line"></textarea></label>`
    return nothing
  }
  show() {
    const now = Date.now()
    return html`<section class="panel" aria-label="question"><h3>What if there had been…</h3>
        <form class="fields asking" aria-label="what if" @submit=${this.ask}>
          <label>Rule<select name="rule" @change=${(event) => (this.rule = event.target.value)}>${RULES.map(([name, label]) => html`<option value=${name}>${label}</option>`)}</select></label>
          ${this.value()}
          <label>From<input name="from" type="datetime-local" required value=${local(now - DAY)}></label>
          <label>To<input name="to" type="datetime-local" required value=${local(now + 60_000)}></label>
          <button type="submit" class="primary" ?disabled=${this.busy}>Decide again</button></form>
        <p class="hint">The rules themselves decide everything of that time again. Nothing is changed.</p></section>
      ${problemBox(this.told)}${this.busy ? html`<p class="wait" role="status">Deciding again…</p>` : nothing}${this.answer ? this.shown(this.answer) : nothing}`
  }
  shown(answer) {
    const { decisions, differences, by, not_comparable, undecided, erased, cut_at, listed } = answer
    return html`<section class="panel" aria-label="answer"><h3>${differences} of ${decisions} decisions would have been otherwise</h3>
      <ul class="facts">${Object.entries(by).map(([fates, count]) => html`<li>${fates.replace(' > ', ' → ')}: <b>${count}</b></li>`)}
        ${not_comparable ? html`<li>${not_comparable} later acts hang on these: they can’t be compared.</li>` : nothing}
        ${undecided ? html`<li>${undecided} could not be decided again: they are about messages too far back, or no rule decided them.</li>` : nothing}
        ${erased ? html`<li>${erased} messages have no words any more: a filter can’t tell.</li>` : nothing}
        ${cut_at ? html`<li>There was more than can be decided at once: go on from ${when(cut_at, 'long')}.</li>` : nothing}</ul>
      ${
        listed.length === 0
          ? nothing
          : html`<div class="scroll" tabindex="0" role="region" aria-label="decisions"><table class="record">
        <thead><tr><th>when</th><th>who</th><th>what</th><th>was</th><th>would have been</th><th>comparable</th><th>more</th></tr></thead>
        <tbody>${listed.map(
          (one) => html`<tr><td class="num">${when(one.at, 'long')}</td><td>${who(one.actor, this.space)}</td><td>${one.command}</td><td>${one.was}</td><td><b>${one.would}</b></td>
            <td>${one.after ? html`less: <a href=${to.why(this.space, one.after)}>they were stopped before</a>` : 'yes'}${one.followed ? html`; ${one.followed} later acts are not` : nothing}</td>
            <td class="links"><a href=${to.why(this.space, one.event_id)}>why</a> <a href=${to.time(this.space, one.position)}>moment</a></td></tr>`,
        )}</tbody></table></div>${differences > listed.length ? html`<p class="hint">The first ${listed.length} of ${differences}.</p>` : nothing}`
      }</section>`
  }
}
customElements.define('what-if-view', WhatIfView)
