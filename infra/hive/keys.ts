/** The keys that the stand-in gives a made-up account: Hive's own login keys, from a password that everybody knows. */
import { createHash } from 'node:crypto'
import { PrivateKey } from 'hive-tx'

const ROLES = ['owner', 'active', 'posting', 'memo'] as const
export type KeyRole = (typeof ROLES)[number]
export type KeyPair = { readonly private: string; readonly public: string }
export type DevKeys = Readonly<Record<KeyRole, KeyPair>>

const PASSWORD = 'dlux-presence stand-in: not a secret'
const made = new Map<string, DevKeys>()

/** WIF and `STM…` of each role, the same for the same name everywhere. */
export const devKeys = (account: string): DevKeys => {
  const known = made.get(account)
  if (known !== undefined) return known
  const pair = (role: KeyRole): KeyPair => {
    const key = PrivateKey.fromLogin(account, PASSWORD, role)
    return { private: key.toString(), public: key.createPublic().toString() }
  }
  const keys: DevKeys = {
    owner: pair('owner'),
    active: pair('active'),
    posting: pair('posting'),
    memo: pair('memo'),
  }
  if (made.size > 10_000) made.clear()
  made.set(account, keys)
  return keys
}

/** Signs as a wallet does: SHA-256 of the message's UTF-8 bytes, recoverable, 130 hex digits.
 *  With an account's name, by its stand-in posting key. */
export const signAs = (account: string, message: string, role: KeyRole = 'posting'): string =>
  signWith(devKeys(account)[role].private, message)

/** The same with any private key in WIF. */
export const signWith = (wif: string, message: string): string =>
  PrivateKey.from(wif).sign(createHash('sha256').update(message, 'utf8').digest()).customToString()
