// Search in the audit log with the API's filters, each search at its own address; and export of the record as a file.
import { html, nothing } from 'lit'
import { api, download, query, spacePath } from './api.js'
import { recordTable, to } from './parts.js'
import { problemBox, View } from './view.js'

const FIELDS = [
  ['space', 'room', 'post:alice/my-post', 255],
  ['account', 'who did it, or had it done', 'account', 24],
  ['target', 'to whom or what', 'account, message id', 64],
  ['action', 'what', 'MessagePosted', 40],
  ['refusal', 'refused with', 'space_full', 40],
  ['text', 'words', 'in a message', 200],
  ['from', 'from', '2026-01-31', 40],
  ['to', 'to', '2026-01-31', 40],
]
const ACTIONS = ['MessagePosted', 'MessageDeleted', 'CommandRefused', 'AccountBanned', 'AccountMuted', 'PermissionGranted', 'SettingsChanged', 'SessionJoined', 'SessionLeft', 'AuditRead']

/** Searches one room (`space`) inside the room's view, or everything that the reader may see. `filters`: as JSON. */
class RecordView extends View {
  static properties = { ...View.properties, space: {}, filters: {}, generation: {}, exportProblem: { state: true } }
  static about = ['space', 'filters', 'generation']
  asked(more = {}) {
    const filters = { ...JSON.parse(this.filters || '{}'), ...more }
    if (this.space) return `${spacePath(this.space)}/audit${query(filters)}`
    return `/api/audit${query(filters)}`
  }
  load() {
    return api(this.asked({ limit: 50 }))
  }
  async more() {
    const next = await api(this.asked({ limit: 50, cursor: this.data.next_cursor }))
    this.data = { ...next, entries: [...this.data.entries, ...next.entries] }
  }
  async give(format) {
    this.exportProblem = null
    try {
      await download(this.asked({ format }), `record.${format}`)
    } catch (problem) {
      this.exportProblem = problem
    }
  }
  /** The room's record as a file that checks itself, with the words of the people named in the form, or of all. */
  async evidence() {
    this.exportProblem = null
    const form = new FormData(this.querySelector('form.filters'))
    const given = (name) => form.get(name)?.trim() || undefined
    try {
      await download(`${spacePath(this.space)}/evidence${query({ from: given('from'), to: given('to'), words_of: given('account') })}`, `${this.space.replace(/[^\w-]+/g, '-')}.html`)
    } catch (problem) {
      this.exportProblem = problem
    }
  }
  find(event) {
    event.preventDefault()
    const given = [...new FormData(event.target)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value !== '')
    if (this.space) this.filters = JSON.stringify(Object.fromEntries(given))
    else location.hash = to.search(Object.fromEntries(given))
  }
  render() {
    const filters = JSON.parse(this.filters || '{}')
    const fields = FIELDS.filter(([name]) => !(this.space && name === 'space'))
    return html`${this.space ? nothing : html`<div class="bar"><h2>Search</h2></div>`}
      <form class="filters" @submit=${this.find}>${fields.map(
        ([name, label, placeholder, most]) =>
          html`<label>${label}<input name=${name} .value=${filters[name] ?? ''} placeholder=${placeholder} maxlength=${most} autocomplete="off" list=${name === 'action' ? 'actions' : nothing}></label>`,
      )}<datalist id="actions">${ACTIONS.map((action) => html`<option value=${action}></option>`)}</datalist>
        <div class="ends"><button type="button" @click=${() => this.give('csv')}>CSV</button><button type="button" @click=${() => this.give('ndjson')}>NDJSON</button>
        ${this.space ? html`<button type="button" title="one file that opens anywhere, checks itself and plays; with a name, that one’s words alone" @click=${this.evidence}>Evidence</button>` : nothing}
        <button type="submit" class="primary">Search</button></div></form>
      ${problemBox(this.exportProblem)}${super.render()}`
  }
  show({ entries, next_cursor }) {
    return html`${recordTable(entries, this.space || undefined)}
      ${entries.length === 0 ? html`<p class="empty">${next_cursor ? 'Nothing like this among what was searched so far.' : 'Nothing that you may see is like this.'}</p>` : nothing}
      ${next_cursor ? html`<button type="button" @click=${this.more}>More</button>` : nothing}`
  }
}
customElements.define('record-view', RecordView)
customElements.define('search-view', class extends RecordView {})
