// What the page knows: where we are, who we are, who else is here; and what things are called.
import { shortName } from './dom.js'

export const LOBBY = { space_type: 'global', space_id: 'lobby' }

export const state = {
  rooms: [],
  room: null, // what the list says of the room we are in
  subspace: 'main', // the room inside it
  people: new Map(), // by socket id
  seen: new Set(), // message ids
  joined: null, // what the room said when we entered it
  since: null, // revisions, to be told exactly what was missed
  account: sessionStorage.getItem('account'),
  token: sessionStorage.getItem('token'),
  guest: sessionStorage.getItem('guest'), // the token with which a guest stays that guest, also when the page is loaded again
  id: null, // who we are in the room
  role: 'none', // what we are there
  reactions: new Map(), // by message id: by emoji, who
  composing: null, // the message that is answered or edited
}

export const nameOf = (user) => user.userAccount ?? user.user_account ?? user.guestId ?? user.guest_id ?? 'somebody'
/** As they are shown. */
export const calledOf = (user) => shortName(nameOf(user))
export const clock = (when) => new Date(when ?? Date.now()).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
export const pathOf = (room) => `${room.space_type}/${encodeURIComponent(room.space_id)}`
export const sameRoom = (a, b) => a && b && a.space_type === b.space_type && a.space_id === b.space_id
