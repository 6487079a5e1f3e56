// For the system's operators: each part, how far the tables are behind the log, and what waits.
import { html, nothing } from 'lit'
import { api, query } from './api.js'
import { when } from './parts.js'
import { problemBox, View } from './view.js'

class OperationsView extends View {
  static properties = { ...View.properties, generation: {}, told: { state: true } }
  static about = ['generation']
  constructor() {
    super()
    this.pages = 1
    this.every(5_000)
  }
  async load() {
    // An answer with status 503 says what is down, so it is shown like any other.
    const [health, lobby] = await Promise.all([
      fetch('/api/health', { cache: 'no-store' }).then((response) => response.json()),
      api('/api/spaces/global/lobby'),
    ])
    const runs = lobby.permission === 'owner'
    return { ...health, runs, ...(runs ? await this.standing() : {}) }
  }
  /** As many pages of holds and erasures as were asked for. */
  async standing() {
    const all = { holds: [], erasures: [], next_cursor: null }
    for (let page = 0; page < this.pages; page += 1) {
      const { holds, erasures, next_cursor } = await api(`/api/holds${query({ limit: 100, cursor: all.next_cursor })}`)
      Object.assign(all, { holds: [...all.holds, ...holds], erasures: [...all.erasures, ...erasures], next_cursor })
      if (next_cursor === null) break
    }
    return all
  }
  more() {
    this.pages += 1
    return this.reload()
  }
  async trying(work) {
    this.told = null
    try {
      await work()
      await this.reload()
    } catch (problem) {
      this.told = problem
    }
  }
  place(event) {
    event.preventDefault()
    const form = event.target
    const { subject, reason } = Object.fromEntries(new FormData(form))
    return this.trying(async () => {
      await api('/api/holds', { method: 'POST', body: { subject: subject.trim(), reason } })
      form.reset()
    })
  }
  release({ id }) {
    return this.trying(() => api(`/api/holds/${encodeURIComponent(id)}`, { method: 'DELETE', body: {} }))
  }
  show({ status, version, node, checks, runs, holds, erasures, next_cursor }) {
    if (!runs) return html`<p class="empty">This is for those who run the system (SYSTEM_ADMINS).</p>`
    const { parked_streams: streams = 0, parked_events: events = 0 } = checks.projections ?? {}
    return html`<div class="bar"><h2>Operations</h2><span class="state ${status}">${status}</span></div>
      <p class="facts">version ${version} · node ${node} · parked: <b>${events}</b> events of <b>${streams}</b> streams
        ${events > 0 ? html`(<code>npm run presence -- parked</code>)` : nothing}</p>
      <div class="scroll" tabindex="0" role="region" aria-label="parts"><table class="record"><thead><tr><th>part</th><th>state</th><th>behind</th><th>says</th></tr></thead>
      <tbody>${Object.entries(checks).map(
        ([name, { ok, vital, lag_ms, error, ...rest }]) => html`<tr><td>${name}${vital ? nothing : html` <small>not vital</small>`}</td>
          <td><span class="state ${ok ? 'ok' : 'degraded'}">${ok ? 'ok' : 'down'}</span></td>
          <td class="num">${lag_ms === undefined || lag_ms === null ? nothing : `${Math.round(lag_ms)} ms`}</td>
          <td class="says">${error ?? nothing} ${Object.keys(rest).length > 0 ? html`<code>${JSON.stringify(rest)}</code>` : nothing}</td></tr>`,
      )}</tbody></table></div>
      ${problemBox(this.told)}
      <div class="panels">
        <section class="panel" aria-label="legal holds"><h3>Legal holds <small>${holds.length}</small></h3>
          ${holds.length === 0 ? html`<p class="empty">None stands.</p>` : nothing}
          <ul class="rows">${holds.map(
            (one) => html`<li><b>${one.subject}</b> <span class="words">“${one.reason}”</span> <small>by ${one.placed_by}, ${when(one.placed_at, 'long')}</small>
              <span class="acts"><button type="button" class="act" aria-label="Release the hold on ${one.subject}" @click=${() => this.release(one)}>Release</button></span></li>`,
          )}</ul>
          <form class="another" aria-label="hold" @submit=${this.place}>
            <input name="subject" aria-label="on whom" placeholder="account or guest" required autocomplete="off" spellcheck="false">
            <input name="reason" aria-label="reason" placeholder="why; they see it" maxlength="500" required autocomplete="off">
            <button type="submit">Place a hold</button></form></section>
        <section class="panel" aria-label="erasures"><h3>Erasures that wait <small>${erasures.length}</small></h3>
          ${erasures.length === 0 ? html`<p class="empty">None.</p>` : nothing}
          <ul class="rows">${erasures.map(
            (one) => html`<li><b>${one.subject}</b> <small>asked ${when(one.asked_at, 'long')}; ${one.begun ? 'it is being carried out' : html`due ${when(one.due_at, 'long')}`}</small></li>`,
          )}</ul></section>
      </div>
      ${next_cursor ? html`<button type="button" @click=${this.more}>More holds and erasures</button>` : nothing}`
  }
}
customElements.define('operations-view', OperationsView)
