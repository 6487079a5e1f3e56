// A person: what they did and what was done to them, as far as the reader may see it.
import { html, nothing } from 'lit'
import { api, me, query, spacePath } from './api.js'
import { recordTable, to } from './parts.js'
import { View } from './view.js'

class PersonView extends View {
  static properties = { ...View.properties, name: {}, space: {}, generation: {} }
  static about = ['name', 'space', 'generation']
  address(cursor) {
    const { name, space } = this
    if (space) return `${spacePath(space)}/audit${query({ account: name, limit: 100, cursor })}`
    if (name === me.account) return `/api/me/audit${query({ limit: 100, cursor })}`
    return `/api/audit${query({ account: name, limit: 100, cursor })}`
  }
  async load() {
    const rooms = api('/api/spaces?limit=100').catch(() => ({ spaces: [] }))
    // Only auditors may search across all rooms: others choose a room that they moderate.
    const found = await api(this.address()).catch((problem) => (problem.status === 403 ? { entries: null, problem } : Promise.reject(problem)))
    return { ...found, rooms: (await rooms).spaces.map((room) => `${room.space_type}:${room.space_id}`) }
  }
  async more() {
    const next = await api(this.address(this.data.next_cursor))
    this.data = { ...this.data, ...next, entries: [...this.data.entries, ...next.entries] }
  }
  choose(event) {
    location.hash = to.person(this.name, event.target.value)
  }
  show({ entries, next_cursor, rooms, problem }) {
    const known = this.space && !rooms.includes(this.space) ? [this.space, ...rooms] : rooms
    return html`<div class="bar"><h2>${this.name}</h2><label>in <select aria-label="room" @change=${this.choose}>
        <option value="" ?selected=${!this.space}>all rooms</option>
        ${known.map((key) => html`<option value=${key} ?selected=${key === this.space}>${key}</option>`)}</select></label></div>
      ${entries ? html`<p class="facts">${counted(entries)}</p>${recordTable(entries, this.space || undefined)}` : html`<p class="empty">${problem.message} Choose a room that you answer for.</p>`}
      ${entries?.length === 0 ? html`<p class="empty">Nothing that you may see.</p>` : nothing}
      ${next_cursor ? html`<button type="button" @click=${this.more}>More</button>` : nothing}`
  }
}
/** How often each action occurs in the rows that are shown. */
const counted = (entries) => {
  const counts = Map.groupBy(entries, ({ action }) => action)
  return [...counts].map(([action, rows]) => html`<span class="count">${action} <b>${rows.length}</b></span> `)
}
customElements.define('person-view', PersonView)
