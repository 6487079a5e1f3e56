// Who is writing something just now.
import { $ } from './dom.js'

const TELL_EVERY_MS = 2500
const FORGET_AFTER_MS = 4500

/** `names(socketId)`: how somebody is called, null for who is not here. */
export const makeTyping = (socket, names) => {
  const writing = new Map() // by socket id, until when
  let told = 0
  const show = () => {
    const now = Date.now()
    for (const [id, end] of writing) if (end < now || names(id) === null) writing.delete(id)
    const who = [...writing.keys()].map(names)
    $('typing').textContent =
      who.length === 0 ? '' : who.length > 2 ? 'Several people are writing …' : `${who.join(' and ')} ${who.length > 1 ? 'are' : 'is'} writing …`
    if (writing.size > 0) setTimeout(show, 1000)
  }
  $('words').addEventListener('input', () => {
    if (Date.now() - told < TELL_EVERY_MS || $('words').value === '') return
    told = Date.now()
    socket.emit('room-data', { type: 'typing', data: null })
  })
  socket.on('room-data', ({ type, fromSocketId }) => {
    if (type !== 'typing') return
    writing.set(fromSocketId, Date.now() + FORGET_AFTER_MS)
    show()
  })
  return {
    /** Their words came. */
    done: (id) => {
      if (writing.delete(id)) show()
    },
    sent: () => {
      told = 0
    },
  }
}
