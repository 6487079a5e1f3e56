// The ban lists that a room follows: where each comes from, whom it names, and a form to follow another.
import { html, nothing } from 'lit'
import { api, spacePath } from './api.js'
import { when, who } from './parts.js'
import { Sending } from './sending.js'
import { problemBox } from './view.js'

const part = encodeURIComponent
const SOURCES = [
  ['given', 'rules in Matrix’s form'],
  ['space', 'the bans of another room'],
  ['owner', 'the bans of all my other rooms'],
]
const from = ({ source, name, space }) => (source === 'space' ? space : source === 'owner' ? 'all rooms of the owner' : (name ?? 'given'))

class BanListsPanel extends Sending {
  static properties = { ...Sending.properties, source: { state: true }, open: { state: true } }
  constructor() {
    super()
    this.source = 'given'
  }
  load() {
    return api(`${spacePath(this.space)}/lists`)
  }
  async look(id) {
    this.open = await api(`${spacePath(this.space)}/lists/${part(id)}`).catch((problem) => {
      this.told = problem
    })
  }
  leave(id) {
    this.open = undefined
    return this.send('DELETE', `/lists/${part(id)}`)
  }
  async follow(event) {
    event.preventDefault()
    const form = event.target
    const given = Object.fromEntries(new FormData(form))
    const body = () => {
      if (given.source === 'space') return { space: given.space }
      if (given.source === 'owner') return { owner: true }
      const rules = JSON.parse(given.rules)
      return { rules: Array.isArray(rules) ? rules : rules.rules, ...(given.name ? { name: given.name } : {}) }
    }
    let asked
    try {
      asked = body()
    } catch {
      this.told = { message: 'That is not JSON.' }
      return
    }
    if (await this.send('PUT', `/lists/${part(given.list_id)}`, asked)) form.reset()
  }
  show({ lists }) {
    return html`${problemBox(this.told)}<div class="panels">
      <section class="panel" aria-label="ban lists"><h3>Ban lists <small>${lists.length}</small></h3>
        <p class="hint">Whom they name may not enter, unless they have a role here.</p>
        ${lists.length === 0 ? html`<p class="empty">None is followed.</p>` : nothing}
        <ul class="rows">${lists.map(
          (one) => html`<li><b>${one.list_id}</b> <span class="state">${one.entries}</span> <span class="words">${from(one)}</span>
            <small>followed by ${who(one.followed_by, this.space)} ${when(one.followed_at)}</small>
            <button type="button" class="act" aria-label="Show the list ${one.list_id}" @click=${() => this.look(one.list_id)}>Show</button>
            <button type="button" class="act" aria-label="Leave the list ${one.list_id}" @click=${() => this.leave(one.list_id)}>Leave</button></li>`,
        )}</ul>
        ${
          this.open
            ? html`<h3>${this.open.list_id}</h3><ul class="rows entries" tabindex="0" aria-label="entries of ${this.open.list_id}">${this.open.rules.map(
                ({ content }) => html`<li><code>${content.entity}</code> <small>${content.reason}</small></li>`,
              )}</ul>`
            : nothing
        }</section>
      <section class="panel" aria-label="follow a ban list"><h3>Follow a ban list</h3>
        <form class="fields" aria-label="list" @submit=${this.follow}>
          <label>Name<input name="list_id" required maxlength="40" pattern="[a-z0-9][a-z0-9\\-]*" autocomplete="off" placeholder="friends"></label>
          <label>Made of<select name="source" @change=${(event) => (this.source = event.target.value)}>${SOURCES.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select></label>
          ${this.source === 'space' ? html`<label>Room<input name="space" required placeholder="post:alice/my-post"></label>` : nothing}
          ${
            this.source === 'given'
              ? html`<label>Rules, as JSON<textarea name="rules" rows="4" required></textarea></label>
                <label>Where it is from<input name="name" maxlength="200" placeholder="https://…"></label>`
              : nothing
          }
          <button type="submit" class="primary">Follow it</button>
          <p class="hint">For admins; all rooms of the owner, for the owner.</p></form></section></div>`
  }
}
customElements.define('ban-lists', BanListsPanel)
