// Who is in the room: in the list, in 3-D, or, without WebGL, on a floor seen from above.
import { personMenu } from './acts.js'
import { $, colour, el, icon, svg } from './dom.js'
import { socket } from './socket.js'
import { calledOf, nameOf, state } from './state.js'
import { makeView } from './view.js'

let view = null
let lastWalk = 0
let laterWalk
const walked = (position, turn) => {
  const me = state.people.get(socket.id)
  if (!me) return
  me.position = position
  clearTimeout(laterWalk)
  const since = Date.now() - lastWalk
  if (since < 80) {
    laterWalk = setTimeout(() => walked(position, turn), 80 - since)
    return
  }
  lastWalk = Date.now()
  // As three.js has a turn about the upright axis.
  const rotation = { x: 0, y: Math.sin((turn ?? 0) / 2), z: 0, w: Math.cos((turn ?? 0) / 2) }
  socket.emit('aframe-update', { position, rotation })
}
const RADIUS = 0.35
const place = (user) => {
  const at = user.position
  if (at && Number.isFinite(at.x) && Number.isFinite(at.z)) return { x: at.x, z: at.z }
  let hash = 7
  for (const letter of user.socketId ?? '') hash = (hash * 33 + letter.codePointAt(0)) % 9973
  return { x: (hash % 80) / 10 - 4, z: ((hash >> 3) % 40) / 10 - 2 }
}
/** By socket its dot and its name, which lies above all dots. */
const marks = new Map()
const drawPerson = (user) => {
  const { x, z } = place(user)
  let mark = marks.get(user.socketId)
  if (!mark) {
    mark = [svg('circle', { r: RADIUS, fill: colour(calledOf(user)) }), svg('text', { y: 0.72 })].map((part) => {
      const group = svg('g', {})
      group.append(part)
      if (user.socketId === socket.id) group.classList.add('me')
      return group
    })
    const [dot, name] = mark
    name.firstChild.textContent = calledOf(user)
    marks.set(user.socketId, mark)
    $('floor').prepend(dot)
    $('floor').append(name)
  }
  const where = `translate(${Math.max(-4.6, Math.min(4.6, x))}px, ${Math.max(-2.5, Math.min(2.2, z))}px)`
  for (const part of mark) part.style.transform = where
}
export const showPeople = () => {
  for (const [id, mark] of marks)
    if (!state.people.has(id)) {
      for (const part of mark) part.remove()
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
  const STEPS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0], KeyW: [0, -1], KeyS: [0, 1], KeyA: [-1, 0], KeyD: [1, 0] }
  $('view').addEventListener('keydown', (event) => {
    const step = STEPS[event.code]
    const me = state.people.get(socket.id)
    if (!step || !me || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    const { x = 0, z = 0 } = me.position ?? {}
    walked({ x: Math.max(-5, Math.min(5, x + step[0] / 4)), y: 0, z: Math.max(-3, Math.min(3, z + step[1] / 4)) })
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
      : !view
        ? `${walk}.`
        : `${walk}, dragging turns. Choose somebody for what you may do.`
}
export const inSpace = async () => {
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
/** How things move in the view, if there is one. */
export const theView = () => view
/** Somebody moved. */
export const showMove = (user) => {
  if (view) view.show([...state.people.values()], socket.id, place)
  else drawPerson(user)
}
