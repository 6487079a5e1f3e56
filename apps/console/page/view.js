// The base of all views: a view reloads when the properties that it depends on change, and only the answer to its last
// request counts.
import { html, LitElement, nothing } from 'lit'

export class View extends LitElement {
  static properties = { data: { state: true }, problem: { state: true }, busy: { state: true } }
  #asked = 0

  // It uses the light DOM: one style sheet, and one document for screen readers and the like.
  createRenderRoot() {
    return this
  }
  /** The names of the properties whose change makes it reload. */
  static about = []
  willUpdate(changes) {
    if (this.constructor.about.some((name) => changes.has(name))) this.reload()
  }
  async reload() {
    this.#asked += 1
    const asked = this.#asked
    this.busy = true
    try {
      const data = await this.load()
      if (asked === this.#asked) Object.assign(this, { data, problem: null })
    } catch (problem) {
      if (asked === this.#asked && problem.name !== 'AbortError') this.problem = problem
    } finally {
      if (asked === this.#asked) this.busy = false
    }
  }
  /** Reloads every so many milliseconds while the page is visible. */
  every(ms) {
    this.timer = setInterval(() => document.visibilityState === 'visible' && !this.busy && this.reload(), ms)
  }
  disconnectedCallback() {
    super.disconnectedCallback()
    clearInterval(this.timer)
  }
  render() {
    if (this.problem && !this.data) return problemBox(this.problem)
    if (!this.data) return html`<p class="wait" role="status">Loading…</p>`
    return html`${this.problem ? problemBox(this.problem) : nothing}${this.show(this.data)}`
  }
}

export const problemBox = (problem) =>
  problem
    ? html`<p class="problem" role="alert">${problem.message}${problem.code ? html` <code>${problem.code}</code>` : nothing}</p>`
    : nothing
