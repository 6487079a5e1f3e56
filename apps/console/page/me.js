// One's own: what was done to one and how to appeal, what one reported, and one's record as a file.
import { html, nothing } from 'lit'
import { api, download, me, spacePath } from './api.js'
import { to, when } from './parts.js'
import { problemBox, View } from './view.js'

class MeView extends View {
  static properties = { ...View.properties, generation: {}, told: { state: true } }
  static about = ['generation']
  async load() {
    const [receipts, reports] = await Promise.all([api('/api/me/receipts'), api('/api/me/reports')])
    return { ...receipts, ...reports }
  }
  async appeal(event, { space_type, space_id, case_id }) {
    event.preventDefault()
    this.told = null
    const text = new FormData(event.target).get('text')
    try {
      await api(`${spacePath(`${space_type}:${space_id}`)}/cases/${case_id}/appeal`, { method: 'POST', body: { text } })
      // The tables may be a moment behind what was just written.
      this.data = { ...this.data, receipts: this.data.receipts.map((one) => (one.case_id === case_id ? { ...one, appeal: 'made', how_to_appeal: null } : one)) }
    } catch (problem) {
      this.told = problem
    }
  }
  async file() {
    this.told = null
    await download('/api/me/audit?format=ndjson', 'my-record.ndjson').catch((problem) => (this.told = problem))
  }
  show({ receipts, reports }) {
    return html`<div class="bar"><h2>${me.account ?? 'Guest'}</h2></div>
      ${problemBox(this.told)}
      <div class="panels">
        <section class="panel" aria-label="receipts"><h3>What was done to you <small>${receipts.length}</small></h3>
          ${receipts.length === 0 ? html`<p class="empty">Nothing.</p>` : nothing}
          <ul class="rows">${receipts.map((one) => this.receipt(one))}</ul></section>
        <section class="panel" aria-label="reports"><h3>What you reported <small>${reports.length}</small></h3>
          ${reports.length === 0 ? html`<p class="empty">Nothing.</p>` : nothing}
          <ul class="rows">${reports.map(
            (one) => html`<li>${one.about === 'person' ? '' : `${one.about} of `}<b>${one.subject}</b> in ${one.space_type}:${one.space_id}
              <small>${when(one.reported_at)} · ${one.closed ? 'it was looked into' : 'it is being looked into'}</small></li>`,
          )}</ul></section>
        <section class="panel" aria-label="record"><h3>Your record</h3>
          <p>What you did, and what was done to you, in rooms that you may know of.</p>
          <div class="ends"><button type="button" @click=${this.file}>As a file</button>${me.account ? html`<a href=${to.person(me.account)}>Look at it</a>` : nothing}</div></section>
      </div>`
  }
  receipt(one) {
    const room = `${one.space_type}:${one.space_id}`
    return html`<li><b>${one.did.map(({ act }) => act).join(', ')}</b> in <a href=${to.room(room)}>${room}</a>
      <small>${when(one.did[0]?.at, 'long')} by ${one.did[0]?.by}</small>
      <span class="words">${one.rule ? html`rule: ${one.rule}` : nothing} ${one.reason ? html`“${one.reason}”` : nothing}</span>
      ${one.appeal === 'made' ? html`<span class="state">your appeal is being heard</span>` : nothing}
      ${one.decision ? html`<span class="state">${one.appeal}: “${one.decision}”</span>` : nothing}
      ${
        one.how_to_appeal
          ? html`<form class="another" aria-label="appeal" @submit=${(event) => this.appeal(event, one)}>
            <input name="text" aria-label="your appeal" placeholder="why it should be lifted" maxlength="1000" required>
            <button type="submit" class="primary">Appeal</button></form><small>Another than whoever acted hears it, on the room as it stood; until ${when(one.appeal_until, 'long')}.</small>`
          : nothing
      }</li>`
  }
}
customElements.define('me-view', MeView)
