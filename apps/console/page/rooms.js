// The rooms that the reader may know of, with search.
import { html, nothing } from 'lit'
import { api, query } from './api.js'
import { to } from './parts.js'
import { View } from './view.js'

class RoomsView extends View {
  static properties = { ...View.properties, generation: {}, q: { state: true } }
  static about = ['generation', 'q']
  constructor() {
    super()
    this.q = ''
    this.every(5_000)
  }
  async load() {
    const limit = Math.max(50, Math.min(100, this.data?.spaces.length ?? 50))
    return api(`/api/spaces${query({ q: this.q, limit })}`)
  }
  async more() {
    const next = await api(`/api/spaces${query({ q: this.q, limit: 50, cursor: this.data.next_cursor })}`)
    this.data = { ...next, spaces: [...this.data.spaces, ...next.spaces] }
  }
  find(event) {
    clearTimeout(this.typing)
    const { value } = event.target
    this.typing = setTimeout(() => (this.q = value.trim()), 200)
  }
  show({ spaces, total, next_cursor }) {
    return html`<div class="bar"><h2>Rooms <small>${total}</small></h2>
        <input type="search" aria-label="search rooms" placeholder="name, id or owner" maxlength="100" @input=${this.find}></div>
      <ul class="cards">${spaces.map((room) => {
        const key = `${room.space_type}:${room.space_id}`
        return html`<li><a href=${to.room(key)}><b>${room.display_name || room.space_id}</b>
          <span class="n ${room.active_users > 0 ? 'some' : ''}">${room.active_users} / ${room.max_users}</span>
          <small>${key}</small></a></li>`
      })}</ul>
      ${spaces.length === 0 ? html`<p class="empty">No room that you may know of is called so.</p>` : nothing}
      ${next_cursor ? html`<button type="button" @click=${this.more}>More</button>` : nothing}`
  }
}
customElements.define('rooms-view', RoomsView)
