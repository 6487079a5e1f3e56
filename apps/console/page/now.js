// A room as it is now: who is in it, its chat, its settings, and the acts that the reader's role allows.
import { html, nothing } from 'lit'
import { api, me, pathOf, query, spacePath } from './api.js'
import { nameOf, to, when, who } from './parts.js'
import { View } from './view.js'

const RANKS = ['access', 'moderate', 'admin', 'owner']
const rank = (role) => RANKS.indexOf(role ?? 'none')
/** Lists that the reader may not see are not requested, since the server would refuse, and are not shown. */
const ifMay = (may, ask) => (may ? ask().catch((problem) => (problem.status === 403 ? null : Promise.reject(problem))) : null)

class NowView extends View {
  static properties = { ...View.properties, space: {}, generation: {} }
  static about = ['space', 'generation']
  constructor() {
    super()
    this.every(3_000)
    this.addEventListener('acted', ({ detail }) => {
      this.since = detail.position
      this.reload()
    })
  }
  willUpdate(changes) {
    if (changes.has('space') || changes.has('generation')) Object.assign(this, { data: undefined, since: undefined })
    super.willUpdate(changes)
  }
  async load() {
    const base = spacePath(this.space)
    const fresh = query({ min_position: this.since })
    const room = await api(`${base}${fresh}`)
    const mayEnter = room.has_access
    const moderates = rank(room.permission) >= 1
    const [chat, permissions, bans, mutes, settings, queue] = await Promise.all([
      ifMay(mayEnter, () => api(`/api/chat/${pathOf(this.space)}/messages${query({ limit: 50, min_position: this.since })}`)),
      ifMay(mayEnter, () => api(`${base}/permissions?limit=100`)),
      ifMay(moderates, () => api(`${base}/bans?limit=100`)),
      ifMay(moderates, () => api(`${base}/mutes?limit=100`)),
      ifMay(true, () => api(`${base}/settings`)),
      ifMay(mayEnter, () => api(`${base}/queue`)),
    ])
    return { ...room, chat, permissions, bans, mutes, settings, queue }
  }
  ask(name, about) {
    this.querySelector('act-dialog').ask(name, about)
  }
  button(label, name, about) {
    return html`<button type="button" class="act" aria-label="${label} ${about.name}" @click=${() => this.ask(name, about)}>${label}</button>`
  }
  show(data) {
    const { space, permission } = data
    return html`<p class="facts"><b>${space.title || this.space}</b> · owned by ${space.owner ? who(space.owner, this.space) : 'nobody'} · ${space.visibility}
        · you: <b>${permission ?? 'no role'}</b></p>
      <act-dialog .space=${this.space}></act-dialog>
      <div class="panels">
        ${this.people(data)} ${this.queue(data)} ${this.chat(data)} ${this.settings(data)}
        ${this.list(data, 'permissions', 'Permissions', (row) => this.permission(data, row))}
        ${this.list(data, 'bans', 'Bans', (row) => this.restricted(row, 'unban', 'Unban', row.banned_by))}
        ${this.list(data, 'mutes', 'Mutes', (row) => this.restricted(row, 'unmute', 'Unmute', row.muted_by))}
      </div>`
  }
  people({ space, permission, has_access }) {
    const users = space.connected_users
    const acts = rank(permission) >= 1
    const hands = users.filter((user) => user.hand_raised).sort((a, b) => (a.hand_raised_since < b.hand_raised_since ? -1 : 1))
    return html`<section class="panel" aria-label="people"><h3>In now <small>${space.active_users} / ${space.max_users}</small></h3>
      ${hands.length > 0 ? html`<p class="hands">Hands up, the first first: ${hands.map((user) => html`<span>✋ ${nameOf(user)}</span> `)}</p>` : nothing}
      ${has_access ? nothing : html`<p class="empty">Who is in is for those who may enter.</p>`}
      ${has_access && users.length === 0 ? html`<p class="empty">Nobody is in.</p>` : nothing}
      <ul class="rows">${users.map((user) => {
        const name = nameOf(user)
        const about = { name, session_id: user.session_id }
        return html`<li>${who(name, this.space)}
          <small>${user.subspace} · since ${when(user.connected_at)}${user.voice_enabled ? ' · speaking' : ''}</small>
          ${user.hand_raised ? html`<span title="hand raised">✋</span>` : nothing}
          ${acts && name !== me.account ? html`<span class="acts">${user.hand_raised ? this.button('Lower hand', 'lower', about) : nothing}
            ${this.button('Kick', 'kick', about)}${this.button('Mute', 'mute', about)}${this.button('Ban', 'ban', about)}</span>` : nothing}</li>`
      })}</ul>
      ${acts ? this.another(permission) : nothing}</section>`
  }
  queue({ queue }) {
    if (!queue?.queue) return nothing
    const { waiting, queue_length, expected_wait_seconds: wait, mine, places } = queue
    return html`<section class="panel" aria-label="queue"><h3>Queue <small>${waiting} / ${queue_length}</small></h3>
      ${mine ? html`<p>${mine.position === 0 ? 'It is your turn.' : html`You are number <b>${mine.position}</b>.`}</p>` : nothing}
      <p class="empty">${waiting === 0 ? 'Nobody waits.' : wait === null ? 'How long it takes is not known yet.' : `Who comes now waits about ${wait} s.`}</p>
      ${places ? html`<ol class="rows">${places.map(
        (one) => html`<li>${one.position}. ${who(one.subject, this.space)}
          <small>since ${when(one.since)}${one.ahead === 'others' ? nothing : ` · before others: ${one.ahead}`}</small>
          <span class="acts">${this.button('Take away', 'unqueue', { name: one.subject })}</span></li>`,
      )}</ol>` : nothing}</section>`
  }
  /** An act on somebody who is not in the room. */
  another(permission) {
    const go = (event) => {
      event.preventDefault()
      const form = new FormData(event.target)
      const name = form.get('name').trim()
      const act = event.submitter.value
      const was = this.data.permissions?.permissions.find((row) => row.user_account === name)?.permission
      if (name) this.ask(act, { name, permission: form.get('permission'), was })
    }
    return html`<form class="another" @submit=${go}><input name="name" aria-label="somebody else" placeholder="account or guest:…" maxlength="24" required autocomplete="off">
      <button type="submit" value="mute">Mute…</button><button type="submit" value="ban">Ban…</button>
      ${rank(permission) >= 2 ? html`<select name="permission" aria-label="permission"><option>access</option><option>moderate</option>${rank(permission) >= 3 ? html`<option>admin</option>` : nothing}</select>
        <button type="submit" value="grant">Give…</button>` : nothing}</form>`
  }
  chat({ chat, permission }) {
    if (!chat) return nothing
    const acts = rank(permission) >= 1
    return html`<section class="panel wide" aria-label="chat"><h3>Chat</h3>
      <ol class="chat" tabindex="0" aria-label="messages">${chat.messages.toReversed().map((message) => {
        const name = message.user_account ?? message.guest_id
        return html`<li>${who(name, this.space)}
          <span class="words ${message.is_deleted ? 'gone' : ''}">${message.is_deleted ? `deleted${message.deleted_by ? ` by ${message.deleted_by}` : ''}` : message.content}</span>
          <small>${when(message.created_at)}${message.edited_at ? ' · edited' : ''} <a href=${to.why(this.space, message.position)}>why</a> <a href=${to.time(this.space, message.position)}>moment</a></small>
          ${name !== me.account && !message.is_deleted ? this.button('Report', 'report', { name, message_id: message.message_id }) : nothing}
          ${(acts || name === me.account) && !message.is_deleted ? this.button('Delete', 'remove', { name, message_id: message.message_id }) : nothing}</li>`
      })}</ol>
      ${chat.messages.length === 0 ? html`<p class="empty">Nothing was said.</p>` : nothing}</section>`
  }
  list(data, name, title, row) {
    const rows = data[name]?.[name]
    if (!rows) return nothing
    return html`<section class="panel" aria-label=${name}><h3>${title} <small>${rows.length}</small></h3>
      ${rows.length === 0 ? html`<p class="empty">None.</p>` : html`<ul class="rows">${rows.map(row)}</ul>`}</section>`
  }
  permission({ permission }, row) {
    const name = row.user_account
    const mayTake = rank(permission) >= 2 && rank(permission) > rank(row.permission) && name !== me.account
    return html`<li>${who(name, this.space)} <b>${row.permission}</b>
      <small>by ${row.granted_by}, ${when(row.created_at)}${row.reason ? html` · “${row.reason}”` : nothing}</small>
      ${mayTake ? html`<span class="acts">${this.button('Revoke', 'revoke', { name, was: row.permission })}</span>` : nothing}</li>`
  }
  restricted(row, act, label, by) {
    return html`<li>${who(row.subject, this.space)} <small>by ${by}, ${when(row.created_at)}${row.until ? html` until ${when(row.until, 'long')}` : nothing}
      ${row.reason ? html` · “${row.reason}”` : nothing}</small>
      <span class="acts">${this.button(label, act, { name: row.subject, was: row })}</span></li>`
  }
  settings({ settings, permission }) {
    if (!settings) return nothing
    const { space_type: _t, space_id: _i, updated_by, updated_at, node: _n, ...values } = settings
    const may = rank(permission) >= 2
    const save = (event) => {
      event.preventDefault()
      const changes = {}
      const before = {}
      for (const input of event.target.querySelectorAll('[data-setting]')) {
        const name = input.dataset.setting
        const value = input.type === 'checkbox' ? input.checked : input.type === 'number' ? Number(input.value) : input.value
        if (value === values[name]) continue
        changes[name] = value
        before[name] = values[name]
      }
      if (Object.keys(changes).length > 0) this.ask('settings', { changes, before, name: '' })
    }
    const free = Object.entries(values.settings ?? {})
    return html`<section class="panel" aria-label="settings"><h3>Settings</h3>
      <form class="settings" @submit=${save}>${Object.entries(values).map(([name, value]) => field(name, value, may))}
        ${free.length > 0 ? html`<details><summary>the clients’ own (${free.length})</summary><pre>${JSON.stringify(values.settings, null, 2)}</pre></details>` : nothing}
        <div class="ends"><small>${updated_by ? html`by ${updated_by}, ${when(updated_at)}` : 'as every room begins'}</small>
        ${may ? html`<button type="submit">Change…</button>` : nothing}</div></form></section>`
  }
}
const field = (name, value, may) => {
  const label = name.replaceAll('_', ' ')
  if (typeof value === 'boolean')
    return html`<label class="switch"><input type="checkbox" data-setting=${name} .defaultChecked=${value} ?disabled=${!may}> ${label}</label>`
  if (typeof value === 'number')
    return html`<label>${label}<input type="number" data-setting=${name} .defaultValue=${String(value)} min="0" required ?disabled=${!may}></label>`
  if (typeof value === 'string')
    return html`<label>${label}<input type="text" data-setting=${name} .defaultValue=${value} maxlength="32" required autocomplete="off" ?disabled=${!may}></label>`
  return nothing
}
customElements.define('now-view', NowView)
