/** Logs in: with DLUX's wallet if the page runs in one, with Hive Keychain if it is installed, else as a guest. */
import { PresenceError } from './errors.ts'
import type { Json, Transport } from './transport.ts'

/** A proof of an account, in the form that REST takes. */
export type Proof = { readonly account: string; readonly challenge: string; readonly signature: string }
/** `auto` asks the wallet, then Keychain; a user who declines is a guest. A function returns a proof of its own, or
 *  null for a guest. */
export type Login = 'auto' | 'guest' | 'wallet' | 'keychain' | ((challenge: string) => Promise<Proof | null>)

const WALLET_MS = 1_500
const SIGN_MS = 60_000

type Keychain = {
  readonly requestSignBuffer: (
    account: string | null,
    message: string,
    key: 'Posting',
    answered: (answer: {
      readonly success: boolean
      readonly result?: string
      readonly data?: { readonly username?: string }
    }) => void,
  ) => void
}
const keychain = (): Keychain | null => (globalThis as { hive_keychain?: Keychain }).hive_keychain ?? null

/** The window that may be a wallet: the one that opened this page or shows it. */
const walletWindow = (): Window | null => {
  if (typeof window === 'undefined') return null
  if (window.opener) return window.opener as Window
  return window.parent === window ? null : window.parent
}

/** Asks the wallet, as DLUX's pages do. Null: nobody answered in time, or it said no. */
const askWallet = (type: string, data: Json, ms: number): Promise<Json | null> => {
  const wallet = walletWindow()
  if (wallet === null) return Promise.resolve(null)
  return new Promise((resolve) => {
    const id = `dlux-presence-${crypto.randomUUID()}`
    const done = (answer: Json | null): void => {
      clearTimeout(timer)
      window.removeEventListener('message', hear)
      resolve(answer)
    }
    const hear = ({ data: message, source }: MessageEvent): void => {
      if (source !== wallet || message?.source !== 'dlux-wallet') return
      if (message.type !== 'response' || message.id !== id) return
      done(message.error || typeof message.data !== 'object' ? null : message.data)
    }
    const timer = setTimeout(() => done(null), ms)
    window.addEventListener('message', hear)
    // It contains nothing secret: the wallet, whoever it is, is asked for a name, or to sign a time.
    wallet.postMessage({ id, type, data, source: 'dlux-wallet', timestamp: Date.now() }, '*')
  })
}

const byWallet = async (challenge: string): Promise<Proof | null> => {
  const answer = await askWallet('get-user', {}, WALLET_MS)
  const account = answer?.user ?? answer?.account
  if (typeof account !== 'string' || account === '') return null
  const signed = await askWallet(
    'sign-challenge',
    { challenge, keyType: 'posting', username: account },
    SIGN_MS,
  )
  const signature = signed?.signature
  return typeof signature === 'string' ? { account, challenge, signature } : null
}

const byKeychain = (challenge: string, account: string | null): Promise<Proof | null> =>
  new Promise((resolve) => {
    const found = keychain()
    if (found === null) return resolve(null)
    found.requestSignBuffer(account, challenge, 'Posting', ({ success, result, data }) => {
      const name = data?.username ?? account
      resolve(success && result && name ? { account: name, challenge, signature: result } : null)
    })
  })

/** A session token for a proved account; null for a guest. */
export const logIn = async (
  transport: Transport,
  login: Login,
  account: string | null,
): Promise<string | null> => {
  if (login === 'guest') return null
  // The server is not asked for a challenge if nobody could sign it.
  if (login === 'auto' && walletWindow() === null && keychain() === null) return null
  const asked = (await transport.call('/api/auth/challenge', {
    method: 'POST',
    body: { purpose: 'session', ...(account === null ? {} : { account }) },
  })) as { readonly challenge: string }
  const { challenge } = asked
  let proof: Proof | null
  if (typeof login === 'function') proof = await login(challenge)
  else {
    proof = login === 'keychain' ? null : await byWallet(challenge)
    if (proof === null && login !== 'wallet') proof = await byKeychain(challenge, account)
    if (proof === null && login !== 'auto')
      throw new PresenceError('not_signed', `The ${login} is not there, or did not sign.`)
  }
  if (proof === null) return null
  const made = await transport.call('/api/auth/session', { method: 'POST', body: proof })
  return (made as { readonly token: string }).token
}
