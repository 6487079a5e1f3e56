// What is said in the room: the list, a menu for each message, and the line to write in.
import { api, notice } from './api.js'
import { $, el, ink, withLinks } from './dom.js'
import { openMenu } from './menu.js'
import { openReport } from './report.js'
import { PASSING, againAfter, mayAs, socket, tell } from './socket.js'
import { calledOf, clock, nameOf, pathOf, sameRoom, state } from './state.js'
import { makeTyping } from './typing.js'

export const typing = makeTyping(socket, (id) => (state.people.has(id) ? calledOf(state.people.get(id)) : null))

const EMOJI = ['👍', '❤️', '😂', '🎉', '🤔']
const messageMenu = (anchor, message) => {
  const { message_id } = message
  const isMine = nameOf(message) === state.id
  const item = anchor.closest('li')
  const words = () => item.querySelector('.words').textContent
  const reactions = el(
    'div',
    { className: 'emoji' },
    ...EMOJI.map((emoji) => {
      const mine = reactionsOf(message_id).get(emoji)?.has(state.id) === true
      const act = () => {
        $('menu').hidePopover()
        tell('chat-reaction', { message_id, emoji, ...(mine ? { remove: true } : {}) })
      }
      const button = el('button', { type: 'button', textContent: emoji, onclick: act })
      button.setAttribute('aria-pressed', String(mine))
      return button
    }),
  )
  openMenu(
    anchor,
    nameOf(message),
    [
      ['Reply', () => compose({ kind: 'reply', message_id, words: `Reply to ${calledOf(message)}` })],
      isMine ? ['Edit', () => compose({ kind: 'edit', message_id, words: 'Edit your message' }, words())] : null,
      isMine || mayAs('moderate') ? ['Delete', () => tell('chat-delete', { message_id })] : null,
      isMine ? null : ['Report', () => openReport(anchor, `the message of ${calledOf(message)}`, { message_id })],
    ],
    reactions,
  )
}

const stickToEnd = (change) => {
  const list = $('chat')
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60
  change(list)
  if (atEnd) list.scrollTop = list.scrollHeight
}
export const news = (text) => stickToEnd((list) => list.append(el('li', { className: 'news', textContent: text })))
/** The last one, or, of earlier ones, above `before`. */
export const showMessage = (message, before = null) => {
  if (state.seen.has(message.message_id)) return
  state.seen.add(message.message_id)
  const by = el('span', { className: 'by', textContent: `${calledOf(message)} `, title: nameOf(message) })
  by.style.color = ink(calledOf(message))
  const words = el('span', { className: 'words' }, ...withLinks(message.content ?? ''))
  if (message.is_deleted) Object.assign(words, { className: 'words gone', textContent: 'deleted' })
  const more = el('button', { type: 'button', className: 'more', textContent: '⋯' })
  more.setAttribute('aria-label', `what to do with the message of ${calledOf(message)}`)
  more.onclick = () => messageMenu(more, message)
  const meta = el('span', {
    className: 'meta',
    textContent: `${clock(message.created_at)} · #${message.revision}`,
    title: `revision ${message.revision} of this room's chat, position ${message.position} of the log`,
  })
  const item = el('li', {}, answersTo(message), el('span', {}, by, words), meta, more, el('span', { className: 'reactions' }))
  item.dataset.id = message.message_id
  if (before) before.before(item)
  else stickToEnd((list) => list.append(item))
  for (const { emoji, by: subjects } of message.reactions ?? [])
    for (const subject of subjects) countReaction(message.message_id, emoji, subject, false)
}
/** The line above a reply: whom it answers, and a way there. */
const answersTo = (message) => {
  if (!message.parent_message_id) return ''
  const parent = messageItem(message.parent_message_id)
  const said = parent?.querySelector('.words').textContent ?? 'an earlier message'
  const link = el('button', { type: 'button', className: 'answers', textContent: `↪ ${said.slice(0, 80)}` })
  link.onclick = () => messageItem(message.parent_message_id)?.scrollIntoView({ block: 'center' })
  return link
}
const messageItem = (id) => $('chat').querySelector(`li[data-id="${CSS.escape(id)}"]`)
const reactionsOf = (id) => state.reactions.get(id) ?? new Map()
export const countReaction = (id, emoji, subject, removed) => {
  const all = reactionsOf(id)
  const by = all.get(emoji) ?? new Set()
  removed ? by.delete(subject) : by.add(subject)
  by.size === 0 ? all.delete(emoji) : all.set(emoji, by)
  state.reactions.set(id, all)
  messageItem(id)
    ?.querySelector('.reactions')
    .replaceChildren(
      ...[...all].map(([sign, who]) => el('span', { textContent: `${sign} ${who.size}`, title: [...who].join(', ') })),
    )
}
/** What the next words are: a new message, a reply, or another reading of one's own. */
export const compose = (what, words = '') => {
  state.composing = what
  $('composing').hidden = what === null
  $('composing-words').textContent = what?.words ?? ''
  if (what) $('words').value = words
  $('words').focus()
}
$('composing-end').addEventListener('click', () => compose(null))
export const changeMessage = (id, change) => {
  const words = messageItem(id)?.querySelector('.words')
  if (words) change(words)
}
/** `position`: where on the log the room's state was when we were let in. What was said up to there is no news to us, so the tables must have it. */
export const loadChat = async (room, position) => {
  try {
    const subspace = state.subspace
    const reached = position === undefined ? '' : `&min_position=${position}`
    const { messages, has_more } = await api(`/api/chat/${pathOf(room)}/messages?limit=50&subspace=${subspace}${reached}`)
    if (!sameRoom(room, state.room) || subspace !== state.subspace) return
    $('more').hidden = !has_more
    const live = [...$('chat').children]
    state.seen.clear()
    $('chat').replaceChildren()
    for (const message of messages) showMessage(message)
    // What came while the history was on its way stays, once.
    for (const item of live) if (!item.dataset.id || !state.seen.has(item.dataset.id)) $('chat').append(item)
    $('chat').scrollTop = $('chat').scrollHeight
  } catch (error) {
    // Meanwhile there is what the tables have.
    if (error.code === 'not_caught_up') void loadChat(room)
    else notice(error.message)
    if (PASSING.test(error.code)) setTimeout(() => sameRoom(room, state.room) && loadChat(room, position), againAfter(error))
  }
}
$('more').addEventListener('click', async () => {
  const first = $('chat').querySelector('li[data-id]')
  if (!first) return
  const query = `limit=50&subspace=${state.subspace}&before=${first.dataset.id}`
  try {
    const { messages, has_more } = await api(`/api/chat/${pathOf(state.room)}/messages?${query}`)
    const { scrollHeight } = $('chat')
    for (const message of messages) showMessage(message, first)
    $('chat').scrollTop += $('chat').scrollHeight - scrollHeight
    $('more').hidden = !has_more
  } catch (error) {
    notice(error.message)
  }
})
$('say').addEventListener('submit', (event) => {
  event.preventDefault()
  const content = $('words').value.trim()
  if (!content) return
  $('words').value = ''
  typing.sent()
  const what = state.composing
  compose(null)
  const [kind, payload] =
    what?.kind === 'edit'
      ? ['chat-edit', { content, message_id: what.message_id }]
      : // Sent again under the same id after a cut line, it is still one message.
        ['chat-message', { content, message_id: crypto.randomUUID(), ...(what ? { parent_message_id: what.message_id } : {}) }]
  socket.timeout(10_000).emit(kind, payload, (late, answer) => {
    if (late) notice('No answer yet: the message is sent again when the connection is back.')
    else if (!answer.ok) {
      notice(answer.error)
      if ($('words').value === '') $('words').value = content
    }
  })
})
