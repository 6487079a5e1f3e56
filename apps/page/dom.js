// What the page is made of: elements, colours by name, words with links.
export const $ = (id) => document.getElementById(id)
export const el = (tag, props = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), props)
  made.append(...children)
  return made
}
export const svg = (tag, attributes) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  return made
}

const LINES = {
  speak: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3M6 11a6 6 0 0 0 12 0M12 17v4',
  heard: 'M4 10v4h3l5 4V6L7 10zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11',
  hand: 'M7 12V6a1.5 1.5 0 0 1 3 0v5V4.5a1.5 1.5 0 0 1 3 0V11V6a1.5 1.5 0 0 1 3 0v8c0 4-2 7-6 7-3 0-4.5-1.5-6-4l-2-4a1.5 1.5 0 0 1 2.6-1.5z',
  link: 'M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 6 6l1-1',
}
/** A drawn sign, which needs no font of emoji. With `says` it is read aloud. */
export const icon = (name, says = null) => {
  const made = svg('svg', { viewBox: '0 0 24 24', class: 'icon', ...(says === null ? { 'aria-hidden': 'true' } : { role: 'img', 'aria-label': says }) })
  made.append(svg('path', { d: LINES[name] }))
  return made
}
for (const holder of document.querySelectorAll('[data-icon]')) holder.prepend(icon(holder.dataset.icon))

/** How somebody is called where there is room for no more: an account, or the end of a guest's name. */
export const shortName = (name) => (name.startsWith('guest:') ? `guest ${name.slice(-4)}` : name)

/** The same name has the same hue everywhere. */
const hue = (name) => {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360
  return hash
}
/** For a shape. */
export const colour = (name) => `hsl(${hue(name)} 65% 55%)`
/** For words: readable on a light ground and on a dark one. */
export const ink = (name) => `light-dark(hsl(${hue(name)} 75% 24%), hsl(${hue(name)} 80% 78%))`

const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g
/** Text with its web addresses as links; nothing in it is ever markup. */
export const withLinks = (text) => {
  const parts = []
  let at = 0
  for (const match of text.matchAll(LINK)) {
    parts.push(text.slice(at, match.index))
    const link = el('a', { href: match[0], textContent: match[0], target: '_blank' })
    link.rel = 'noopener noreferrer nofollow ugc'
    parts.push(link)
    at = match.index + match[0].length
  }
  return [...parts, text.slice(at)]
}
