// The console: who is signed in, which place is open (the address behind `#`), and the view of that place.
import { html, LitElement, nothing } from 'lit'
import { api, findWallet, me, onMe, signIn, signOut } from './api.js'
import { to } from './parts.js'
import './rooms.js'
import './room.js'
import './time.js'
import './why.js'
import './person.js'
import './search.js'
import './proof.js'
import './operations.js'
import './me.js'
import { problemBox } from './view.js'

const whereFrom = (hash) => {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?')
  const parts = path.split('/').map((piece) => {
    try {
      return decodeURIComponent(piece)
    } catch {
      return piece
    }
  })
  return { view: parts[0] || 'rooms', rest: parts.slice(1), query: Object.fromEntries(new URLSearchParams(query)) }
}

class PresenceConsole extends LitElement {
  static properties = { where: { state: true }, problem: { state: true }, runs: { state: true }, generation: { state: true } }
  constructor() {
    super()
    this.where = whereFrom(location.hash)
    this.generation = 0
    addEventListener('hashchange', () => {
      this.where = whereFrom(location.hash)
      this.updateComplete.then(() => this.querySelector('main')?.focus({ preventScroll: true }))
    })
    onMe(() => {
      this.generation += 1
      this.learn()
    })
    findWallet().then(() => this.requestUpdate())
    this.learn()
  }
  createRenderRoot() {
    return this
  }
  /** What the person who is signed in runs. When another signs in, the generation changes, and nothing that the previous one saw
   *  stays. */
  async learn() {
    this.runs = false
    if (!me.token) return
    // The system's operators are the owners of the lobby.
    const lobby = await api('/api/spaces/global/lobby').catch(() => null)
    this.runs = lobby?.permission === 'owner'
  }
  async enter(event) {
    event.preventDefault()
    this.problem = null
    const account = new FormData(event.target).get('account').trim().toLowerCase()
    try {
      await signIn(account)
    } catch (problem) {
      this.problem = problem
    }
  }
  render() {
    return html`<a class="skip" href="#main" @click=${this.skip}>To the content</a>
      <header>
        <h1><a href="#/rooms"><img src="/page/icon.svg" alt="" width="24" height="24"> Console</a></h1>
        <nav aria-label="views">${this.links()}</nav>
        ${this.account()}
      </header>
      <main id="main" tabindex="-1">${problemBox(this.problem)}${this.place()}</main>`
  }
  skip(event) {
    event.preventDefault()
    document.querySelector('main').focus()
  }
  links() {
    const { view } = this.where
    const links = [
      ['rooms', 'Rooms', to.rooms()],
      ...(me.account ? [['me', 'Me', to.me()]] : []),
      ['search', 'Search', '#/search'],
      ['proof', 'Proof', to.proof()],
      ...(this.runs ? [['operations', 'Operations', '#/operations']] : []),
    ]
    const at = view === 'room' ? 'rooms' : view
    return links.map(
      ([name, label, href]) => html`<a href=${href} aria-current=${name === at ? 'page' : nothing}>${label}</a>`,
    )
  }
  account() {
    if (me.token)
      return html`<div class="me"><b>${me.account}</b> <button type="button" id="sign-out" @click=${signOut}>Sign out</button></div>`
    if (me.wallet === null) return html`<div class="me"><span>guest</span></div>`
    const label = me.wallet === 'keychain' ? 'Hive account' : 'account (any, beside the stand-in)'
    return html`<form class="me" @submit=${this.enter}>
      <input name="account" aria-label=${label} placeholder=${label} maxlength="16" required autocomplete="username" spellcheck="false">
      <button type="submit" class="primary">Sign in</button></form>`
  }
  place() {
    const { view, rest, query } = this.where
    const g = this.generation
    switch (view) {
      case 'rooms':
        return html`<rooms-view .generation=${g}></rooms-view>`
      case 'room': {
        const [space = '', tab = 'now', event = ''] = rest
        return html`<room-frame .space=${space} .tab=${tab} .event=${event} .at=${query.at ?? ''} .generation=${g}></room-frame>`
      }
      case 'person':
        return html`<person-view .name=${rest[0] ?? ''} .space=${query.space ?? ''} .generation=${g}></person-view>`
      case 'me':
        return html`<me-view .generation=${g}></me-view>`
      case 'search':
        return html`<search-view .filters=${JSON.stringify(query)} .generation=${g}></search-view>`
      case 'proof':
        return html`<proof-view .position=${rest[0] ?? ''} .generation=${g}></proof-view>`
      case 'operations':
        return html`<operations-view .generation=${g}></operations-view>`
      default:
        return html`<p class="problem" role="alert">There is no such view. <a href="#/rooms">Rooms</a></p>`
    }
  }
}
customElements.define('presence-console', PresenceConsole)
