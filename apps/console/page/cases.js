// A room's cases: which wait, who handles the others, and each case with the steps that the reader's part in it allows.
import { html, nothing } from 'lit'
import { api, me, query, spacePath } from './api.js'
import { to, when, who } from './parts.js'
import { problemBox, View } from './view.js'

const LISTS = [
  ['', 'all'],
  ['open', 'waiting'],
  ['taken', 'in hand'],
  ['appealed', 'appealed'],
  ['closed', 'closed'],
]
const MINUTES = [
  ['', 'until lifted'],
  ['60', 'an hour'],
  ['1440', 'a day'],
  ['10080', 'a week'],
]
const WORDS = {
  opened: 'opened it',
  reported: 'reported',
  taken: 'took it in hand',
  noted: 'noted',
  acted: 'acted',
  closed: 'closed it',
  appealed: 'appealed',
  decided: 'heard the appeal',
}
const stateOf = ({ status, outcome, appeal }) =>
  appeal === 'made' ? 'appealed' : appeal ? `appeal: ${appeal}` : status === 'closed' ? `closed: ${outcome}` : status
const OF = { message: 'a message of ', entity: 'something pinned by ' }
const about = (one) => OF[one.about] ?? ''

class CasesView extends View {
  static properties = { ...View.properties, space: {}, generation: {}, list: { state: true } }
  static about = ['space', 'generation', 'list']
  constructor() {
    super()
    this.list = ''
    this.every(5_000)
  }
  load() {
    return api(`${spacePath(this.space)}/cases${query({ status: this.list, limit: 100 })}`)
  }
  show({ cases }) {
    return html`<div class="bar"><label>Show <select aria-label="which cases" @change=${(event) => (this.list = event.target.value)}>
        ${LISTS.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select></label>
        <small>Those about people below you, the longest open first.</small></div>
      <filtered-queue quiet="quiet" .space=${this.space} .generation=${this.generation}></filtered-queue>
      <section class="panel" aria-label="queue"><h3>Cases <small>${cases.length}</small></h3>
      ${cases.length === 0 ? html`<p class="empty">Nothing waits.</p>` : nothing}
      <ul class="rows">${cases.map(
        (one) => html`<li><a href=${to.case(this.space, one.case_id)}>${about(one)}${one.subject}</a>
          <span class="state">${stateOf(one)}</span>
          <small>${one.reports} ${one.reports === 1 ? 'report' : 'reports'} · since ${when(one.opened_at)}${one.taken_by ? ` · in the hands of ${one.taken_by}` : ''}</small></li>`,
      )}</ul></section>`
  }
}
customElements.define('cases-view', CasesView)

class CaseView extends View {
  static properties = { ...View.properties, space: {}, id: {}, generation: {}, told: { state: true } }
  static about = ['space', 'id', 'generation']
  get base() {
    return `${spacePath(this.space)}/cases/${encodeURIComponent(this.id)}`
  }
  async load() {
    const found = await api(`${this.base}${query({ min_position: this.since })}`)
    const at = `${spacePath(this.space)}/at${query({ position: found.case.moment.position, messages: 20 })}`
    return { ...found, then: await api(at).catch(() => null) }
  }
  async send(path, body) {
    this.told = null
    try {
      const { position } = await api(`${this.base}${path}`, { method: 'POST', body })
      this.since = position
      await this.reload()
    } catch (problem) {
      this.told = problem
    }
  }
  /** A form that sends each field under its name, without the empty ones. */
  form(label, path, fields, more = (given) => given) {
    const go = (event) => {
      event.preventDefault()
      const given = [...new FormData(event.target)].filter(([, value]) => value !== '')
      this.send(path, more(Object.fromEntries(given)))
      event.target.reset()
    }
    return html`<form class="another" aria-label=${label} @submit=${go}>${fields}<button type="submit" class="primary">${label}</button></form>`
  }
  show({ case: one, steps, then }) {
    return html`<div class="bar"><h3>${about(one)}${who(one.subject, this.space)}</h3><span class="state">${stateOf(one)}</span>
        <a href=${to.cases(this.space)}>all cases</a></div>
      ${problemBox(this.told)}
      <div class="panels">
        <section class="panel" aria-label="steps"><h3>What was written</h3><ol class="rows">${steps.map((step) => this.step(step))}</ol></section>
        ${this.moment(one, then)} ${this.mine(one)}
      </div>`
  }
  step({ what, by, at, text, act, until, rule, reason, outcome }) {
    return html`<li>${who(by, this.space)} ${WORDS[what] ?? what}${act ? html` (<b>${act}</b>${until ? html` until ${when(until, 'long')}` : nothing})` : nothing}
      ${outcome ? html`<b>${outcome}</b>` : nothing} <small>${when(at)}</small>
      ${text ? html`<span class="words">“${text}”</span>` : nothing}
      ${rule ? html`<small>rule: ${rule}</small>` : nothing}${reason ? html`<small>“${reason}”</small>` : nothing}</li>`
  }
  moment(one, then) {
    const said = then?.messages.find((message) => message.message_id === one.message_id)
    return html`<section class="panel" aria-label="moment"><h3>The moment</h3>
      ${said ? html`<p class="words">${who(one.subject, this.space)}: ${said.content}</p>` : nothing}
      ${then ? html`<p class="facts">${then.present.length} were in.</p>` : nothing}
      <a href=${to.time(this.space, one.moment.position)}>The room as it stood</a></section>`
  }
  /** What the reader may do now; the server decides. */
  mine(one) {
    if (one.appeal === 'made') return this.hearing()
    if (one.status === 'closed') return nothing
    if (one.taken_by !== me.account)
      return html`<section class="panel" aria-label="yours"><h3>Yours to do</h3>
        <button type="button" class="primary" @click=${() => this.send('/take', {})}>Take it in hand</button>${this.note()}</section>`
    const acts = ['mute', 'ban', 'kick', ...(one.about === 'person' ? [] : ['delete'])]
    const until = ({ minutes, ...given }) =>
      minutes ? { ...given, until: new Date(Date.now() + Number(minutes) * 60_000).toISOString() } : given
    return html`<section class="panel" aria-label="yours"><h3>Yours to do</h3>
      ${this.form(
        'Act',
        '/acts',
        html`<select name="act" aria-label="act">${acts.map((act) => html`<option>${act}</option>`)}</select>
        <select name="minutes" aria-label="for">${MINUTES.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select>
        <input name="rule" aria-label="rule" placeholder="rule" maxlength="100" required><input name="reason" aria-label="reason" placeholder="reason, which they are told" maxlength="500" required>`,
        until,
      )}
      ${this.form(
        'Close',
        '/close',
        html`<select name="outcome" aria-label="outcome"><option>${one.did.length > 0 ? 'acted' : 'dismissed'}</option></select>
        <input name="rule" aria-label="rule of the outcome" placeholder="rule" maxlength="100" ?required=${one.did.length > 0}><input name="reason" aria-label="reason of the outcome" placeholder="reason" maxlength="500" ?required=${one.did.length > 0}>`,
      )}
      ${this.note()}</section>`
  }
  note() {
    return this.form('Note', '/notes', html`<input name="text" aria-label="note" placeholder="a note for moderators" maxlength="1000" required>`)
  }
  hearing() {
    return html`<section class="panel" aria-label="yours"><h3>An appeal to hear</h3>
      ${this.form(
        'Decide',
        '/hearing',
        html`<select name="outcome" aria-label="decision"><option value="stands">it stands</option><option value="lifted">it is lifted</option></select>
        <input name="reason" aria-label="reason of the decision" placeholder="reason, which they are told" maxlength="500" required>`,
      )}<p class="hint">Another than whoever acted hears it.</p></section>`
  }
}
customElements.define('case-view', CaseView)
