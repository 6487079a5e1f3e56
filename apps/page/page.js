// The start page: rooms, who is in, where they stand, and what they say. No build step, nothing from elsewhere.
import { $, colour, el, icon, ink, shortName, svg, withLinks } from './dom.js'
import { openMenu } from './menu.js'
import { makeSpeaking } from './speaking.js'
import { showSettings } from './settings.js'
import { showSubrooms } from './subrooms.js'
import { makeTyping } from './typing.js'
import { makeView } from './view.js'

const LOBBY = { space_type: 'global', space_id: 'lobby' }

const state = {
  rooms: [],
  room: null, // what the list says of the room we are in
  subspace: 'main', // the room inside it
  people: new Map(), // by socket id
  seen: new Set(), // message ids
  since: null, // revisions, to be told exactly what was missed
  account: sessionStorage.getItem('account'),
  token: sessionStorage.getItem('token'),
  guest: sessionStorage.getItem('guest'), // the token with which a guest stays that guest, also when the page is loaded again
  id: null, // who we are in the room
  role: 'none', // what we are there
  reactions: new Map(), // by message id: by emoji, who
  composing: null, // the message that is answered or edited
}

const nameOf = (user) => user.userAccount ?? user.user_account ?? user.guestId ?? user.guest_id ?? 'somebody'
/** As they are shown. */
const calledOf = (user) => shortName(nameOf(user))
const clock = (when) => new Date(when ?? Date.now()).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })

let noticeTimer
const notice = (text) => {
  $('notice').textContent = text
  $('notice').hidden = false
  clearTimeout(noticeTimer)
  noticeTimer = setTimeout(() => ($('notice').hidden = true), 5000)
}
const api = async (path, options = {}) => {
  const token = state.token ?? state.guest
  // One proof a call: whoever brings another does not send the token.
  const headers = { ...(options.headers ?? (token ? { authorization: `Bearer ${token}` } : {})) }
  if (options.body) headers['content-type'] = 'application/json'
  const response = await fetch(path, { ...options, headers })
  const answer = response.status === 204 ? {} : await response.json()
  if (!response.ok) throw Object.assign(new Error(answer.error ?? response.statusText), { code: answer.code, retry_after: answer.retry_after })
  return answer
}
const pathOf = (room) => `${room.space_type}/${encodeURIComponent(room.space_id)}`
const sameRoom = (a, b) => a && b && a.space_type === b.space_type && a.space_id === b.space_id

// ── rooms ────────────────────────────────────────────────────────────────────────────────────────────────
const showRooms = () => {
  $('rooms').replaceChildren(
    ...state.rooms.map((room) => {
      const button = el(
        'button',
        { type: 'button', onclick: () => enter(room) },
        el('b', { textContent: room.display_name || room.space_id }),
        el('span', { className: 'n', textContent: room.active_users > 0 ? `${room.active_users}` : '' }),
        el('small', { textContent: `${room.space_type}:${room.space_id}` }),
      )
      if (sameRoom(room, state.room)) button.setAttribute('aria-current', 'true')
      return el('li', {}, button)
    }),
  )
}
const loadRooms = async () => {
  try {
    const words = $('search').value.trim()
    state.rooms = (await api(`/api/spaces?limit=50${words === '' ? '' : `&q=${encodeURIComponent(words)}`}`)).spaces
    showRooms()
  } catch (error) {
    if (error.code === 'token_expired' || error.code === 'invalid_proof') logout()
  }
}

let searching
$('search').addEventListener('input', () => {
  clearTimeout(searching)
  searching = setTimeout(loadRooms, 250)
})

// ── people, on the floor and in the list ─────────────────────────────────────────────────────────────────
const RADIUS = 0.35
const place = (user) => {
  const at = user.position
  if (at && Number.isFinite(at.x) && Number.isFinite(at.z)) return { x: at.x, z: at.z }
  let hash = 7
  for (const letter of user.socketId ?? '') hash = (hash * 33 + letter.codePointAt(0)) % 9973
  return { x: (hash % 80) / 10 - 4, z: ((hash >> 3) % 40) / 10 - 2 }
}
const marks = new Map()
const drawPerson = (user) => {
  const { x, z } = place(user)
  let mark = marks.get(user.socketId)
  if (!mark) {
    mark = svg('g', {})
    mark.append(svg('circle', { r: RADIUS, fill: colour(calledOf(user)) }), svg('text', { y: 0.72 }))
    mark.lastChild.textContent = calledOf(user)
    if (user.socketId === socket.id) mark.classList.add('me')
    marks.set(user.socketId, mark)
    $('floor').append(mark)
  }
  mark.style.transform = `translate(${Math.max(-4.6, Math.min(4.6, x))}px, ${Math.max(-2.5, Math.min(2.2, z))}px)`
}
const showPeople = () => {
  for (const [id, mark] of marks)
    if (!state.people.has(id)) {
      mark.remove()
      marks.delete(id)
    }
  const users = [...state.people.values()]
  if (view) view.show(users, socket.id, place)
  else users.forEach(drawPerson)
  $('count').textContent = users.length
  $('people').replaceChildren(
    ...users.slice(0, 200).map((user) => {
      const dot = el('span', { className: 'dot' })
      dot.style.background = colour(calledOf(user))
      const isMe = user.socketId === socket.id
      const signs = [
        user.hand_raised ? icon('hand', 'hand raised') : '',
        user.on_stage ? icon('speak', 'has the word') : '',
        user.voice_enabled ? icon('heard', 'speaks') : '',
      ]
      const words = `${calledOf(user)}${isMe ? ' (you)' : ''}`
      const button = el('button', { type: 'button', title: nameOf(user) }, dot, el('span', { textContent: words }), ...signs)
      button.dataset.socket = user.socketId
      button.onclick = () => personMenu(button, user)
      return el('li', {}, button)
    }),
  )
  showHint()
}

// ── what may be done to a person, a message, the room ────────────────────────────────────────────────────
const RANK = { none: 0, access: 1, moderate: 2, admin: 3, owner: 4 }
const mayAs = (role) => RANK[state.role] >= RANK[role]
const tell = (event, payload, done) =>
  socket.timeout(10_000).emit(event, payload, (late, answer) => {
    if (late) notice('No answer yet: look again when the connection is back.')
    else if (!answer.ok) notice(answer.error)
    else if (done) notice(done)
  })
const IN_AN_HOUR = () => new Date(Date.now() + 3_600_000).toISOString()
const personMenu = (anchor, user, at = null) => {
  const name = nameOf(user)
  const isMe = user.socketId === socket.id
  const raised = user.hand_raised === true
  const hand = isMe
    ? [raised ? 'Lower your hand' : 'Raise your hand', () => tell(raised ? 'hand-lower' : 'hand-raise', {})]
    : raised && mayAs('moderate')
      ? ['Lower their hand', () => tell('hand-lower', { session_id: user.sessionId })]
      : null
  if (isMe) {
    const back = user.on_stage ? ['Give the word back', () => tell('speak-take', {})] : null
    return openMenu(anchor, `${name}, you`, [hand, back], null, at)
  }
  const reason = el('input', { placeholder: 'why (kept on the record)', maxLength: 300 })
  reason.setAttribute('aria-label', 'reason')
  const because = () => (reason.value.trim() === '' ? {} : { reason: reason.value.trim() })
  const account = user.userAccount
  const grant = (permission) => () =>
    tell('permission-grant', { account, permission, ...because() }, `${name} may now ${permission}.`)
  const onIt = state.people.get(socket.id)?.on_stage
  const word = [
    mayAs('moderate') && !user.on_stage ? ['Give the word', () => tell('speak-grant', { session_id: user.sessionId }, `${name} has the word.`)] : null,
    mayAs('moderate') && user.on_stage ? ['Take the word', () => tell('speak-take', { session_id: user.sessionId }, `${name} no longer has the word.`)] : null,
    onIt && !user.on_stage ? ['Hand your word on', () => tell('speak-hand-on', { session_id: user.sessionId }, `${name} has your word now.`)] : null,
  ]
  const moderation = mayAs('moderate')
    ? [
        ['Mute for an hour', () => tell('mute', { subject: name, until: IN_AN_HOUR(), ...because() }, `${name} is muted.`)],
        ['Unmute', () => tell('unmute', { subject: name, ...because() }, `${name} is not muted.`)],
        ['Kick', () => tell('kick', { session_id: user.sessionId, ...because() }, `${name} is out, and may come back.`)],
        ['Ban', () => tell('ban', { subject: name, ...because() }, `${name} is banned.`)],
        mayAs('admin') && account ? ['Make a moderator', grant('moderate')] : null,
        mayAs('owner') && account ? ['Make an admin', grant('admin')] : null,
        mayAs('admin') && account
          ? ['Take permissions back', () => tell('permission-revoke', { account, ...because() }, `${name} has no permission here.`)]
          : null,
      ]
    : []
  const copy = ['Copy the name', () => navigator.clipboard?.writeText(name)]
  openMenu(anchor, name, [hand, ...(state.stage ? word : []), copy, ...moderation], mayAs('moderate') ? reason : null, at)
}
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
    ],
    reactions,
  )
}
$('room-settings').addEventListener('click', async () => {
  try {
    const { settings, ...rest } = await api(`/api/spaces/${pathOf(state.room)}/settings`)
    showSettings({ ...settings, ...rest }, (changes) => tell('settings-change', changes, 'The settings are changed.'))
  } catch (error) {
    notice(error.message)
  }
})
$('raise').addEventListener('click', () => {
  const me = state.people.get(socket.id)
  if (me) tell(me.hand_raised ? 'hand-lower' : 'hand-raise', {})
})

let view = null
let lastWalk = 0
const walked = (position, turn) => {
  const me = state.people.get(socket.id)
  if (!me) return
  me.position = position
  if (Date.now() - lastWalk < 80) return
  lastWalk = Date.now()
  // As three.js has a turn about the upright axis.
  const rotation = { x: 0, y: Math.sin((turn ?? 0) / 2), z: 0, w: Math.cos((turn ?? 0) / 2) }
  socket.emit('aframe-update', { position, rotation })
}
/** Where there is no WebGL: the same from above. */
const showFloor = () => {
  $('floor').toggleAttribute('hidden', false)
  $('floor').addEventListener('pointerdown', (event) => {
    const me = state.people.get(socket.id)
    if (!me) return
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform($('floor').getScreenCTM().inverse())
    walked({ x: Math.round(at.x * 100) / 100, y: 0, z: Math.round(at.y * 100) / 100 })
    drawPerson(me)
  })
}
/** What to do next, in a line. */
const showHint = () => {
  const alone = state.people.size < 2
  const walk = matchMedia('(hover: none)').matches ? 'A tap walks' : 'W A S D or a click walk'
  $('hint').textContent = !state.people.has(socket.id)
    ? ''
    : alone
      ? `You are alone: open this page a second time, or share its link. ${walk}.`
      : `${walk}, dragging turns. Choose somebody for what you may do.`
}
$('share').addEventListener('click', async () => {
  const { space_type, space_id } = state.room
  const inside = state.subspace === 'main' ? '' : `:${state.subspace}`
  const url = `${location.origin}/#${space_type}:${space_id}${inside}`
  try {
    if (navigator.share && matchMedia('(hover: none)').matches) await navigator.share({ url })
    else {
      await navigator.clipboard.writeText(url)
      notice('The link is copied.')
    }
  } catch {
    notice(url)
  }
})

// ── chat ─────────────────────────────────────────────────────────────────────────────────────────────────
const stickToEnd = (change) => {
  const list = $('chat')
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60
  change(list)
  if (atEnd) list.scrollTop = list.scrollHeight
}
const news = (text) => stickToEnd((list) => list.append(el('li', { className: 'news', textContent: text })))
/** The last one, or, of earlier ones, above `before`. */
const showMessage = (message, before = null) => {
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
const countReaction = (id, emoji, subject, removed) => {
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
const compose = (what, words = '') => {
  state.composing = what
  $('composing').hidden = what === null
  $('composing-words').textContent = what?.words ?? ''
  if (what) $('words').value = words
  $('words').focus()
}
$('composing-end').addEventListener('click', () => compose(null))
const changeMessage = (id, change) => {
  const words = messageItem(id)?.querySelector('.words')
  if (words) change(words)
}
const loadChat = async (room) => {
  try {
    const subspace = state.subspace
    const { messages, has_more } = await api(`/api/chat/${pathOf(room)}/messages?limit=50&subspace=${subspace}`)
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
    notice(error.message)
    if (PASSING.test(error.code)) setTimeout(() => sameRoom(room, state.room) && loadChat(room), againAfter(error))
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

// ── being somebody ───────────────────────────────────────────────────────────────────────────────────────
let wallet = null // 'stand-in', 'keychain' or null: how a challenge can be signed here
const showMe = (identity) => {
  const name = identity?.id ?? state.account ?? 'guest'
  $('me').textContent = shortName(name)
  $('me').title = `who you are here: ${name}`
  $('me').style.color = ink(shortName(name))
  const guest = !state.token
  $('account').hidden = $('login').hidden = !guest || !wallet
  $('logout').hidden = guest
  $('quick').hidden = !guest || wallet !== 'stand-in'
}
const sign = async (account, challenge) => {
  if (wallet === 'stand-in')
    return api('/page/sign', { method: 'POST', body: JSON.stringify({ account, message: challenge }) })
  return new Promise((resolve, reject) =>
    window.hive_keychain.requestSignBuffer(account, challenge, 'Posting', (answer) =>
      answer.success
        ? resolve({ signature: answer.result, publicKey: answer.publicKey })
        : reject(new Error(answer.message)),
    ),
  )
}
/** Made-up accounts, a click each: alice owns the lobby. */
const showQuick = () =>
  $('quick').replaceChildren(
    ...['alice', 'bob', 'carol'].map((account) => {
      const button = el('button', { type: 'button', textContent: account, onclick: () => logIn(account) })
      button.setAttribute('aria-label', `be ${account}`)
      return button
    }),
  )
$('who').addEventListener('submit', (event) => {
  event.preventDefault()
  logIn($('account').value.trim().toLowerCase())
})
const logIn = async (account) => {
  try {
    const challenge = String(Math.floor(Date.now() / 1000))
    const { signature, publicKey } = await sign(account, challenge)
    const headers = { 'x-account': account, 'x-challenge': challenge, 'x-pubkey': publicKey, 'x-signature': signature }
    const { token } = await api('/api/auth/session', { method: 'POST', headers })
    be(account, token)
  } catch (error) {
    notice(error.message)
  }
}
const be = (account, token) => {
  state.account = account
  state.token = token
  for (const [key, value] of Object.entries({ account, token }))
    value ? sessionStorage.setItem(key, value) : sessionStorage.removeItem(key)
  keepGuest(null)
  state.since = null
  socket.disconnect().connect()
  loadRooms()
}
const keepGuest = (token) => {
  state.guest = token
  token ? sessionStorage.setItem('guest', token) : sessionStorage.removeItem('guest')
}
const logout = () => {
  if (state.token) api('/api/auth/session', { method: 'DELETE' }).catch(() => {})
  be(null, null)
}
$('logout').addEventListener('click', logout)

// ── the line to the server ───────────────────────────────────────────────────────────────────────────────
const socket = io({
  autoConnect: false,
  auth: (proof) => {
    const token = state.token ?? state.guest
    proof(token ? { token } : {})
  },
})

const PASSING = /^(slow_down|conflict|not_caught_up|.*_unavailable)$/
const againAfter = ({ retry_after = 2 }) => retry_after * 1000 * (1 + Math.random() / 2)
let joinTimer
const join = () => {
  const room = state.room
  const { subspace } = state
  const isSame = state.since && sameRoom(state.since.room, room) && state.since.subspace === subspace
  const since = isSame ? state.since.revisions : undefined
  const request = { spaceType: room.space_type, spaceId: room.space_id, subspace, ...(since ? { since } : {}) }
  clearTimeout(joinTimer)
  socket.emit('join-space', request, (answer) => {
    if (answer.ok || !sameRoom(room, state.room)) return
    // What passes is asked again; what stays so is said until another room is chosen.
    if (PASSING.test(answer.code)) {
      notice(answer.error)
      joinTimer = setTimeout(() => socket.connected && join(), againAfter(answer))
    } else standing(answer.error)
  })
}
const enter = (room, subspace = 'main') => {
  if (sameRoom(room, state.room) && subspace === state.subspace && state.people.size > 0) return
  speaking?.leave()
  state.room = room
  state.subspace = subspace
  state.since = null
  state.people.clear()
  state.seen.clear()
  state.reactions.clear()
  compose(null)
  standing(null)
  $('chat').replaceChildren()
  $('title').firstElementChild.textContent = room.display_name ?? room.title ?? room.space_id
  history.replaceState(null, '', `#${room.space_type}:${room.space_id}${subspace === 'main' ? '' : `:${subspace}`}`)
  showPeople()
  showRooms()
  if (socket.connected) join()
  else if (!socket.active) socket.connect()
  loadChat(room)
}

socket.on('connect', () => {
  $('line').textContent = 'live'
  $('line').className = ''
  join()
})
socket.on('disconnect', () => {
  // Who was sent away comes back by choosing a room.
  $('line').textContent = socket.active ? 'reconnecting' : 'disconnected'
  $('line').className = 'off'
  if (socket.active) standing('The line is cut. It comes back by itself.')
})
socket.on('connect_error', (error) => {
  $('line').textContent = 'reconnecting'
  $('line').className = 'off'
  const code = error.data?.code
  if (code !== 'token_expired' && code !== 'invalid_proof') return
  if (state.token) logout()
  else if (state.guest) be(null, null)
})
socket.on('space-joined', (joined) => {
  if (joined.spaceType !== state.room.space_type || joined.spaceId !== state.room.space_id || joined.subspace !== state.subspace) return
  state.people = new Map(joined.users.map((user) => [user.socketId, user]))
  state.since = { room: state.room, subspace: state.subspace, revisions: joined.revisions }
  state.stage = joined.settings?.stage === true
  if (joined.session_token) keepGuest(joined.session_token)
  state.id = joined.identity.id
  showRole(joined.permission?.role ?? joined.permission ?? 'none')
  standing(null)
  showMe(joined.identity)
  showPeople()
  speaking?.voice.restart()
  speaking?.ready()
  subrooms()
})
const SAID = {
  granted: ({ permission, by }) => `${by ?? 'Somebody'} gave you a permission here: ${permission}.`,
  revoked: ({ by }) => `${by ?? 'Somebody'} took your permission here back.`,
  muted: ({ by }) => `${by ?? 'A moderator'} muted you.`,
  unmuted: () => 'You are no longer muted.',
}
const showRole = (role) => {
  state.role = role
  $('role').textContent = role === 'none' ? '' : `you: ${role}`
  $('room-settings').hidden = !mayAs('admin')
}
/** What stays said until it is over: sent away, banned, full. */
const standing = (text) => {
  $('standing').hidden = text === null
  $('standing-words').textContent = text ?? ''
}
$('come-back').addEventListener('click', () => {
  if (socket.connected) join()
  else socket.connect()
})
const atRevision = (stream, revision) => {
  if (state.since && revision !== undefined) state.since.revisions = { ...state.since.revisions, [stream]: revision }
}
socket.on('user-joined', (user) => {
  atRevision('space', user.revision)
  state.people.set(user.socketId, user)
  showPeople()
  news(`${calledOf(user)} came in`)
})
socket.on('user-left', (user) => {
  atRevision('space', user.revision)
  state.people.delete(user.socketId)
  showPeople()
  news(`${calledOf(user)} left${user.reason && user.reason !== 'left' ? ` (${user.reason})` : ''}`)
})
socket.on('chat-message', (message) => {
  atRevision('chat', message.revision)
  for (const { socketId } of state.people.values()) if (nameOf(state.people.get(socketId)) === nameOf(message)) typing.done(socketId)
  showMessage(message)
})
socket.on('chat-edited', (edit) => {
  atRevision('chat', edit.revision)
  changeMessage(edit.message_id, (words) => words.replaceChildren(...withLinks(edit.content), el('small', { textContent: ' (edited)' })))
})
socket.on('chat-deleted', (deleted) => {
  atRevision('chat', deleted.revision)
  changeMessage(deleted.message_id, (words) => {
    words.textContent = 'deleted'
    words.classList.add('gone')
  })
})
socket.on('chat-reaction', (reaction) => {
  atRevision('chat', reaction.revision)
  countReaction(reaction.message_id, reaction.emoji, nameOf(reaction), reaction.removed)
})
socket.on('hand-state', (hand) => {
  atRevision('space', hand.revision)
  const user = state.people.get(hand.socketId)
  if (!user) return
  user.hand_raised = hand.hand_raised
  showPeople()
  if (hand.hand_raised) news(`${calledOf(hand)} raised a hand`)
})
const marked = (message) => {
  atRevision('space', message.revision)
  const user = state.people.get(message.socketId)
  if (!user) return
  for (const name of ['voice_enabled', 'on_stage']) if (name in message) user[name] = message[name]
  showPeople()
}
socket.on('voice-state', marked)
socket.on('stage-state', (message) => {
  marked(message)
  news(`${calledOf(message)} ${message.on_stage ? 'has the word' : 'no longer has the word'}`)
})
socket.on('permission-changed', (changed) => {
  atRevision('space', changed.revision)
  if (nameOf(changed) !== state.id) return
  if (changed.change === 'granted' || changed.change === 'revoked') showRole(changed.permission ?? 'none')
  notice(SAID[changed.change]?.(changed) ?? `What you may do here has changed: ${changed.change}.`)
})
socket.on('settings-changed', ({ revision, changes }) => {
  atRevision('space', revision)
  if (typeof changes?.stage === 'boolean') state.stage = changes.stage
  news('The settings of this room were changed')
})
socket.on('aframe-update', ({ socketId, entityData }) => {
  const user = state.people.get(socketId)
  if (!user || !entityData?.position) return
  user.position = entityData.position
  if (view) view.show([...state.people.values()], socket.id, place)
  else drawPerson(user)
})
socket.on('kicked', ({ reason, by, until }) => {
  const because = reason ? `: “${reason}”` : ''
  const what = by ? `${by} removed you from this room` : 'Your place in this room is over'
  standing(`${what}${because}.${until ? ` Until ${new Date(until).toLocaleString()}.` : ''}`)
  state.people.clear()
  showPeople()
})
socket.on('space-error', (error) => {
  notice(error.error)
  if (error.code === 'token_expired') be(null, null)
})
socket.on('chat-error', (error) => notice(error.error))

// ── rooms inside a room ──────────────────────────────────────────────────────────────────────────────────
const subrooms = async () => {
  const { room } = state
  const found = await api(`/api/spaces/${pathOf(room)}/subrooms`).catch(() => null)
  if (found && sameRoom(room, state.room))
    showSubrooms(found.subrooms, { room: pathOf(room), subspace: state.subspace, many: state.people.size }, (subspace) => enter(state.room, subspace))
}

// ── start ────────────────────────────────────────────────────────────────────────────────────────────────
const typing = makeTyping(socket, (id) => (state.people.has(id) ? calledOf(state.people.get(id)) : null))
let speaking = null
const withVoice = async () => {
  const people = () => [...state.people.values()]
  const space = () => `${state.room.space_type}:${state.room.space_id}`
  speaking = await makeSpeaking({ socket, people, space, api, notice, changed: showPeople })
  setInterval(() => {
    const { voice } = speaking
    if (voice.streams.size === 0) return
    view?.speaking((id) => voice.isSpeaking(id))
    for (const button of $('people').querySelectorAll('button'))
      button.classList.toggle('speaks', voice.isSpeaking(button.dataset.socket))
    if (view) voice.hearFrom(view.ear(), view.placeOf)
  }, 200)
}
const inSpace = async () => {
  const chosen = (id, event) => {
    const user = state.people.get(id)
    if (user) personMenu($('view'), user, event)
  }
  try {
    view = await makeView($('view'), { walked, chosen })
    showPeople()
  } catch {
    showFloor()
    showPeople()
  }
}
const { hive_stand_in: standIn } = await api('/page/config')
wallet = standIn ? 'stand-in' : window.hive_keychain ? 'keychain' : null
if (wallet === 'keychain') $('account').placeholder = 'your Hive account'
showQuick()
showMe()
await loadRooms()
/** `type:id` or `type:id:main-…`, from the address. */
const named = () => {
  const [type, id, subspace] = decodeURIComponent(location.hash.slice(1)).split(':')
  return { room: { space_type: type, space_id: id }, subspace: /^main(-.+)?$/.test(subspace ?? '') ? subspace : 'main' }
}
const wanted = named()
const known = state.rooms.find((room) => sameRoom(room, wanted.room))
if (known) enter(known, wanted.subspace)
else if (/^(post|document|community|global)$/.test(wanted.room.space_type) && wanted.room.space_id) enter(wanted.room, wanted.subspace)
else enter(state.rooms.find((room) => sameRoom(room, LOBBY)) ?? LOBBY)
addEventListener('hashchange', () => {
  const { room, subspace } = named()
  if (room.space_id) enter(state.rooms.find((one) => sameRoom(one, room)) ?? room, subspace)
})
setInterval(() => {
  loadRooms()
  subrooms()
}, 10_000)
await Promise.allSettled([inSpace(), withVoice()])

/** For whoever looks on from outside: who is here, and a message of one's own once it is on the log. */
export const here = () => state.people
export const say = (content) =>
  new Promise((resolve) => socket.emit('chat-message', { content, message_id: crypto.randomUUID() }, resolve))
