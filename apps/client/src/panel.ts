/** Shows what people say, an input line and a microphone button over a scene, in a shadow root with a style sheet of
 *  its own, so that neither the page's styles nor its Content-Security-Policy interferes. */
import { nameOf } from './avatar.ts'
import { PresenceError } from './errors.ts'
import type { Message, PastMessage, Room } from './room.ts'

const STYLES = `
:host { all: initial; position: fixed; left: 12px; bottom: 12px; z-index: 10; width: min(340px, calc(100vw - 24px));
  font: 15px/1.4 system-ui, sans-serif; color: #f4f5f9; }
* { box-sizing: border-box; font: inherit; color: inherit; }
section { background: rgba(15, 18, 28, .82); border-radius: 12px; padding: 10px; backdrop-filter: blur(6px); }
header { display: flex; justify-content: space-between; gap: 8px; font-weight: 600; margin: 0 2px 6px; }
[role=log] { margin: 0 0 8px; padding: 0 2px; max-height: min(180px, 26vh); overflow-y: auto; overflow-wrap: anywhere; }
p { margin: 2px 0; } p b { margin-right: 6px; color: #9cc4ff; } p.news { color: #b9bfd0; font-style: italic; }
form { display: flex; gap: 6px; margin: 0; }
input { flex: 1; min-width: 0; padding: 8px 10px; border: 1px solid #5b6275; border-radius: 8px; background: #10131c; }
button { padding: 8px 12px; border: 0; border-radius: 8px; background: #2f5fd0; cursor: pointer; white-space: nowrap; }
button[aria-pressed=true] { background: #b3261e; }
button:disabled { opacity: .6; cursor: default; }
@media (max-width: 480px) { :host { bottom: 66px; } [role=log] { max-height: 18vh; } }
:focus-visible { outline: 2px solid #9cc4ff; outline-offset: 1px; }
p { margin: 6px 2px 0; color: #ffb4ab; } p:empty { display: none; }`

const MOST_LINES = 200
const el = <Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string>> = {},
  ...children: ReadonlyArray<Node | string>
): HTMLElementTagNameMap[Name] => {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}
const speakerOf = (message: Pick<Partial<Message>, 'user_account' | 'guest_id'>): string =>
  nameOf({ userAccount: message.user_account ?? null, guestId: message.guest_id ?? null })

export type Panel = { readonly element: HTMLElement; readonly remove: () => void }

export const showPanel = (room: Room, options: { readonly voice: boolean }): Panel => {
  const people = el('span')
  const list = el('div', { role: 'log', 'aria-label': 'What people say', tabindex: '0' })
  const words = el('input', {
    type: 'text',
    'aria-label': 'Say something',
    placeholder: 'Say something',
    maxlength: '2000',
    autocomplete: 'off',
  })
  const microphone = el('button', { type: 'button', 'aria-pressed': 'false' }, 'Speak')
  const notice = el('p', { role: 'status' })
  const form = el('form', {}, words, el('button', { type: 'submit' }, 'Say'))
  if (options.voice) form.append(microphone)
  const title = el('header', {}, el('span', {}, room.where.id), people)
  const host = el('div', { 'data-presence-panel': '' })
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(STYLES)
  const root = host.attachShadow({ mode: 'open' })
  root.adoptedStyleSheets = [sheet]
  root.append(el('section', { 'aria-label': 'The room' }, title, list, form, notice))
  document.body.append(host)

  const say = (text: string) => {
    notice.textContent = text
  }
  const failed = (error: unknown) => say(error instanceof PresenceError ? error.message : String(error))
  const lines = new Map<string, HTMLElement>()
  const add = (line: HTMLElement): void => {
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40
    list.append(line)
    while (list.children.length > MOST_LINES) list.firstElementChild?.remove()
    if (isAtEnd) list.scrollTop = list.scrollHeight
  }
  const show = (message: Message | PastMessage): void => {
    if (lines.has(message.message_id)) return
    const isGone = 'is_deleted' in message && message.is_deleted === true
    const text = el('span', {}, isGone ? 'deleted' : message.content)
    lines.set(message.message_id, text)
    add(el('p', {}, el('b', {}, speakerOf(message)), text))
  }
  const news = (text: string) => add(el('p', { class: 'news' }, text))
  const change = (id: string, text: string): void => {
    const line = lines.get(id)
    if (line !== undefined) line.textContent = text
  }
  const count = () => {
    people.textContent = `${room.count} here`
  }
  const offs = [
    room.on('chat-message', show),
    room.on('chat-edited', ({ message_id, content }) => change(message_id, content)),
    room.on('chat-deleted', ({ message_id }) => change(message_id, 'deleted')),
    room.on('user-joined', (user) => news(`${nameOf(user)} came in`)),
    room.on('user-left', (user) => news(`${nameOf(user)} left`)),
    room.on('users', count),
    room.on('cut', () => say('The line is cut. It comes back by itself.')),
    room.on('back', () => say('')),
    room.on('end', (why) => {
      say(why.message)
      words.disabled = true
      microphone.disabled = true
    }),
    room.on('voice-changed', ({ enabled, why }) => {
      microphone.setAttribute('aria-pressed', String(enabled))
      microphone.textContent = enabled ? 'Stop' : 'Speak'
      if (why !== null) say(why.message)
    }),
  ]
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const content = words.value.trim()
    if (content === '') return
    words.value = ''
    say('')
    room.say(content).catch((error) => {
      failed(error)
      if (words.value === '') words.value = content
    })
  })
  // Typing here must not move anybody.
  for (const name of ['keydown', 'keyup', 'keypress'] as const)
    host.addEventListener(name, (event) => event.stopPropagation())
  microphone.addEventListener('click', () => {
    const change = room.voice.enabled ? room.voice.stop() : room.voice.start()
    change.then(() => say(''), failed)
  })
  count()
  room.history({ limit: 30 }).then((messages) => messages.forEach(show), failed)
  return {
    element: host,
    remove: () => {
      for (const off of offs) off()
      host.remove()
    },
  }
}
