// "Me": what is held on the reader and who looked at it, all of it as a file, and erasing it; what was done to the
// reader and how to appeal; what the reader reported.
import { html, nothing } from 'lit'
import { api, download, me, query, spacePath } from './api.js'
import { to, when } from './parts.js'
import { problemBox, View } from './view.js'

const some = (count, one, more = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : more}`
const LOOKS = 20
const SHOWN = 12
const DAYS = (count) => (count === 0 ? 'at once' : `after ${some(count, 'day')}`)
/** What an erasure waits for besides its time. */
const WAITS = { legal_hold: 'a legal hold stands', appeal: 'an appeal of yours is not decided' }

class MeView extends View {
  static properties = { ...View.properties, generation: {}, told: { state: true }, asks: { state: true }, looks: { state: true } }
  static about = ['generation']
  async load() {
    const [mine, looks, receipts, reports] = await Promise.all([
      api('/api/me'),
      api(`/api/me/looks${query({ limit: LOOKS })}`),
      api('/api/me/receipts'),
      api('/api/me/reports'),
    ])
    this.looks = looks
    return { ...mine, ...receipts, ...reports }
  }
  async trying(work) {
    this.told = null
    try {
      return await work()
    } catch (problem) {
      this.told = problem
      return undefined
    }
  }
  more() {
    return this.trying(async () => {
      const { looks, next_cursor } = await api(`/api/me/looks${query({ limit: LOOKS, cursor: this.looks.next_cursor })}`)
      this.looks = { looks: [...this.looks.looks, ...looks], next_cursor }
    })
  }
  erase() {
    return this.trying(async () => {
      const { erasure } = await api('/api/me/erasure', { method: 'POST', body: {} })
      this.data = { ...this.data, erasure }
    }).finally(() => this.querySelector('dialog')?.close())
  }
  keep() {
    return this.trying(async () => {
      await api('/api/me/erasure', { method: 'DELETE', body: {} })
      this.data = { ...this.data, erasure: null }
    })
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
  file() {
    return this.trying(() => download('/api/me/data', 'my-data.ndjson'))
  }
  show({ receipts, reports, ...mine }) {
    return html`<div class="bar"><h2>${me.account ?? 'Guest'}</h2></div>
      ${problemBox(this.told)}
      <div class="panels">
        ${this.heldPanel(mine.held)} ${this.looksPanel()} ${this.erasurePanel(mine)}
        <section class="panel" aria-label="receipts"><h3>What was done to you <small>${receipts.length}</small></h3>
          ${receipts.length === 0 ? html`<p class="empty">Nothing.</p>` : nothing}
          <ul class="rows">${receipts.map((one) => this.receipt(one))}</ul></section>
        <section class="panel" aria-label="reports"><h3>What you reported <small>${reports.length}</small></h3>
          ${reports.length === 0 ? html`<p class="empty">Nothing.</p>` : nothing}
          <ul class="rows">${reports.map(
            (one) => html`<li>${one.about === 'person' ? '' : `${one.about} of `}<b>${one.subject}</b> in ${one.space_type}:${one.space_id}
              <small>${when(one.reported_at)} · ${one.closed ? 'it was looked into' : 'it is being looked into'}</small></li>`,
          )}</ul></section>
      </div>`
  }
  heldPanel({ rooms, keys, is_whole: isWhole, ...counts }) {
    const live = keys.filter(({ erased_by: gone }) => gone === null)
    return html`<section class="panel" aria-label="held"><h3>What is held on you <small>${some(rooms.length, 'room')}</small></h3>
      ${rooms.length === 0 ? html`<p class="empty">Nothing of any room.</p>` : nothing}
      <ul class="rows">${rooms.slice(0, SHOWN).map(({ space_type: type, space_id: id, sessions, messages, others, last_at: last }) => {
        const room = `${type}:${id}`
        return html`<li><a href=${to.room(room)}>${room}</a>
          <small>${some(sessions, 'visit')}, ${some(messages, 'message')}, ${some(others, 'other act')}; last ${when(last)}</small></li>`
      })}</ul>
      ${rooms.length > SHOWN ? html`<p class="hint">And ${some(rooms.length - SHOWN, 'more room', 'more rooms')}: all are in the file.</p>` : nothing}
      ${isWhole ? nothing : html`<p class="hint">You did so much that only the latest is counted here.</p>`}
      <p class="hint">${some(counts.reports, 'report')} by you, ${some(counts.receipts, 'case')} in which you were acted on, ${some(counts.permissions, 'permission')},
        ${some(counts.motion_blocks, 'stretch', 'stretches')} of kept motion.
        ${live.length > 0 ? html`What is personal in it is sealed under a key of yours, made ${when(live[0].created_at, 'long')}.` : 'Nothing personal of yours is sealed.'}
        ${keys.filter(({ erased_by: gone }) => gone !== null).map(({ erased_at: at }) => html`An earlier key was destroyed ${when(at, 'long')}.`)}</p>
      <div class="ends"><button type="button" @click=${this.file}>All of it as a file</button>
        ${me.account ? html`<a href=${to.person(me.account)}>Your record</a>` : nothing}</div></section>`
  }
  looksPanel() {
    const { looks, next_cursor: next } = this.looks
    return html`<section class="panel" aria-label="looks"><h3>Who looked at it</h3>
      ${looks.length === 0 ? html`<p class="empty">${next ? 'Nobody lately.' : 'Nobody.'}</p>` : nothing}
      <ul class="rows">${looks.map(
        (one) => html`<li><span><b>${one.by}</b> ${one.by_name ? 'looked for you by name in' : 'looked at the record of'} ${one.space_id === '*' ? 'all rooms' : `${one.space_type}:${one.space_id}`}</span>
          <small>${when(one.at)}${one.times > 1 ? ` · ${some(one.times, 'time')}` : ''}</small></li>`,
      )}</ul>
      ${next ? html`<div class="ends"><button type="button" @click=${this.more}>Earlier ones</button></div>` : nothing}</section>`
  }
  erasurePanel({ erasure, holds, waits_for: waits, erasure_wait_days: days }) {
    return html`<section class="panel" aria-label="erasure"><h3>Erase you</h3>
      ${holds.map(
        (one) => html`<p class="problem" role="note">A legal hold stands on what is held on you, by ${one.placed_by}, since ${when(one.placed_at, 'long')}: “${one.reason}”. Nothing of it is erased while it does.</p>`,
      )}
      ${erasure ? this.waiting(erasure, waits) : html`<p>Your words, avatars, addresses and devices can’t be read by anybody afterwards. That you were there, did something or were banned stays, because it is the record of others too.</p>
        <div class="ends"><button type="button" @click=${() => this.querySelector('dialog').showModal()}>Erase me…</button></div>`}
      <dialog aria-label="erase"><form method="dialog"><h3>Erase what is held on you?</h3>
        <p>It is done ${DAYS(days)}${days > 0 ? ', and until then you can withdraw it' : ''}. Afterwards it can’t be undone.</p>
        <div class="ends"><button>Cancel</button><button type="button" class="primary" @click=${this.erase}>Erase me ${DAYS(days)}</button></div></form></dialog></section>`
  }
  waiting({ asked_at: asked, due_at: due, begun }, waits) {
    if (begun) return html`<p role="status">You are being erased.</p>`
    return html`<p role="status">You asked ${when(asked, 'long')} to be erased. It is done after ${when(due, 'long')}${waits.length > 0 ? html`, but not while ${waits.map((one) => WAITS[one] ?? one).join(', or ')}` : nothing}.</p>
      <div class="ends"><button type="button" class="primary" @click=${this.keep}>Withdraw it</button></div>`
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
