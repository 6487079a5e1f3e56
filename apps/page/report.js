// Reporting a person or a message to the room's moderators.
import { el } from './dom.js'
import { openMenu } from './menu.js'
import { tell } from './socket.js'

/** `target`: `{ session_id }` or `{ message_id }`; `whose`: what it is called. */
export const openReport = (anchor, whose, target, at = null) => {
  const words = el('textarea', { rows: 3, maxLength: 1000, placeholder: 'what is wrong (moderators read it)' })
  words.setAttribute('aria-label', 'what is wrong')
  const send = () => {
    const text = words.value.trim()
    tell('report', { ...target, ...(text === '' ? {} : { text }) }, 'Reported: the moderators of this room will look at it.')
  }
  openMenu(anchor, `Report ${whose}`, [['Send the report', send], ['Never mind', () => {}]], words, at)
  words.focus()
}
