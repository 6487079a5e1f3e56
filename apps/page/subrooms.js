// The rooms inside a room: who may enter it may enter them all.
import { $, el } from './dom.js'
import { openMenu } from './menu.js'

const called = (subspace) => (subspace === 'main' ? 'main room' : subspace.replace(/^main-/, ''))
/** What a subspace may be called, of whatever is typed; empty where nothing is left. */
const subspaceOf = (text) => {
  const name = text.trim().toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '').slice(0, 40)
  return name === '' ? null : `main-${name}`
}

/** Where one was stays in sight, though nobody is there. */
const visited = { room: '', names: new Set() }

/** `rooms`: those with somebody in them, `here` the one that one is in, of the space `room`; `go(subspace)` enters one. */
export const showSubrooms = (rooms, { room, subspace: here, many: people }, go) => {
  if (visited.room !== room) {
    visited.room = room
    visited.names.clear()
  }
  visited.names.add(here)
  const counts = new Map(rooms.map(({ subspace, active_users }) => [subspace, active_users]))
  counts.set(here, people)
  const names = [...new Set(['main', here, ...counts.keys(), ...visited.names])].slice(0, 12)
  const buttons = names.map((subspace) => {
    const many = counts.get(subspace) ?? 0
    const button = el('button', { type: 'button', textContent: `${called(subspace)}${many > 0 ? ` · ${many}` : ''}` })
    if (subspace === here) button.setAttribute('aria-current', 'true')
    button.onclick = () => go(subspace)
    return button
  })
  const another = el('button', { type: 'button', textContent: '+' })
  another.setAttribute('aria-label', 'another room inside this one')
  another.onclick = () => {
    const name = el('input', { placeholder: 'its name', maxLength: 40 })
    name.setAttribute('aria-label', 'name of the room')
    const enter = () => {
      const subspace = subspaceOf(name.value)
      if (subspace) go(subspace)
    }
    name.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter') return
      $('menu').hidePopover()
      enter()
    })
    openMenu(another, 'A room inside this one', [['Go there', enter]], name)
    name.focus()
  }
  $('subrooms').replaceChildren(...buttons, another)
}
