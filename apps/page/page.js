// The start page: rooms, who is in, where they stand, and what they say. No build step, nothing from elsewhere.
import { api, notice } from './api.js'
import { changeMessage, compose, countReaction, loadChat, news, showMessage, typing } from './chat.js'
import { $, el, withLinks } from './dom.js'
import { be, findWallet, keepGuest, logout, showMe } from './log-in.js'
import { inSpace, showMove, showPeople, theView } from './people.js'
import { listRooms, loadRooms, showRooms } from './rooms.js'
import { PASSING, againAfter, mayAs, socket } from './socket.js'
import { makeSpeaking } from './speaking.js'
import { LOBBY, calledOf, nameOf, pathOf, sameRoom, state } from './state.js'
import { showSubrooms } from './subrooms.js'
import { be as beWhere, isWaiting, queueUp } from './waiting.js'

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

// ── in a room ───────────────────────────────────────────────────────────────────────────────
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
    if (state.seen.size === 0) loadChat(room)
    if (answer.code === 'queued') {
      if (answer.session_token) keepGuest(answer.session_token)
      state.id = answer.subject
      standing(null)
      showPlace(answer.queue)
      return
    }
    // What passes is asked again; what stays so is said until another room is chosen.
    if (PASSING.test(answer.code)) {
      notice(answer.error)
      joinTimer = setTimeout(() => socket.connected && join(), againAfter(answer))
    } else {
      beWhere('outside')
      standing(answer.error)
    }
  })
}
const isHere = ({ spaceType, spaceId, subspace }) =>
  spaceType === state.room.space_type && spaceId === state.room.space_id && subspace === state.subspace
const enter = (room, subspace = 'main') => {
  if (sameRoom(room, state.room) && subspace === state.subspace && (state.people.size > 0 || isWaiting())) return
  speaking?.leave()
  beWhere('entering')
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
  else {
    if (!socket.active) socket.connect()
    loadChat(room)
  }
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
  if (!isHere(joined)) return
  state.joined = joined
  state.people = new Map(joined.users.map((user) => [user.socketId, user]))
  state.since = { room: state.room, subspace: state.subspace, revisions: joined.revisions }
  state.stage = joined.settings?.stage === true
  if (joined.session_token) keepGuest(joined.session_token)
  state.id = joined.identity.id
  showRole(joined.permission?.role ?? joined.permission ?? 'none')
  standing(null)
  beWhere('inside')
  showMe(joined.identity)
  showPeople()
  speaking?.voice.restart()
  speaking?.ready()
  subrooms()
  // Whoever comes back is sent what they missed, if the server can tell.
  if (!joined.resumed) loadChat(state.room, joined.position)
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
const showPlace = queueUp({ isHere, join: () => join(), standing: (text) => standing(text) })
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
socket.on('message-held', ({ revision }) => {
  atRevision('chat', revision)
  notice('Your message waits for a moderator of this room.')
})
socket.on('message-dropped', ({ reason, revision }) => {
  atRevision('chat', revision)
  notice(`A moderator did not let your message through${reason ? `: ${reason}` : '.'}`)
})
socket.on('chat-muted', ({ until, revision }) => {
  atRevision('chat', revision)
  notice(`You may not write here until ${new Date(until).toLocaleTimeString()}.`)
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
  showMove(user)
})
socket.on('kicked', ({ reason, by, until }) => {
  const because = reason ? `: “${reason}”` : ''
  const what = by ? `${by} removed you from this room` : 'Your place in this room is over'
  beWhere('outside')
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
let speaking = null
const withVoice = async () => {
  const people = () => [...state.people.values()]
  const space = () => `${state.room.space_type}:${state.room.space_id}`
  speaking = await makeSpeaking({ socket, people, space, joined: () => state.joined, api, notice, changed: showPeople })
  setInterval(() => {
    const { voice } = speaking
    if (voice.streams.size === 0) return
    const view = theView()
    view?.speaking((id) => voice.isSpeaking(id))
    for (const button of $('people').querySelectorAll('button'))
      button.classList.toggle('speaks', voice.isSpeaking(button.dataset.socket))
    if (view) voice.hearFrom(view.ear(), view.placeOf)
  }, 200)
}
await findWallet()
showMe()
listRooms({ enter, logout })
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
