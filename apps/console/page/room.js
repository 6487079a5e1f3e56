// A room: its present state, and its other views (time, record, why) as tabs.
import { html, nothing } from 'lit'
import './acts.js'
import './cases.js'
import './filters.js'
import './now.js'
import './what-if.js'
import { me } from './api.js'
import { to } from './parts.js'
import { View } from './view.js'

const TABS = [
  ['now', 'Now', to.room],
  ['time', 'Time', to.time],
  ['record', 'Record', (key) => `${to.room(key)}/record`],
]
const OURS = [
  ['cases', 'Cases', to.cases],
  ['filters', 'Filters', to.filters],
  ['what-if', 'What if', to.whatIf],
]

class RoomFrame extends View {
  static properties = { space: {}, tab: {}, event: {}, at: {}, generation: {} }
  render() {
    const { space, tab, generation } = this
    return html`<div class="bar"><h2><code>${space}</code></h2>
        <nav class="tabs" aria-label="sides of the room">${(me.token ? [...TABS, ...OURS] : TABS).map(
          ([name, label, href]) =>
            html`<a href=${href(space)} aria-current=${name === tab ? 'page' : nothing}>${label}</a>`,
        )}${tab === 'why' ? html`<a href=${to.why(space, this.event)} aria-current="page">Why</a>` : nothing}</nav></div>
      ${this.side(space, tab, generation)}`
  }
  side(space, tab, generation) {
    switch (tab) {
      case 'time':
        return html`<time-view .space=${space} .at=${this.at} .generation=${generation}></time-view>`
      case 'cases':
        return this.event
          ? html`<case-view .space=${space} .id=${this.event} .generation=${generation}></case-view>`
          : html`<cases-view .space=${space} .generation=${generation}></cases-view>`
      case 'filters':
        return html`<filters-view .space=${space} .generation=${generation}></filters-view>`
      case 'what-if':
        return html`<what-if-view .space=${space} .generation=${generation}></what-if-view>`
      case 'why':
        return html`<why-view .space=${space} .event=${this.event} .generation=${generation}></why-view>`
      case 'record':
        return html`<record-view .space=${space} .filters=${'{}'} .generation=${generation}></record-view>`
      default:
        return html`<now-view .space=${space} .generation=${generation}></now-view>`
    }
  }
}
customElements.define('room-frame', RoomFrame)
