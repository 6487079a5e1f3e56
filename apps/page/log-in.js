// Who we are: a guest, an account that a wallet signs for, or, beside the stand-in for Hive, a made-up one.
import { api, notice } from './api.js'
import { $, el, ink, shortName } from './dom.js'
import { loadRooms } from './rooms.js'
import { socket } from './socket.js'
import { state } from './state.js'

let wallet = null // 'stand-in', 'keychain' or null: how a challenge can be signed here
export const showMe = (identity) => {
  const name = identity?.id ?? state.account ?? 'guest'
  $('me').textContent = shortName(name)
  $('me').title = `who you are here: ${name}`
  $('me').style.color = ink(shortName(name))
  const guest = !state.token
  $('account').hidden = $('login').hidden = !guest || !wallet
  $('logout').hidden = guest
  $('quick').hidden = !guest || wallet !== 'stand-in'
}
const sign = async (account, challenge) => {
  if (wallet === 'stand-in')
    return api('/page/sign', { method: 'POST', body: JSON.stringify({ account, message: challenge }) })
  return new Promise((resolve, reject) =>
    window.hive_keychain.requestSignBuffer(account, challenge, 'Posting', (answer) =>
      answer.success
        ? resolve({ signature: answer.result, publicKey: answer.publicKey })
        : reject(new Error(answer.message)),
    ),
  )
}
/** Made-up accounts, a click each: alice owns the lobby. */
const showQuick = () =>
  $('quick').replaceChildren(
    ...['alice', 'bob', 'carol'].map((account) => {
      const button = el('button', { type: 'button', textContent: account, onclick: () => logIn(account) })
      button.setAttribute('aria-label', `be ${account}`)
      return button
    }),
  )
$('who').addEventListener('submit', (event) => {
  event.preventDefault()
  logIn($('account').value.trim().toLowerCase())
})
const logIn = async (account) => {
  try {
    const challenge = String(Math.floor(Date.now() / 1000))
    const { signature, publicKey } = await sign(account, challenge)
    const headers = { 'x-account': account, 'x-challenge': challenge, 'x-pubkey': publicKey, 'x-signature': signature }
    const { token } = await api('/api/auth/session', { method: 'POST', headers })
    be(account, token)
  } catch (error) {
    notice(error.message)
  }
}
export const be = (account, token) => {
  state.account = account
  state.token = token
  for (const [key, value] of Object.entries({ account, token }))
    value ? sessionStorage.setItem(key, value) : sessionStorage.removeItem(key)
  keepGuest(null)
  state.since = null
  socket.disconnect().connect()
  loadRooms()
}
export const keepGuest = (token) => {
  state.guest = token
  token ? sessionStorage.setItem('guest', token) : sessionStorage.removeItem('guest')
}
export const logout = () => {
  if (state.token) api('/api/auth/session', { method: 'DELETE' }).catch(() => {})
  be(null, null)
}
$('logout').addEventListener('click', logout)
/** Finds out how a challenge can be signed here. */
export const findWallet = async () => {
  const { hive_stand_in: standIn } = await api('/page/config')
  wallet = standIn ? 'stand-in' : window.hive_keychain ? 'keychain' : null
  if (wallet === 'keychain') $('account').placeholder = 'your Hive account'
  showQuick()
}
