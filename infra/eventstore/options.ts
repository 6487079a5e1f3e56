/** The settings of the node: one table, from which `--help` is printed and the command line and the environment are
 *  read. docs/eventstore.md has the same table (options.test.ts compares them). */
import { parseArgs } from 'node:util'

type Option = {
  /** Null if it can be set only in the environment. */
  readonly flag: string | null
  readonly env: string
  /** In its written form; empty for none. */
  readonly default: string
  readonly kind: 'text' | 'switch' | 'number'
  /** For a setting that is a number. */
  readonly range?: readonly [least: number, most: number]
  readonly meaning: string
}

const MIB = 1024 * 1024

export const OPTIONS = [
  {
    flag: 'host',
    env: 'EVENTSTORE_HOST',
    default: '127.0.0.1',
    kind: 'text',
    meaning:
      'The address to listen on. Any address but a loopback one requires a certificate, a key and authentication.',
  },
  {
    flag: 'port',
    env: 'EVENTSTORE_PORT',
    default: '2113',
    kind: 'number',
    range: [0, 65_535],
    meaning: 'The port, for both gRPC and HTTP. 0: any free port.',
  },
  {
    flag: 'data',
    env: 'EVENTSTORE_DATA_DIR',
    default: './data/eventstore',
    kind: 'text',
    meaning: 'The directory of the log. Created if it does not exist.',
  },
  {
    flag: 'tls-cert',
    env: 'EVENTSTORE_TLS_CERT',
    default: '',
    kind: 'text',
    meaning: 'A PEM file with the certificate and any intermediate certificates. Switches TLS on.',
  },
  {
    flag: 'tls-key',
    env: 'EVENTSTORE_TLS_KEY',
    default: '',
    kind: 'text',
    meaning: 'A PEM file with the key of the certificate.',
  },
  {
    flag: 'auth',
    env: 'EVENTSTORE_AUTH',
    default: 'off',
    kind: 'switch',
    meaning: 'Users, passwords and access lists. Clients send a password only over TLS.',
  },
  {
    flag: null,
    env: 'EVENTSTORE_ADMIN_PASSWORD',
    default: '',
    kind: 'text',
    meaning:
      'The password of `admin` at the first start with authentication. It is then stored, and this variable is ignored.',
  },
  {
    flag: 'projections',
    env: 'EVENTSTORE_PROJECTIONS',
    default: 'off',
    kind: 'switch',
    meaning: 'Start the system projections. Off: only those that a client has enabled run.',
  },
  {
    flag: 'max-append-size',
    env: 'EVENTSTORE_MAX_APPEND_SIZE',
    default: '1048576',
    kind: 'number',
    range: [1, 16 * MIB],
    meaning: 'The most bytes that one append may have; at most 16 MiB.',
  },
  {
    flag: null,
    env: 'EVENTSTORE_CHECKPOINT_FRAMES',
    default: '500',
    kind: 'number',
    range: [1, 1_000_000_000],
    meaning: 'When the write-ahead log has this many pages of 8 KiB, they are copied into the file.',
  },
  {
    flag: null,
    env: 'EVENTSTORE_INDEX_BEHIND',
    default: '4096',
    kind: 'number',
    range: [1, 10_000_000],
    meaning:
      'How many events the index by stream lags before it is written. A start after a crash reads up to twice as many.',
  },
  {
    flag: 'lag',
    env: 'EVENTSTORE_LAG_MS',
    default: '0',
    kind: 'number',
    range: [0, 10_000],
    meaning:
      'Milliseconds by which acknowledgements and reads lag behind what appends are checked against, for testing clients: a real server has some lag.',
  },
] as const satisfies ReadonlyArray<Option>

type Env = (typeof OPTIONS)[number]['env']

export type NodeSettings = {
  readonly host: string
  readonly port: number
  readonly dataDir: string
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  readonly auth: boolean
  readonly adminPassword: string | undefined
  readonly projections: boolean
  readonly maxAppendSize: number
  readonly checkpointFrames: number
  readonly indexBehind: number
  readonly lagMs: number
}

export const usage = (): string => {
  const rows = (OPTIONS as ReadonlyArray<Option>).map(({ flag, env, default: value, kind, meaning }) => {
    const named = flag === null ? '(environment only)' : `--${flag}${kind === 'switch' ? '' : ' …'}`
    return `  ${named.padEnd(21)} ${env}\n      ${meaning}${value === '' ? '' : ` Default: ${value}.`}`
  })
  return [
    'The event store on its own. npm run eventstore -- [--flag value]…',
    '',
    ...rows,
    '',
    'A flag goes before its variable; an empty variable counts as none. A switch is on or off, true or false.',
  ].join('\n')
}

const ON = /^(on|true|1|yes|all|system)$/i
const OFF = /^(off|false|0|no|none)$/i

/** The settings, or what is wrong with them: a sentence each. `help`: it was asked for. */
export const readSettings = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>>,
):
  | { readonly help: true }
  | { readonly faults: ReadonlyArray<string> }
  | { readonly settings: NodeSettings } => {
  const faults: string[] = []
  const options: Record<string, { type: 'string' | 'boolean' }> = { help: { type: 'boolean' } }
  for (const { flag, kind } of OPTIONS)
    if (flag !== null) options[flag] = { type: kind === 'switch' ? 'boolean' : 'string' }
  let flags: Record<string, unknown>
  try {
    flags = parseArgs({ args: [...args], options, strict: true, allowNegative: true }).values
  } catch (error) {
    return { faults: [`${(error as Error).message.replace(/\.?$/, '.')} --help lists the flags.`] }
  }
  if (flags.help === true) return { help: true }

  const found = new Map<Env, string>()
  const flagged = new Set<Env>()
  for (const option of OPTIONS) {
    const flag = option.flag === null ? undefined : flags[option.flag]
    if (flag !== undefined) flagged.add(option.env)
    const value = flag === undefined ? env[option.env] || option.default : String(flag)
    found.set(option.env, value)
  }
  const nameOf = (name: Env): string => {
    const flag = OPTIONS.find(({ env }) => env === name)?.flag ?? ''
    return flagged.has(name) ? `--${flag}` : name
  }
  const text = (name: Env): string => found.get(name) ?? ''
  const optional = (name: Env): string | undefined => text(name) || undefined
  const isOn = (name: Env): boolean => {
    const value = text(name)
    if (!ON.test(value) && !OFF.test(value)) faults.push(`${nameOf(name)} is on or off, and not "${value}".`)
    return ON.test(value)
  }
  const number = (name: Env): number => {
    const value = text(name)
    const option = OPTIONS.find(({ env }) => env === name)
    const [least, most] = option !== undefined && 'range' in option ? option.range : [0, 0]
    const parsed = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN
    if (!(parsed >= least && parsed <= most))
      faults.push(`${nameOf(name)} is a whole number from ${least} to ${most}, and not "${value}".`)
    return parsed
  }
  const settings: NodeSettings = {
    host: text('EVENTSTORE_HOST'),
    port: number('EVENTSTORE_PORT'),
    dataDir: text('EVENTSTORE_DATA_DIR'),
    tlsCert: optional('EVENTSTORE_TLS_CERT'),
    tlsKey: optional('EVENTSTORE_TLS_KEY'),
    auth: isOn('EVENTSTORE_AUTH'),
    adminPassword: optional('EVENTSTORE_ADMIN_PASSWORD'),
    projections: isOn('EVENTSTORE_PROJECTIONS'),
    maxAppendSize: number('EVENTSTORE_MAX_APPEND_SIZE'),
    checkpointFrames: number('EVENTSTORE_CHECKPOINT_FRAMES'),
    indexBehind: number('EVENTSTORE_INDEX_BEHIND'),
    lagMs: number('EVENTSTORE_LAG_MS'),
  }
  for (const name of ['EVENTSTORE_HOST', 'EVENTSTORE_DATA_DIR'] as const)
    if (text(name) === '') faults.push(`${nameOf(name)} is empty.`)
  const { tlsCert, tlsKey } = settings
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    faults.push(
      tlsCert === undefined
        ? `${nameOf('EVENTSTORE_TLS_KEY')} is a key without a certificate: give --tls-cert as well.`
        : `${nameOf('EVENTSTORE_TLS_CERT')} is a certificate without a key: give --tls-key as well.`,
    )
  return faults.length > 0 ? { faults } : { settings }
}
