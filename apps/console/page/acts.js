// A dialog for an act on a room: it asks for a reason, sends the act, shows the answer, and offers to undo the act
// where that is possible.
import { html, nothing } from 'lit'
import { api, spacePath } from './api.js'
import { to } from './parts.js'
import { problemBox, View } from './view.js'

const at = (name) => encodeURIComponent(name)
/** The acts: each with its name, what is sent, and what undoes it (or why nothing does). */
export const ACTS = {
  kick: ({ session_id, name }) => ({
    says: `Kick ${name}`,
    done: `${name} was shown out`,
    send: (reason) => ({ method: 'POST', path: '/kick', body: { session_id, reason } }),
    stays: 'They may come back by themselves.',
  }),
  mute: ({ name }) => restrict('mutes', name, 'Mute', 'muted', 'Unmute'),
  unmute: ({ name, was }) => release('mutes', name, was, ['Unmute', 'unmuted', 'Mute again']),
  ban: ({ name }) => restrict('bans', name, 'Ban', 'banned', 'Unban'),
  unban: ({ name, was }) => release('bans', name, was, ['Unban', 'unbanned', 'Ban again']),
  grant: ({ name, permission, was }) => ({
    says: `Give ${name} “${permission}”`,
    done: `${name} has “${permission}”`,
    send: (reason) => ({ method: 'PUT', path: `/permissions/${at(name)}`, body: { permission, reason } }),
    undo: was
      ? { says: `Back to “${was}”`, method: 'PUT', path: `/permissions/${at(name)}`, body: { permission: was } }
      : { says: 'Take it back', method: 'DELETE', path: `/permissions/${at(name)}`, body: {} },
  }),
  revoke: ({ name, was }) => ({
    says: `Take “${was}” from ${name}`,
    done: `${name} has no permission of this room’s own`,
    send: (reason) => ({ method: 'DELETE', path: `/permissions/${at(name)}`, body: { reason } }),
    undo: { says: 'Give it again', method: 'PUT', path: `/permissions/${at(name)}`, body: { permission: was } },
  }),
  unqueue: ({ name }) => ({
    says: `Take ${name}’s place in the queue`,
    done: `${name} waits no longer`,
    send: (reason) => ({ method: 'DELETE', path: `/queue/${at(name)}`, body: { reason } }),
    stays: 'They may wait again, at the end.',
  }),
  lower: ({ session_id, name }) => ({
    says: `Lower ${name}’s hand`,
    done: `${name}’s hand is down`,
    reasonless: true,
    send: () => ({ method: 'DELETE', path: `/hands/${at(session_id)}` }),
    stays: 'They may raise it again.',
  }),
  remove: ({ message_id, name }) => ({
    says: `Delete a message of ${name}`,
    done: 'The message was deleted',
    reasonless: true,
    send: () => ({ method: 'DELETE', chat: true, path: `/messages/${at(message_id)}` }),
    stays: 'It can’t be put back: what it said stays on the log, for those who may see the record.',
  }),
  report: ({ name, message_id }) => ({
    says: message_id ? `Report a message of ${name}` : `Report ${name}`,
    done: 'The moderators have your report',
    quiet: true,
    send: (text) => ({ method: 'POST', path: '/reports', body: { ...(message_id ? { message_id } : { subject: name }), text } }),
    stays: 'Who reported is known to the moderators alone. You see at “Me” whether it is still looked into.',
  }),
  settings: ({ changes, before }) => ({
    says: `Change ${Object.keys(changes).join(', ')}`,
    done: `${Object.keys(changes).join(', ')} changed`,
    reasonless: true,
    send: () => ({ method: 'PATCH', path: '/settings', body: changes }),
    undo: { says: 'Set it back', method: 'PATCH', path: '/settings', body: before },
  }),
}
const restrict = (list, name, says, done, back) => ({
  says: `${says} ${name}`,
  done: `${name} is ${done}`,
  mayEnd: true,
  send: (reason, until) => ({ method: 'PUT', path: `/${list}/${at(name)}`, body: { reason, until } }),
  undo: { says: back, method: 'DELETE', path: `/${list}/${at(name)}`, body: {} },
})
const release = (list, name, was, [says, done, back]) => ({
  says: `${says} ${name}`,
  done: `${name} is ${done}`,
  reasonless: true,
  send: () => ({ method: 'DELETE', path: `/${list}/${at(name)}`, body: {} }),
  undo: { says: back, method: 'PUT', path: `/${list}/${at(name)}`, body: { reason: was?.reason, until: was?.until } },
})

const MINUTES = [
  ['', 'until lifted'],
  ['10', '10 minutes'],
  ['60', 'an hour'],
  ['1440', 'a day'],
  ['10080', 'a week'],
]

/** Dispatches `acted` with the position once an act was done. */
class ActDialog extends View {
  static properties = { space: {}, act: { state: true }, told: { state: true }, problem: { state: true }, sending: { state: true } }
  constructor() {
    super()
    this.told = []
  }
  ask(name, about) {
    this.act = ACTS[name](about)
    this.problem = null
    this.updateComplete.then(() => this.querySelector('dialog').showModal())
  }
  async send({ method, path, chat, body }) {
    const base = chat ? spacePath(this.space).replace('/api/spaces/', '/api/chat/') : spacePath(this.space)
    const given = body && Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== null && value !== ''))
    const answer = await api(`${base}${path}`, { method, ...(given ? { body: given } : {}) })
    this.dispatchEvent(new CustomEvent('acted', { detail: answer, bubbles: true }))
    return answer
  }
  async go(event) {
    event.preventDefault()
    const form = new FormData(event.target)
    const minutes = Number(form.get('minutes') || 0)
    const until = minutes > 0 ? new Date(Date.now() + minutes * 60_000).toISOString() : undefined
    const { act } = this
    this.sending = true
    try {
      const { position, success } = await this.send(act.send(form.get('reason') || undefined, until))
      this.tell({ says: act.done, position: act.quiet ? undefined : position, success, undo: act.undo, stays: act.stays })
      this.close()
    } catch (problem) {
      this.problem = problem
    } finally {
      this.sending = false
    }
  }
  tell(what) {
    this.told = [what, ...this.told].slice(0, 8)
  }
  async undo(what) {
    try {
      const { position } = await this.send(what.undo)
      this.told = this.told.map((one) => (one === what ? { ...one, undo: null, stays: 'Taken back.' } : one))
      this.tell({ says: `Taken back: ${what.says}`, position })
    } catch (problem) {
      this.tell({ says: `Not taken back: ${problem.message}` })
    }
  }
  close() {
    this.querySelector('dialog').close()
    this.act = null
  }
  render() {
    return html`<dialog aria-labelledby="act-title" @cancel=${() => (this.act = null)}>${this.act ? this.form(this.act) : nothing}</dialog>
      <ol class="told" aria-live="polite" aria-label="what you did here">${this.told.map(
        (one) => html`<li>${one.says}. ${one.position ? html`<a href=${to.why(this.space, one.position)}>Place ${one.position} on the log</a>` : nothing}
          ${one.undo ? html`<button type="button" class="undo" @click=${() => this.undo(one)}>${one.undo.says}</button>` : nothing}
          ${one.stays ? html`<small>${one.stays}</small>` : nothing}</li>`,
      )}</ol>`
  }
  form(act) {
    return html`<form @submit=${this.go}>
      <h3 id="act-title">${act.says}</h3>
      ${act.reasonless ? nothing : html`<label>Reason<input name="reason" maxlength="500" autocomplete="off" placeholder=${act.quiet ? 'for the moderators' : 'kept on the log'}></label>`}
      ${act.mayEnd ? html`<label>For<select name="minutes">${MINUTES.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select></label>` : nothing}
      ${act.stays ? html`<p>${act.stays}</p>` : nothing}
      ${problemBox(this.problem)}
      <div class="ends"><button type="button" @click=${this.close}>Cancel</button>
        <button type="submit" class="primary" ?disabled=${this.sending}>${act.says}</button></div>
    </form>`
  }
}
customElements.define('act-dialog', ActDialog)
