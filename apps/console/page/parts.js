// Small pieces that several views show: names, times, rows of the audit log, links between views.
import { html, nothing } from 'lit'

const part = encodeURIComponent
/** All links between views. `at`: a position on the log, or a time. */
export const to = {
  rooms: () => '#/rooms',
  room: (key) => `#/room/${part(key)}`,
  time: (key, at) => `#/room/${part(key)}/time${at === undefined ? '' : `?at=${part(at)}`}`,
  cases: (key) => `#/room/${part(key)}/cases`,
  whatIf: (key) => `#/room/${part(key)}/what-if`,
  filters: (key) => `#/room/${part(key)}/filters`,
  case: (key, id) => `#/room/${part(key)}/cases/${part(id)}`,
  me: () => '#/me',
  why: (key, event) => `#/room/${part(key)}/why/${part(event)}`,
  person: (name, key) => `#/person/${part(name)}${key ? `?space=${part(key)}` : ''}`,
  proof: (position) => `#/proof${position === undefined ? '' : `/${part(position)}`}`,
  search: (filters) => `#/search?${new URLSearchParams(filters)}`,
}

const hue = (name) => {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360
  return hash
}
export const colour = (name) => `hsl(${hue(name)} 60% 50%)`
export const nameOf = (one) => one.user_account ?? one.guest_id ?? one.subject ?? 'system'
export const who = (name, key) =>
  html`<a class="who" href=${to.person(name, key)}><svg class="dot" viewBox="0 0 8 8" aria-hidden="true"><circle cx="4" cy="4" r="4" fill=${colour(name)}></circle></svg>${name}</a>`

// Made once: to make one takes longer than to draw a row.
const DAY = new Intl.DateTimeFormat([], { year: 'numeric', month: 'short', day: 'numeric' })
const CLOCK = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit' })
export const when = (iso, how = 'short') => {
  if (!iso) return nothing
  const date = new Date(iso)
  const isToday = date.toDateString() === new Date().toDateString()
  const clock = CLOCK.format(date)
  return html`<time datetime=${iso} title=${iso}>${isToday && how === 'short' ? clock : `${DAY.format(date)}, ${clock}`}</time>`
}

export const KINDS = {
  people: { label: 'people', of: /^(Entry|Seat|Session|Place|Voice|Hand)/ },
  words: { label: 'words', of: /^(Message|Reaction)/ },
  moderation: { label: 'moderation', of: /^(Permission|Account|Settings|Filter|BanList|SpaceOpened)/ },
  refusals: { label: 'refusals', of: /^CommandRefused$/ },
  other: { label: 'looks and other', of: /^/ },
}
export const kindOf = (type) => Object.keys(KINDS).find((kind) => KINDS[kind].of.test(type))

/** An event in one line of text, from its own values alone. */
export const summaryOf = ({ action, details }) => {
  const of = details ?? {}
  switch (action) {
    case 'MessagePosted':
    case 'MessageEdited':
    case 'MessageHeld':
      return of.content ?? ''
    case 'CommandRefused':
      return `${of.command ?? ''}: ${of.reason ?? ''}`
    case 'SettingsChanged':
      return JSON.stringify(of.changes ?? {})
    case 'FilterSet':
      return `${of.filterId ?? ''}: ${(of.acts ?? []).join(', ')}`
    case 'BanListFollowed':
    case 'BanListLeft':
      return of.listId ?? ''
    case 'BanListChanged':
      return `${of.listId ?? ''}: ${of.added?.length ?? 0} more or other, ${of.removed?.length ?? 0} fewer`
    case 'FilterRemoved':
    case 'FilterActed':
      return [of.filterId, of.act, of.until && `until ${of.until}`].filter(Boolean).join(' · ')
    case 'PermissionGranted':
      return [of.permission, of.reason].filter(Boolean).join(': ')
    case 'AuditRead':
      return `${of.call ?? ''}${of.filters ? ` ${JSON.stringify(of.filters)}` : ''}`
    default:
      return [of.reason, of.until && `until ${of.until}`, of.emoji].filter(Boolean).join(' · ')
  }
}

const keyOf = (row) => `${row.space_type}:${row.space_id}`
/** Rows of the audit log. `key`: their room, if they are all of one. */
export const recordTable = (rows, key) => html`<div class="scroll" tabindex="0" role="region" aria-label="rows of the record">
  <table class="record">
    <thead><tr><th>when</th>${key ? nothing : html`<th>room</th>`}<th>who</th><th>what</th><th>to</th><th>says</th><th>more</th></tr></thead>
    <tbody>${rows.map((row) => recordRow(row, key))}</tbody>
  </table></div>`
const recordRow = (row, key) => {
  const room = keyOf(row)
  const isRoom = !row.stream.startsWith('access-')
  return html`<tr>
    <td class="num">${when(row.created_at)}</td>
    ${key ? nothing : html`<td>${room.includes('*') ? room : html`<a href=${to.room(room)}>${room}</a>`}</td>`}
    <td>${row.user_account ?? row.guest_id ? who(row.user_account ?? row.guest_id, key) : 'system'}</td>
    <td><span class="kind ${kindOf(row.action)}">${row.action}</span></td>
    <td>${row.target ? (row.target.length > 24 ? html`<code title=${row.target}>${row.target.slice(0, 8)}…</code>` : who(row.target, key)) : nothing}</td>
    <td class="says">${row.erased_by ? html`<em>erased</em>` : summaryOf(row)}</td>
    <td class="links">${isRoom ? html`<a href=${to.time(room, row.position)}>moment</a> <a href=${to.why(room, row.position)}>why</a>` : nothing}
      <a href=${to.proof(row.position)}>proof</a></td>
  </tr>`
}
