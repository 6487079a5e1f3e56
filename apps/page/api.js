// Calls of the server, and a line that says what went wrong.
import { $ } from './dom.js'
import { state } from './state.js'

let noticeTimer
export const notice = (text) => {
  $('notice').textContent = text
  $('notice').hidden = false
  clearTimeout(noticeTimer)
  noticeTimer = setTimeout(() => ($('notice').hidden = true), 5000)
}
export const api = async (path, options = {}) => {
  const token = state.token ?? state.guest
  // One proof a call: whoever brings another does not send the token.
  const headers = { ...(options.headers ?? (token ? { authorization: `Bearer ${token}` } : {})) }
  if (options.body) headers['content-type'] = 'application/json'
  const response = await fetch(path, { ...options, headers })
  const answer = response.status === 204 ? {} : await response.json()
  if (!response.ok) throw Object.assign(new Error(answer.error ?? response.statusText), { code: answer.code, retry_after: answer.retry_after })
  return answer
}
