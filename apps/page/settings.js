// A room's settings, for who may change them.
import { $, el } from './dom.js'

const FIELDS = [
  ['chat_enabled', 'Chat'],
  ['voice_enabled', 'Voice'],
  ['guests_allowed', 'Guests may come in'],
  ['reactions_enabled', 'Reactions by everybody'],
  ['stage', 'A stage: who speaks is given the word'],
  ['max_users', 'Seats', 1, 10_000],
  ['slow_mode_seconds', 'Seconds between messages', 0, 21_600],
]

/** Shows `settings` in the dialog; `change` is asked with those that differ. */
export const showSettings = (settings, change) => {
  const inputs = FIELDS.map(([name, , least, most]) => {
    const isSwitch = least === undefined
    return el('input', {
      name,
      ...(isSwitch
        ? { type: 'checkbox', checked: settings[name] === true }
        : { type: 'number', min: least, max: most, required: true, value: settings[name] }),
    })
  })
  const rows = FIELDS.map(([, words], i) => el('label', {}, el('span', { textContent: words }), inputs[i]))
  const form = el('form', { method: 'dialog' }, el('h2', { textContent: 'Settings of this room' }), ...rows)
  form.append(
    el('button', { type: 'submit', value: 'save', textContent: 'Save' }),
    el('button', { type: 'submit', value: 'cancel', textContent: 'Cancel', formNoValidate: true }),
  )
  form.onsubmit = (event) => {
    if (event.submitter?.value !== 'save') return
    const changes = {}
    for (const input of inputs) {
      const value = input.type === 'checkbox' ? input.checked : Number(input.value)
      const before = input.type === 'checkbox' ? settings[input.name] === true : settings[input.name]
      if (value !== before) changes[input.name] = value
    }
    if (Object.keys(changes).length > 0) change(changes)
  }
  $('settings').replaceChildren(form)
  $('settings').showModal()
}
