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

/** The same name has the same hue everywhere. */
const hue = (name) => {
  let hash = 0
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360
  return hash
}
/** For a shape. */
export const colour = (name) => `hsl(${hue(name)} 65% 55%)`
/** For words: readable on a light ground and on a dark one. */
export const ink = (name) => `light-dark(hsl(${hue(name)} 75% 28%), hsl(${hue(name)} 80% 78%))`

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
