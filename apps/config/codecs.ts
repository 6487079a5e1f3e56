/** Codecs for variables. Each decodes a string; its name finishes the sentence "X must be …". */
import { isIP } from 'node:net'
import * as t from 'io-ts'
import { isAccount } from '../../domain/names.ts'
import { parseCosignerKey } from '../../projections/proof/cosignature.ts'
import type { WitnessPlace } from '../../projections/proof/witnesses.ts'

/** A codec from the text of a variable, named by what the text must be. */
export type Text<A> = t.Type<A, A, string>

const text = <A>(name: string, parse: (s: string) => A | undefined): Text<A> =>
  new t.Type<A, A, string>(
    name,
    (_u): _u is A => true,
    (s, context) => {
      const parsed = parse(s)
      return parsed === undefined ? t.failure(s, context) : t.success(parsed)
    },
    (a) => a,
  )

export const wholeNumber = (min: number, max: number): Text<number> =>
  text(`a whole number from ${min} to ${max}`, (s) => {
    const n = /^\d{1,15}$/.test(s) ? Number(s) : Number.NaN
    return n >= min && n <= max ? n : undefined
  })

export const oneOf = <A extends string>(...words: ReadonlyArray<A>): Text<A> =>
  text(`one of ${words.join(', ')}`, (s) => words.find((word) => word === s))

export const onOff: Text<boolean> = text('on or off', (s) =>
  s === 'on' ? true : s === 'off' ? false : undefined,
)

const listOf = <A>(item: Text<A>, name: string): Text<ReadonlyArray<A>> =>
  text<ReadonlyArray<A>>(name, (s) => {
    const items: A[] = []
    for (const part of s.split(',').map((one) => one.trim())) {
      const decoded = item.decode(part)
      if (decoded._tag === 'Left') return undefined
      items.push(decoded.right)
    }
    return items
  })

const urlOf = (protocols: ReadonlyArray<string>, accept: (url: URL) => boolean) => (s: string) => {
  if (!URL.canParse(s)) return undefined
  const url = new URL(s)
  return protocols.includes(url.protocol) && accept(url) ? s : undefined
}

export const httpUrl: Text<string> = text('an http:// or https:// address', (s) =>
  urlOf(['http:', 'https:'], (url) => url.hostname !== '')(s)?.replace(/\/$/, ''),
)
export const postgresUrl: Text<string> = text(
  'of the form postgres://user:password@host:5432/database',
  urlOf(['postgres:', 'postgresql:'], (url) => url.pathname.length > 1),
)
export const redisUrl: Text<string> = text(
  'of the form redis://host:6379 (or rediss://)',
  urlOf(['redis:', 'rediss:'], (url) => url.hostname !== ''),
)
export const socketUrl: Text<string> = text('a ws:// or wss:// address', (s) =>
  urlOf(['ws:', 'wss:'], (url) => url.hostname !== '')(s)?.replace(/\/$/, ''),
)
// A pattern, because a cluster's address lists several hosts, which URL refuses.
export const eventStoreUrl: Text<string> = text('of the form esdb://host:2113 (or esdb+discover://)', (s) =>
  /^(esdb|kurrentdb|kdb|kurrent)(\+discover)?:\/\/[^\s/?]+(\/?\?\S*|\/)?$/.test(s) ? s : undefined,
)
/** An origin as a browser sends it in the Origin header: scheme, host and port, and nothing more. The host's first
 *  label may be a star if at least two labels follow it, since nobody owns all of `https://*.io`. `*.dlux.io` means
 *  https. */
const origin: Text<string> = text('an origin', (s) => {
  const whole = s.startsWith('*.') ? `https://${s}` : s
  const isOrigin = (one: string) => urlOf(['http:', 'https:'], (url) => url.origin === one)(one)
  const [, scheme, rest] = /^(https?:\/\/)\*\.(.*)$/.exec(whole) ?? []
  if (scheme === undefined || rest === undefined) return whole.includes('*') ? undefined : isOrigin(whole)
  // With a label instead of the star it must be an origin, so numbers and addresses are not accepted.
  const isName = /^([^.*:]+\.)+[^.*:0-9]+(:\d+)?$/.test(rest)
  return isName && isOrigin(`${scheme}a.${rest}`) !== undefined ? whole : undefined
})
export const origins = listOf(
  origin,
  'origins such as https://vr.dlux.io or https://*.dlux.io (a star is one label, never all), with commas between',
)

const account: Text<string> = text('an account', (s) => (isAccount(s) ? s : undefined))
export const accounts = listOf(account, 'Hive account names with commas between')
export const httpUrls = listOf(httpUrl, 'http:// or https:// addresses with commas between')

const hostPort: Text<string> = text('a host', (s) => {
  const [, , , port = '1'] =
    /^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?)(?::(\d{1,5}))?$/.exec(s) ?? [0, 0, 0, '0']
  return Number(port) >= 1 && Number(port) <= 65_535 ? s : undefined
})
export const hostPorts = listOf(hostPort, 'host names, each with an optional :port, with commas between')
export const host: Text<string> = text('a host name or an address', (s) =>
  isIP(s) !== 0 || (/^[a-zA-Z0-9._-]+$/.test(s) && URL.canParse(`http://${s}`)) ? s : undefined,
)
const network: Text<string> = text('a network', (s) => {
  if (s === 'loopback') return s
  const [, address = '', bits] = /^([0-9a-fA-F.:]+)(?:\/(\d{1,3}))?$/.exec(s) ?? []
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return Number(bits ?? 0) <= most ? s : undefined
})
export const networks = listOf(network, 'loopback, addresses or networks (10.0.0.0/8) with commas between')

/** A name that goes into metadata, logs and Redis keys. */
export const nodeName: Text<string> = text('1 to 64 letters, digits, dots, hyphens and underscores', (s) =>
  /^[A-Za-z0-9._-]{1,64}$/.test(s) ? s : undefined,
)
/** A Hive tag, or a community’s name. */
export const hiveTag: Text<string> = text('a tag of Hive, of lower-case letters, digits and hyphens', (s) =>
  /^[a-z0-9-]{1,32}$/.test(s) ? s : undefined,
)
export const anyText: Text<string> = text('some text', (s) => (s.length > 0 ? s : undefined))
export const secretOf = (min: number): Text<string> =>
  text(`at least ${min} characters long (try: openssl rand -hex 32)`, (s) =>
    s.length >= min && !/^(change-?me|secret|password|example)/i.test(s) ? s : undefined,
  )
/** The name of a signing key, in the form of signed notes. */
export const keyName: Text<string> = text(
  'a name without spaces and plus signs, such as vr.dlux.io/presence',
  (s) => (/^[^\s+]{1,200}$/.test(s) ? s : undefined),
)
/** This many bytes in hex. */
export const hexKey = (bytes: number): Text<string> =>
  text(`${2 * bytes} hex digits (try: openssl rand -hex ${bytes})`, (s) =>
    new RegExp(`^[0-9a-fA-F]{${2 * bytes}}$`).test(s) ? s.toLowerCase() : undefined,
  )
/** A witness's key, an at sign, and the witness's URL. */
const witness: Text<WitnessPlace> = text('a witness', (s) => {
  const [, vkey = '', address = ''] = /^(.+)@(https?:\/\/.+)$/.exec(s) ?? []
  const key = parseCosignerKey(vkey)
  const url = httpUrl.decode(address)
  return key === null || url._tag === 'Left' ? undefined : { key, url: url.right }
})
export const witnesses = listOf(
  witness,
  'witnesses as KEY@URL, each key as presence witness prints it, with commas between',
)
