/** Where a delivery may go: only to public Internet addresses, and to exactly the address that was checked. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import * as E from 'fp-ts/lib/Either.js'
import { addressesIn, isLoopback } from '../../addresses.ts'

/** Networks that are not public: private, loopback, link-local, reserved, multicast, or IPv4 in another form. */
const isInside = addressesIn([
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...[
    '::/96',
    '::ffff:0:0:0/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/23',
    '2001:db8::/32',
    '2002::/16',
  ],
  ...['3fff::/20', '4000::/2', '8000::/1'],
])

export type Resolve = (host: string) => Promise<ReadonlyArray<{ readonly address: string }>>
export type DeliveryTarget = {
  readonly url: URL
  /** The address to connect to, whatever the name resolves to a moment later. */
  readonly address: string
  readonly family: 4 | 6
}
export type TargetOptions = {
  /** For trying it out: also allows this machine itself, and without TLS. Never in production. */
  readonly allowsLoopback: boolean
  readonly resolve?: Resolve
}

const byName: Resolve = (host) => lookup(host, { all: true })

/** Left: why nothing is sent there. A name is refused if any of its addresses is not public. */
export const targetOf = async (
  text: string,
  { allowsLoopback, resolve = byName }: TargetOptions,
): Promise<E.Either<string, DeliveryTarget>> => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) return E.left('The address is none.')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  let found: ReadonlyArray<string>
  try {
    found = isIP(host) > 0 ? [host] : (await resolve(host)).map(({ address }) => address)
  } catch (error) {
    return E.left(`The name ${host} leads nowhere (${(error as NodeJS.ErrnoException).code ?? 'no answer'}).`)
  }
  const [address] = found
  if (address === undefined) return E.left(`The name ${host} leads nowhere.`)
  const isHere = allowsLoopback && found.every(isLoopback)
  if (!isHere && found.some((one) => isIP(one) === 0 || isInside(one)))
    return E.left(`${host} leads to an address that is not public.`)
  if (!isHere && url.protocol !== 'https:') return E.left('Deliveries go over https alone.')
  return E.right({ url, address, family: isIP(address) === 6 ? 6 : 4 })
}
