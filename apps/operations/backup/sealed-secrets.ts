/** Secrets in a backup: only when asked for, and only under a passphrase. */
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'

const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }
const Sealed = t.type({ v: t.literal(1), salt: t.string, nonce: t.string, sealed: t.string })

export type KeptSecrets = Readonly<Record<string, string>>

const keyOf = (passphrase: string, salt: Buffer): Buffer =>
  scryptSync(passphrase.normalize('NFC'), salt, 32, COST)

export const sealSecrets = (secrets: KeptSecrets, passphrase: string): string => {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)]
  const cipher = createCipheriv('aes-256-gcm', keyOf(passphrase, salt), nonce)
  const shut = Buffer.concat([
    cipher.update(JSON.stringify(secrets), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ])
  return `${JSON.stringify({ v: 1, salt: salt.toString('hex'), nonce: nonce.toString('hex'), sealed: shut.toString('base64') })}\n`
}

/** Left is a sentence. */
export const openSecrets = (text: string, passphrase: string): E.Either<string, KeptSecrets> => {
  try {
    const read = Sealed.decode(JSON.parse(text))
    if (E.isLeft(read)) return E.left('The secrets of this backup are of no form that this version reads.')
    const { salt, nonce, sealed } = read.right
    const bytes = Buffer.from(sealed, 'base64')
    const opener = createDecipheriv(
      'aes-256-gcm',
      keyOf(passphrase, Buffer.from(salt, 'hex')),
      Buffer.from(nonce, 'hex'),
      { authTagLength: 16 },
    )
    opener.setAuthTag(bytes.subarray(-16))
    const open = opener.update(bytes.subarray(0, -16)).toString('utf8') + opener.final('utf8')
    const secrets = t.record(t.string, t.string).decode(JSON.parse(open))
    return E.isRight(secrets) ? secrets : E.left('The secrets of this backup are damaged.')
  } catch {
    return E.left('The passphrase is another, or the secrets of this backup are damaged.')
  }
}
