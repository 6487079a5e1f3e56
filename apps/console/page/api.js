// Who is signed in, and their requests to the server. The token lives as long as the tab.
const kept = (key) => sessionStorage.getItem(key)
export const me = { account: kept('account'), token: kept('token'), wallet: null }

const changed = new Set()
export const onMe = (listen) => {
  changed.add(listen)
  return () => changed.delete(listen)
}
const be = (account, token) => {
  me.account = account
  me.token = token
  for (const [key, value] of Object.entries({ account, token }))
    value ? sessionStorage.setItem(key, value) : sessionStorage.removeItem(key)
  for (const listen of changed) listen()
}

export class Problem extends Error {
  constructor(status, { error, code, retry_after }) {
    super(error ?? `The server answered ${status}.`)
    Object.assign(this, { status, code: code ?? 'unknown', retry_after })
  }
}
const problemOf = async (response) => {
  const answer = await response.json().catch(() => ({}))
  const problem = new Problem(response.status, answer)
  // A token that has ended belongs to nobody: the page goes on as a guest's.
  if (me.token && /^(token_expired|invalid_proof)$/.test(problem.code)) be(null, null)
  return problem
}

const headersOf = (more) => ({ ...(me.token ? { authorization: `Bearer ${me.token}` } : {}), ...more })
const send = (path, { body, headers, ...rest } = {}) =>
  fetch(path, {
    ...rest,
    cache: 'no-store',
    headers: headersOf({ ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch((cause) => {
    if (cause.name === 'AbortError') throw cause
    throw new Problem(0, { error: 'The server can’t be reached.', code: 'unreachable' })
  })

/** Sends and receives JSON. Throws a `Problem`, which contains the server's answer. */
export const api = async (path, options) => {
  const response = await send(path, options)
  if (!response.ok) throw await problemOf(response)
  return response.json()
}
export const text = async (path) => {
  const response = await send(path)
  if (!response.ok) throw await problemOf(response)
  return response.text()
}
/** Saves the whole answer as a file. */
export const download = async (path, name) => {
  const response = await send(path)
  if (!response.ok) throw await problemOf(response)
  const url = URL.createObjectURL(await response.blob())
  Object.assign(document.createElement('a'), { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
/** Yields the JSON value of each line as it arrives. Ends without an error if `signal` is aborted. */
export async function* lines(path, { signal, most = Number.POSITIVE_INFINITY } = {}) {
  const response = await send(path, { signal, headers: { accept: 'application/x-ndjson' } })
  if (!response.ok) throw await problemOf(response)
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let given = 0
  try {
    for (;;) {
      const { value, done } = await reader.read()
      const parts = (rest + (value ?? '')).split('\n')
      rest = done ? '' : parts.pop()
      for (const part of parts) {
        if (part === '') continue
        const line = JSON.parse(part)
        if (line.error && line.code) throw new Problem(200, line)
        yield line
        given += 1
        if (given >= most) return
      }
      if (done) return
    }
  } catch (error) {
    if (error.name !== 'AbortError') throw error
  } finally {
    reader.cancel().catch(() => {})
  }
}

/** The query string of these values, without the empty ones. */
export const query = (of) => {
  const given = Object.entries(of).filter(([, value]) => value !== '' && value !== null && value !== undefined)
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}
/** `post:alice/my-post` as it is written in the API's paths. */
export const pathOf = (key) => {
  const colon = key.indexOf(':')
  return `${encodeURIComponent(key.slice(0, colon))}/${encodeURIComponent(key.slice(colon + 1))}`
}
export const spacePath = (key) => `/api/spaces/${pathOf(key)}`

/** Finds out how an account can sign here. Hive Keychain adds itself to the page a little after the page has loaded. */
export const findWallet = async () => {
  const { hive_stand_in: standIn } = await api('/page/config').catch(() => ({}))
  me.wallet = standIn ? 'stand-in' : window.hive_keychain ? 'keychain' : null
  if (me.wallet === null)
    addEventListener('load', () => setTimeout(() => window.hive_keychain && ((me.wallet = 'keychain'), be(me.account, me.token)), 500))
}
const sign = (account, message) => {
  if (me.wallet === 'stand-in') return api('/page/sign', { method: 'POST', body: { account, message } })
  return new Promise((resolve, reject) =>
    window.hive_keychain.requestSignBuffer(account, message, 'Posting', (answer) =>
      answer.success
        ? resolve({ signature: answer.result, publicKey: answer.publicKey })
        : reject(new Problem(0, { error: String(answer.message), code: 'not_signed' })),
    ),
  )
}
export const signIn = async (account) => {
  const challenge = String(Math.floor(Date.now() / 1000))
  const { signature, publicKey } = await sign(account, challenge)
  const headers = { 'x-account': account, 'x-challenge': challenge, 'x-pubkey': publicKey, 'x-signature': signature }
  me.token = null
  const { token } = await api('/api/auth/session', { method: 'POST', headers })
  be(account, token)
}
export const signOut = () => {
  if (me.token) api('/api/auth/session', { method: 'DELETE' }).catch(() => {})
  be(null, null)
}
