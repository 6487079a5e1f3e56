// What may be done to a person, and to the room.
import { api, notice } from './api.js'
import { $, el } from './dom.js'
import { openMenu } from './menu.js'
import { openReport } from './report.js'
import { showSettings } from './settings.js'
import { mayAs, socket, tell } from './socket.js'
import { nameOf, pathOf, state } from './state.js'

const IN_AN_HOUR = () => new Date(Date.now() + 3_600_000).toISOString()
export const personMenu = (anchor, user, at = null) => {
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
  const report = ['Report', () => openReport(anchor, name, { session_id: user.sessionId }, at)]
  openMenu(anchor, name, [hand, ...(state.stage ? word : []), copy, report, ...moderation], mayAs('moderate') ? reason : null, at)
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
