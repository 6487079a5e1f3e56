// A room as it was at a moment: people and their places, the bans, settings and the like that were in force and the
// event that set each, and the chat as it read.
import { html, nothing, svg } from 'lit'
import { colour, nameOf, to, when, who } from './parts.js'

const number = (value) => (Number.isFinite(value) ? value : 0)
/** A map seen from above, as wide as the people in the room are apart. */
const floor = (present) => {
  const placed = present.filter(({ position }) => position && Number.isFinite(position.x))
  if (placed.length === 0) return nothing
  // It is 2.4 by 1.4 of these, so that whoever is far in front or behind is still on it.
  const far = Math.max(3, ...placed.map(({ position }) => Math.max(Math.abs(number(position.x)), (2.4 / 1.4) * Math.abs(number(position.z)))))
  const [w, h] = [far * 2.4, far * 1.4]
  return html`<svg class="floor" viewBox="${-w / 2} ${-h / 2} ${w} ${h}" role="img" aria-label="where they stood, from above">${placed.map((one) => {
    const z = Math.max(-h / 2, Math.min(h / 2, number(one.position.z)))
    return svg`<g transform="translate(${number(one.position.x)} ${z})"><circle r=${far / 22} fill=${colour(nameOf(one))}><title>${nameOf(one)}</title></circle></g>`
  })}</svg>`
}
const set = (ref, space) => (ref ? html` <a href=${to.time(space, ref.position)}>set here</a>` : nothing)
const rows = (label, list, row) =>
  html`<h4>${label} <small>${list.length}</small></h4>${list.length === 0 ? nothing : html`<ul class="rows">${list.map(row)}</ul>`}`

export const stood = (moment, space) => html`
  <section class="panel" aria-label="people then"><h3>In then <small id="present">${moment.present.length}</small></h3>${floor(moment.present)}
    <ul class="rows people">${moment.present.map((one) => html`<li>${who(nameOf(one), space)} <small>${one.subspace} · since ${when(one.since, 'long')}${one.voice_enabled ? ' · speaking' : ''}</small>${one.hand_raised ? ' ✋' : nothing}</li>`)}</ul>
    ${moment.queue.length > 0 ? rows('Waiting for a seat', moment.queue, (one) => html`<li>${one.position}. ${one.subject} <small>since ${when(one.since, 'long')}</small></li>`) : nothing}
    ${moment.seats_held.length > 0 ? rows('Seats held', moment.seats_held, (seat) => html`<li>${seat.subject} <small>until ${when(seat.until, 'long')}</small></li>`) : nothing}</section>
  <section class="panel wide" aria-label="chat then"><h3>Chat, as it read then</h3><ol class="chat" tabindex="0" aria-label="messages then">${moment.messages.toReversed().map(
    (message) => html`<li>${who(nameOf(message), space)} <span class="words ${message.is_deleted ? 'gone' : ''}">${message.erased_by_request ? 'erased' : message.is_deleted ? `deleted by ${message.deleted_by}` : message.content}</span>
      <small>${when(message.created_at, 'long')}${message.edited_at ? ' · edited' : ''} ${message.event ? html`<a href=${to.why(space, message.event.position)}>why</a>` : nothing}</small></li>`,
  )}</ol></section>
  <section class="panel" aria-label="in force then"><h3>In force then</h3>
    ${rows('Permissions', moment.permissions, (one) => html`<li>${who(one.user_account, space)} <b>${one.permission}</b> <small>by ${one.granted_by}${set(one.event, space)}</small></li>`)}
    ${rows('Bans', moment.bans, (one) => html`<li>${who(one.subject, space)} <small>by ${one.banned_by}${one.reason ? html` · “${one.reason}”` : nothing}${set(one.event, space)}</small></li>`)}
    ${rows('Mutes', moment.mutes, (one) => html`<li>${who(one.subject, space)} <small>by ${one.muted_by}${one.reason ? html` · “${one.reason}”` : nothing}${set(one.event, space)}</small></li>`)}
    <h4>Settings</h4><dl>${Object.entries(moment.settings).map(([name, value]) => html`<dt>${name.replaceAll('_', ' ')}</dt><dd>${typeof value === 'object' ? html`<code>${JSON.stringify(value)}</code>` : String(value)}${set(moment.settings_set_by[name], space)}</dd>`)}</dl></section>`
