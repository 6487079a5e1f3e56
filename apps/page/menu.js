// One menu for whatever is clicked: a title, and what may be done there. Arrows move in it, Escape closes it.
import { $, el } from './dom.js'

const menu = () => $('menu')

const place = (anchor, at) => {
  const here = anchor.getBoundingClientRect()
  const { left, bottom, top } = at ? { left: at.clientX, top: at.clientY, bottom: at.clientY } : here
  const { offsetWidth: width, offsetHeight: height } = menu()
  const under = bottom + height + 8 < innerHeight
  menu().style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`
  menu().style.top = `${under ? bottom + 4 : Math.max(8, top - height - 4)}px`
}

/** `items`: `[words, what it does]` each; those that are null are left out. `first`: an element above them. */
export const openMenu = (anchor, title, items, first = null, at = null) => {
  const buttons = items
    .filter((item) => item !== null)
    .map(([words, act]) =>
      el('button', {
        type: 'button',
        textContent: words,
        onclick: () => {
          menu().hidePopover()
          act()
        },
      }),
    )
  menu().replaceChildren(el('p', { textContent: title }), ...(first === null ? [] : [first]), ...buttons)
  menu().showPopover()
  place(anchor, at)
  const focusable = menu().querySelector('button')
  focusable?.focus()
  menu().ontoggle = (event) => {
    if (event.newState === 'closed' && anchor.isConnected) anchor.focus()
  }
}

document.addEventListener('keydown', (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (step === undefined || !menu().contains(document.activeElement)) return
  const buttons = [...menu().querySelectorAll('button')]
  const at = buttons.indexOf(document.activeElement)
  buttons[(at + step + buttons.length) % buttons.length]?.focus()
  event.preventDefault()
})
