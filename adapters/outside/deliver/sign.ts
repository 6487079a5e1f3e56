/** A delivery's headers by Standard Webhooks. A subscription's secret is derived from a key of the server and the
 *  subscription's id, so none is stored. */
import { createHmac, type KeyObject } from 'node:crypto'
import type { Subscription } from '../../../domain/outside/state.ts'
import { mac } from '../../short-mac.ts'

/** How long the previous secret still signs. */
const BOTH_MS = 24 * 3_600_000

const bytesOf = (key: KeyObject, id: string, version: number): Buffer => mac(key, `${id} ${version}`)

/** The secret in the form that its receiver gets, once. */
export const secretOf = (key: KeyObject, { id, secret }: Pick<Subscription, 'id' | 'secret'>): string =>
  `whsec_${bytesOf(key, id, secret).toString('base64')}`

/** `id` is the message's, which stays the same when it is sent again; `now` in milliseconds. */
export const signedHeaders = (
  key: KeyObject,
  { id, secret, secretAt }: Pick<Subscription, 'id' | 'secret' | 'secretAt'>,
  message: { readonly id: string; readonly body: string },
  now: number,
): Readonly<Record<string, string>> => {
  const seconds = Math.floor(now / 1_000)
  const isNew = secret > 1 && now - Date.parse(secretAt) < BOTH_MS
  const signatures = [secret, ...(isNew ? [secret - 1] : [])].map((version) => {
    const made = createHmac('sha256', bytesOf(key, id, version))
    return `v1,${made.update(`${message.id}.${seconds}.${message.body}`).digest('base64')}`
  })
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signatures.join(' '),
  }
}
