/** Where a request came from, and which addresses count as one caller. */
import { BlockList, isIP } from 'node:net'

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** An IPv4 address as itself also where it comes in IPv6's clothes. */
const plain = (ip: string): string => MAPPED.exec(ip)?.[1] ?? ip

/** True of addresses that only this machine can have. */
export const isLoopback = (ip: string): boolean => /^127\.\d+\.\d+\.\d+$/.test(plain(ip)) || ip === '::1'

/** The first half of an IPv6 address, written out: a network has addresses without number, and one owner. An IPv4
 *  address is its own network. */
export const networkOf = (ip: string): string => {
  const address = plain(ip)
  if (isIP(address) !== 6) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::') as [string, string?]
  const groups = (part: string): ReadonlyArray<string> => (part === '' ? [] : part.split(':'))
  const [first, last] = [groups(head), groups(tail ?? '')]
  // An IPv4 address at the end stands for two groups.
  const width = (part: ReadonlyArray<string>): number => part.length + (part.at(-1)?.includes('.') ? 1 : 0)
  const zeros = tail === undefined ? 0 : 8 - width(first) - width(last)
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

/** Addresses, networks (`10.0.0.0/8`) and the names `loopback`, `linklocal` and `uniquelocal`, as a question. */
export const addressesIn = (names: ReadonlyArray<string>): ((ip: string) => boolean) => {
  const list = new BlockList()
  for (const name of names.flatMap((one) => NAMED[one] ?? [one])) {
    const [address = '', bits] = name.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(address) === 0) continue
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (ip) => {
    const address = plain(ip)
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }
}

/** Who the client is: `peer`, or where that is a proxy of ours, whom it says it had before it, and so on. What the
 *  first one that is not ours says of others is only its word. */
export const clientAddress = (
  peer: string,
  forwarded: string | undefined,
  isOurs: (ip: string) => boolean,
): string => {
  const before = (forwarded ?? '').split(',').map((one) => one.trim())
  let client = peer
  while (isOurs(client)) {
    const next = before.pop()
    if (next === undefined || isIP(next) === 0) break
    client = next
  }
  return client
}
