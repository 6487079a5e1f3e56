// For those who run the system: each part, how far the tables are behind the log, what waits.
import { html, nothing } from 'lit'
import { api } from './api.js'
import { View } from './view.js'

class OperationsView extends View {
  static properties = { ...View.properties, generation: {} }
  static about = ['generation']
  constructor() {
    super()
    this.every(5_000)
  }
  async load() {
    // 503 says what is down: it is an answer like any other.
    const [health, lobby] = await Promise.all([
      fetch('/api/health', { cache: 'no-store' }).then((response) => response.json()),
      api('/api/spaces/global/lobby'),
    ])
    return { ...health, runs: lobby.permission === 'owner' }
  }
  show({ status, version, node, checks, runs }) {
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
      )}</tbody></table></div>`
  }
}
customElements.define('operations-view', OperationsView)
