// The list of rooms, and the search in it.
import { api } from './api.js'
import { $, el } from './dom.js'
import { sameRoom, state } from './state.js'

let entered = () => {}
let refused = () => {}
/** `enter(room)`: somebody chose it. `logout`: who we are does not hold any more. */
export const listRooms = ({ enter, logout }) => {
  entered = enter
  refused = logout
}
export const showRooms = () => {
  $('rooms').replaceChildren(
    ...state.rooms.map((room) => {
      const button = el(
        'button',
        { type: 'button', onclick: () => entered(room) },
        el('b', { textContent: room.display_name || room.space_id }),
        el('span', { className: 'n', textContent: room.active_users > 0 ? `${room.active_users}` : '' }),
        el('small', { textContent: `${room.space_type}:${room.space_id}` }),
      )
      if (sameRoom(room, state.room)) button.setAttribute('aria-current', 'true')
      return el('li', {}, button)
    }),
  )
}
export const loadRooms = async () => {
  try {
    const words = $('search').value.trim()
    state.rooms = (await api(`/api/spaces?limit=50${words === '' ? '' : `&q=${encodeURIComponent(words)}`}`)).spaces
    showRooms()
  } catch (error) {
    if (error.code === 'token_expired' || error.code === 'invalid_proof') refused()
  }
}

let searching
$('search').addEventListener('input', () => {
  clearTimeout(searching)
  searching = setTimeout(loadRooms, 250)
})
