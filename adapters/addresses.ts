/** Where a request came from, and which addresses count as one caller. */
import { BlockList, isIP } from 'node:net'

const MAPPED = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/

/** An IPv6 address in its canonical short form without a zone; an IPv4-mapped address becomes its IPv4 address. */
const shortest = (address: string): string => {
  const short = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1)
  const [, high, low] = MAPPED.exec(short) ?? []
  if (high === undefined || low === undefined) return short
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`
}

/** Reads an address in any form that proxies and systems write: with a port, in brackets, in quotes, with a zone,
 *  IPv4-mapped or in the long form. Null if it is not an address. */
export const addressOf = (written: string): string | null => {
  const text = written.trim().replace(/^"(.*)"$/, '$1')
  const bare =
    /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d{1,5}$/.exec(text)?.[1] ?? text
  switch (isIP(bare)) {
    case 4:
      return bare
    case 6:
      return shortest(bare)
    default:
      return null
  }
}

/** As `addressOf`, for input that may be no address at all. */
const plain = (ip: string): string => addressOf(ip) ?? ip

/** True for addresses that only this machine can have. */
export const isLoopback = (ip: string): boolean => {
  const address = plain(ip)
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'))
}

/** The first half of an IPv6 address, written out, since such a network has one owner and countless addresses. An IPv4
 *  address is its own network. */
export const networkOf = (ip: string): string => {
  const address = plain(ip)
  if (isIP(address) !== 6) return address
  const [head = '', tail] = address.split('::') as [string, string?]
  const groups = (part: string): ReadonlyArray<string> => (part === '' ? [] : part.split(':'))
  const [first, last] = [groups(head), groups(tail ?? '')]
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length
  const all = [...first, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...last]
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}

const NAMED: Readonly<Record<string, ReadonlyArray<string>>> = {
  loopback: ['127.0.0.1/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
}

/** A predicate made from addresses, networks (`10.0.0.0/8`) and the names `loopback`, `linklocal` and `uniquelocal`. */
export const addressesIn = (names: ReadonlyArray<string>): ((ip: string) => boolean) => {
  const list = new BlockList()
  for (const name of names.flatMap((one) => NAMED[one] ?? [one])) {
    const [written = '', mask] = name.split('/')
    const address = addressOf(written)
    if (address === null) continue
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    // In an IPv4-mapped network the last 32 bits are the IPv4 part.
    const isClothed = family === 'ipv4' && written.includes(':')
    const bits = mask === undefined || !isClothed ? mask : String(Math.max(0, Number(mask) - 96))
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (ip) => {
    const address = plain(ip)
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

/** The client's address: `peer` or, if that is a trusted proxy, the address that the proxy names before it, and so on.
 *  What the first untrusted one claims about others is ignored. */
export const clientAddress = (
  peer: string,
  forwarded: string | undefined,
  isOurs: (ip: string) => boolean,
): string => {
  const before = (forwarded ?? '').split(',')
  let client = plain(peer)
  while (isOurs(client)) {
    const next = addressOf(before.pop() ?? '')
    if (next === null) break
    client = next
  }
  return client
}
