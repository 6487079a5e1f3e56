// Not in the room yet, or no longer: what there is to see then, and the queue of a full room.
import { $ } from './dom.js'
import { socket, tell } from './socket.js'
import { state } from './state.js'

/** `entering` (a moment), `waiting` (in the queue), `outside` (refused or sent away), or `inside`. What acts on the room is
 *  there only inside (page.css). */
export const be = (where) => {
  const wasInside = document.body.dataset.where === 'inside'
  document.body.dataset.where = where
  if (where !== 'waiting') $('waiting').hidden = true
  // Whoever was waiting for it, or had just chosen the room, can write at once.
  const { activeElement: at } = document
  if (where === 'inside' && !wasInside && (at === document.body || $('rooms').contains(at))) $('words').focus({ preventScroll: true })
}
export const isWaiting = () => document.body.dataset.where === 'waiting'

const inWords = (seconds) => {
  if (seconds === null || seconds === undefined) return 'How long it takes is not known yet.'
  if (seconds < 60) return 'Expected wait: less than a minute.'
  const minutes = Math.round(seconds / 60)
  return `Expected wait: about ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`
}
const show = ({ position, waiting, expected_wait_seconds }) => {
  be('waiting')
  $('waiting').hidden = false
  $('waiting-place').textContent = position === 0 ? 'It is your turn' : `You are number ${position} of ${waiting} in the queue`
  $('waiting-time').textContent = position === 0 ? 'You are coming in.' : inWords(expected_wait_seconds)
}

const OVER = {
  missed: 'Your turn has passed. Ask again for a new place.',
  ended: 'You no longer have a place in the queue of this room.',
  off: 'This room no longer has a queue, and it is full.',
  banned: 'You are banned from this room.',
}
/** `isHere(message)`: whether it is about the room shown; `join()` takes the seat that is held; `standing(text)` says what stays so.
 *  Returns what shows a place. */
export const queueUp = ({ isHere, join, standing }) => {
  socket.on('queue-place', (place) => isHere(place) && isWaiting() && show(place))
  socket.on('queue-turn', (turn) => {
    if (!isHere(turn)) return
    show({ position: 0 })
    join()
  })
  socket.on('queue-over', ({ reason, ...over }) => {
    if (!isHere(over) || !isWaiting()) return
    be('outside')
    standing(OVER[reason] ?? `You no longer wait for a seat: ${reason}.`)
  })
  $('give-up').addEventListener('click', () =>
    tell('queue-leave', { subject: state.id, spaceType: state.room.space_type, spaceId: state.room.space_id }),
  )
  return show
}
