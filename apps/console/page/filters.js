// A room's filters: the messages that they caught, for a moderator to settle, and the filters themselves, for an admin to set.
import { html, nothing } from 'lit'
import { api, query, spacePath } from './api.js'
import { nameOf, to, when, who } from './parts.js'
import './lists.js'
import { Sending } from './sending.js'
import { problemBox } from './view.js'

const part = encodeURIComponent
const did = ({ held, edits, approved, reported, muted_until }) =>
  [edits && 'an edit', held && (approved ? 'let through, not posted yet' : 'held'), reported && 'reported', muted_until && 'writer muted'].filter(Boolean).join(' · ')

class FilteredQueue extends Sending {
  static properties = { ...Sending.properties, quiet: {}, cursor: { state: true } }
  static about = ['space', 'generation', 'cursor']
  constructor() {
    super()
    this.every(5_000)
  }
  load() {
    return api(`${spacePath(this.space)}/filtered${query({ cursor: this.cursor })}`)
  }
  drop(event, id) {
    event.preventDefault()
    this.send('POST', `/filtered/${part(id)}/drop`, { reason: new FormData(event.target).get('reason') || undefined })
  }
  show({ messages, muted, next_cursor }) {
    if (this.quiet && messages.length === 0) return nothing
    return html`${problemBox(this.told)}<section class="panel" aria-label="caught by filters"><h3>Caught by filters <small>${messages.length}${next_cursor ? '+' : ''}</small></h3>
      ${messages.length === 0 ? html`<p class="empty">Nothing waits.</p>` : nothing}
      <ul class="rows">${messages.map((one) => this.row(one))}</ul>
      ${this.cursor ? html`<button type="button" @click=${() => (this.cursor = undefined)}>From the first</button>` : nothing}
      ${next_cursor ? html`<button type="button" @click=${() => (this.cursor = next_cursor)}>Further ones</button>` : nothing}
      ${
        muted.length === 0
          ? nothing
          : html`<h3>Muted in the chat by filters</h3><ul class="rows">${muted.map(
              (one) => html`<li>${who(one.subject, this.space)} <small>until ${when(one.until)} · ${one.filter_id}</small>
              <button type="button" class="act" aria-label="End the mute of ${one.subject}" @click=${() => this.send('POST', `/filtered/${part(one.message_id)}/approve`, {})}>End it</button></li>`,
            )}</ul>`
      }</section>`
  }
  row(one) {
    const name = nameOf(one)
    const id = one.message_id
    return html`<li>${who(name, this.space)} <span class="state">${did(one)}</span> <small>${one.filters.join(', ')} · ${when(one.at)}</small>
      <span class="words">${one.content ?? html`<em>gone</em>`}</span>
      <form class="another" @submit=${(event) => this.drop(event, id)}>
        <button type="button" class="primary" aria-label="${one.held ? 'Let through' : 'In order'}: a message of ${name}" @click=${() => this.send('POST', `/filtered/${part(id)}/approve`, {})}>${one.held ? 'Let through' : 'In order'}</button>
        <input name="reason" aria-label="reason" placeholder="reason, which they are told" maxlength="500">
        <button type="submit" class="act">${one.held ? 'Drop' : 'Delete'}</button></form></li>`
  }
}
customElements.define('filtered-queue', FilteredQueue)

const ACTS = [
  ['hold', 'hold it for moderators'],
  ['mute', 'mute the writer'],
  ['report', 'report it'],
]
const looksFor = ({ words, count, seconds }) => (words ? words.join(', ') : `more than ${count} messages in ${seconds} s`)

class FiltersView extends Sending {
  async load() {
    return api(`${spacePath(this.space)}/filters`)
  }
  async add(event) {
    event.preventDefault()
    const form = event.target
    const given = new FormData(form)
    const words = given.get('words').split(/[\n,]/).map((one) => one.trim()).filter(Boolean)
    const number = (name) => (given.get(name) === '' ? undefined : Number(given.get(name)))
    const acts = given.getAll('acts')
    const body = {
      ...(words.length > 0 ? { words } : { count: number('count'), seconds: number('seconds') }),
      acts,
      ...(acts.includes('mute') ? { mute_seconds: number('mute_seconds') } : {}),
    }
    if (await this.send('PUT', `/filters/${part(given.get('filter_id'))}`, body)) form.reset()
  }
  show({ filters }) {
    return html`${problemBox(this.told)}<filtered-queue .space=${this.space} .generation=${this.generation}></filtered-queue>
      <div class="panels"><section class="panel" aria-label="filters"><h3>Filters <small>${filters.length}</small></h3>
        <p class="hint">They act by themselves on what people below moderator write.</p>
        ${filters.length === 0 ? html`<p class="empty">There are none.</p>` : nothing}
        <ul class="rows">${filters.map(
          (one) => html`<li><b>${one.filter_id}</b> <span class="state">${one.acts.join(', ')}${one.mute_seconds ? ` for ${one.mute_seconds} s` : ''}</span>
            <span class="words">${looksFor(one)}</span> <small>set by ${who(one.set_by, this.space)} ${when(one.set_at)}</small>
            <button type="button" class="act" aria-label="Remove the filter ${one.filter_id}" @click=${() => this.send('DELETE', `/filters/${part(one.filter_id)}`)}>Remove</button></li>`,
        )}</ul></section>
      <section class="panel" aria-label="set a filter"><h3>Set a filter</h3>
        <form class="fields" aria-label="filter" @submit=${this.add}>
          <label>Name<input name="filter_id" required maxlength="40" pattern="[a-z0-9][a-z0-9\\-]*" autocomplete="off" placeholder="rude-words"></label>
          <label>Words and phrases<textarea name="words" rows="3" aria-describedby="words-hint"></textarea></label>
          <p class="hint" id="words-hint">One a line; * at an end stands for the rest of a word. Or leave it empty, and count:</p>
          <div class="another"><label>More than<input name="count" type="number" min="1" max="20"></label><label>messages in<input name="seconds" type="number" min="1" max="600"></label> s</div>
          <fieldset><legend>Then</legend>${ACTS.map(([name, label]) => html`<label class="check"><input type="checkbox" name="acts" value=${name}> ${label}</label>`)}</fieldset>
          <label>Mute for, in seconds<input name="mute_seconds" type="number" min="1" max="604800"></label>
          <button type="submit" class="primary">Set it</button>
          <p class="hint">A filter of that name is replaced. For admins; every change is on the <a href=${`${to.room(this.space)}/record`}>record</a>.</p>
        </form></section></div>
      <ban-lists .space=${this.space} .generation=${this.generation}></ban-lists>`
  }
}
customElements.define('filters-view', FiltersView)
