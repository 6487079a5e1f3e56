// The line to the server: one socket, what is told over it, and what we may tell.
import { notice } from './api.js'
import { state } from './state.js'

export const socket = io({
  autoConnect: false,
  auth: (proof) => {
    const token = state.token ?? state.guest
    proof(token ? { token } : {})
  },
})

/** What passes is tried again. */
export const PASSING = /^(slow_down|conflict|not_caught_up|.*_unavailable)$/
export const againAfter = ({ retry_after = 2 }) => retry_after * 1000 * (1 + Math.random() / 2)

const RANK = { none: 0, access: 1, moderate: 2, admin: 3, owner: 4 }
export const mayAs = (role) => RANK[state.role] >= RANK[role]
export const tell = (event, payload, done) =>
  socket.timeout(10_000).emit(event, payload, (late, answer) => {
    if (late) notice('No answer yet: look again when the connection is back.')
    else if (!answer.ok) notice(answer.error)
    else if (done) notice(done)
  })
