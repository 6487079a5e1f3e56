// Why an act was allowed or refused: the chain that decided it, as a picture and in words. Each link leads to its moment.
import { html, nothing, svg } from 'lit'
import { api, query, spacePath } from './api.js'
import { to, when } from './parts.js'
import { View } from './view.js'

const LINE = 17
const PAD = 10
const GAP = 30
/** Wraps text by counting characters, since SVG does not break lines; a word longer than a line is cut. */
const wrapped = (text, width) => {
  const rows = ['']
  for (const word of text.split(' ').flatMap((one) => one.match(new RegExp(`.{1,${width}}`, 'gsu')) ?? ['']))
    if (rows.at(-1).length + word.length < width) rows.push(`${rows.pop()} ${word}`.trim())
    else rows.push(word)
  return rows.slice(0, 7)
}
const boxOf = (kind, title, says, href, width) => {
  const rows = wrapped(says, Math.floor((width - 2 * PAD) / 6.9))
  return { kind, title, rows, href, width, height: (rows.length + 1) * LINE + 2 * PAD }
}

/** The boxes: the act, the rules by which it was judged, and the right by which it was done, back to the content's owner. */
const boxesOf = (why, space, width) => {
  const { happened, verdict } = why
  const outcome = happened?.outcome ?? verdict?.outcome ?? 'unknown'
  const code = happened?.code ?? verdict?.code
  const first = happened?.events[0]
  const linked = (cause) => (cause ? to.time(space, cause.position) : null)
  const act = boxOf(outcome, `${why.action}: ${outcome}`, `${why.actor.id}${code ? `: ${code}` : ''}, ${why.at}`, linked(first), width)
  const rules = why.rules.map((rule) => boxOf('rule', rule.rule.replaceAll('_', ' '), rule.because ? `${rule.says} ${rule.because.says}` : rule.says, linked(rule.because), width))
  const chain = []
  for (let right = why.right; right; right = right.because?.by) {
    chain.push(boxOf('right', `${right.actor.id}: ${right.role}`, right.says, null, width))
    if (right.because) chain.push(boxOf('cause', right.because.type, right.because.says, linked(right.because), width))
    if (chain.length > 40) break
  }
  return { act, rules, chain }
}

/** Two columns, or one on a narrow screen: the chain under the act, the rules beside it or between. */
const laidOut = ({ act, rules, chain }, narrow, width) => {
  const left = narrow ? 20 : 0
  let y = 0
  const put = (box, x) => {
    const placed = { ...box, x, y }
    y += box.height + GAP
    return placed
  }
  const top = put(act, left)
  const below = y
  const putRules = (x) => rules.map((rule) => put(rule, x))
  const inOne = narrow ? putRules(left) : []
  const right = chain.map((box) => put(box, left))
  const under = y
  y = narrow ? y : below - GAP - act.height
  const beside = narrow ? inOne : putRules(width + 70)
  const edges = right.map((box, i) => (narrow && i === 0 ? around(box, top) : up(box, right[i - 1] ?? top)))
  for (const rule of beside) edges.push(narrow ? around(rule, top) : across(rule, top))
  return { boxes: [top, ...beside, ...right], edges, height: Math.max(under, y) - GAP + 4, width: narrow ? width + left + 2 : 2 * width + 72 }
}
const up = (from, into) => `M${from.x + 40},${from.y} V${into.y + into.height + 6}`
const around = (from, into) => `M${from.x},${from.y + from.height / 2} H8 V${into.y + into.height / 2} H${into.x - 6}`
const across = (from, into) => `M${from.x},${from.y + from.height / 2} H${into.width + 35} V${into.y + into.height / 2} H${into.width + 6}`

const drawn = (box) => {
  const inside = svg`<rect x=${box.x + 1} y=${box.y + 1} width=${box.width - 2} height=${box.height - 2} rx="8"></rect>
    <text x=${box.x + PAD} y=${box.y + PAD + 12} class="title">${box.title.slice(0, 44)}</text>
    ${box.rows.map((row, i) => svg`<text x=${box.x + PAD} y=${box.y + PAD + 12 + (i + 1) * LINE}>${row}</text>`)}`
  return box.href
    ? svg`<a href=${box.href} class="box ${box.kind}">${inside}</a>`
    : svg`<g class="box ${box.kind}">${inside}</g>`
}

class WhyView extends View {
  static properties = { ...View.properties, space: {}, event: {}, generation: {} }
  static about = ['space', 'event', 'generation']
  constructor() {
    super()
    this.narrow = matchMedia('(max-width: 50rem)')
    this.narrow.addEventListener('change', () => this.requestUpdate())
  }
  load() {
    return api(`${spacePath(this.space)}/why${query({ event: this.event })}`)
  }
  show(why) {
    const narrow = this.narrow.matches
    const width = narrow ? Math.max(260, Math.min(420, innerWidth - 60)) : 380
    const { boxes, edges, ...size } = laidOut(boxesOf(why, this.space, width), narrow, width)
    const event = why.happened?.events[0]
    return html`<p class="facts"><b>${why.action}</b> by <b>${why.actor.id}</b>, ${when(why.at, 'long')}
        ${why.agrees === false ? html`<span class="state degraded">the rules say otherwise: something was written past them</span>` : nothing}
        ${why.agrees ? html`<span class="state ok">the rules, asked again, agree</span>` : nothing}
        ${event ? html`<a href=${to.time(this.space, event.position)}>its moment</a> · <a href=${to.proof(event.position)}>its proof</a>` : nothing}</p>
      <div class="panels"><section class="panel picture" aria-label="the chain as a picture">
        <svg viewBox="0 0 ${size.width} ${size.height}" width=${size.width} height=${size.height} role="group" aria-label="boxes and arrows: each arrow leads from a reason to what it decided">
          <defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z"></path></marker></defs>
          ${edges.map((edge) => svg`<path class="edge" d=${edge} marker-end="url(#tip)"></path>`)}${boxes.map(drawn)}</svg></section>
      <section class="panel wide" aria-label="in words"><h3>In words</h3><ol class="words">${why.says.map((sentence) => html`<li>${sentence}</li>`)}</ol>
        ${why.gaps.length > 0 ? html`<h3>What the log can’t tell</h3><ul class="gaps">${why.gaps.map((gap) => html`<li>${gap}</li>`)}</ul>` : nothing}
        <details><summary>What was asked</summary><pre tabindex="0">${JSON.stringify(why.asked, null, 2)}</pre></details></section></div>`
  }
}
customElements.define('why-view', WhyView)
