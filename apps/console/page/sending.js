// A view of a room that sends something and then reloads; a refusal is kept in `told`.
import { api, spacePath } from './api.js'
import { View } from './view.js'

export class Sending extends View {
  static properties = { ...View.properties, space: {}, generation: {}, told: { state: true } }
  static about = ['space', 'generation']
  /** Resolves to whether it was done. */
  async send(method, path, body) {
    this.told = null
    try {
      await api(`${spacePath(this.space)}${path}`, { method, ...(body ? { body } : {}) })
      await this.reload()
      return true
    } catch (problem) {
      this.told = problem
      return false
    }
  }
}
