/** `presence witness`: follows another operator's log, and cosigns it as long as it only grows. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type LookedAt, lookAtLog } from '../../operations/witness/follow.ts'
import { serveWitness } from '../../operations/witness/serving.ts'
import { openWitnessFolder, UnusableFolder } from '../../operations/witness/state.ts'
import { createWitness, type LogWitness } from '../../operations/witness/witness.ts'
import { readKeys } from '../audit/key-arguments.ts'
import { type CommandAlone, counted, type Io, Misused } from '../command.ts'

const usage = `presence witness --log URL --key VKEY|FILE --state DIR [--name NAME] [options]

Follows another operator's log and cosigns its checkpoints (C2SP tlog-cosignature, Ed25519) as long as its key signed them and, as its tiles
show, it has only grown since the last. A log that was forked, altered, rolled back, or that withholds what would prove it, is not cosigned:
that is said, and the checkpoint that shows it is kept in DIR. Logs ask at POST /add-checkpoint (C2SP tlog-witness); everybody reads what was
cosigned last at GET /<SHA-256 of the log's name>/checkpoint. Needs no server, no database and none of the log's secrets.

  --log URL         the log's server, such as https://vr.dlux.io
  --key VKEY|FILE   the log's key as GET /api/audit/key has it, got by a way that you trust
  --state DIR       the witness's own key and what it cosigned. Keep it: without it, it can't tell that a log went back
  --name NAME       the witness's name, at its first start: such as witness.example/w1
  --listen HOST:PORT  where it answers (127.0.0.1:4480); put TLS before it
  --every SECONDS   between two looks at the log (60)
  --once            looks once, and answers nobody: ends with 0 if it cosigned, 1 if not

The witness's key is printed at the start: the log's operator puts it into WITNESSES, and pages into verify({ witnesses }). See docs/proof.md.`

const EVERY_S = 60
const LISTEN = '127.0.0.1:4480'

type WitnessArguments = {
  readonly log: string
  readonly key: string
  readonly state: string
  readonly name: string | null
  readonly host: string
  readonly port: number
  readonly everyMs: number
  readonly isOnce: boolean
}

const argumentsIn = (args: ReadonlyArray<string>): WitnessArguments => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      log: text,
      key: text,
      state: text,
      name: text,
      listen: text,
      every: text,
      once: { type: 'boolean' },
    },
  })
  const {
    log,
    key,
    state,
    name = null,
    listen = LISTEN,
    every = String(EVERY_S),
    once: isOnce = false,
  } = values
  if (log === undefined || key === undefined || state === undefined)
    throw new Misused('A witness needs --log, --key and --state.')
  if (!/^https?:\/\//.test(log) || !URL.canParse(log)) throw new Misused('--log takes an http(s):// address.')
  if (name !== null && !/^[^\s+]{1,200}$/.test(name))
    throw new Misused('--name takes a name without spaces and plus signs.')
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(listen) ?? []
  if (host === '' || Number(port) > 65_535) throw new Misused('--listen takes HOST:PORT.')
  const seconds = Number(every)
  if (!(seconds >= 1 && seconds <= 86_400)) throw new Misused('--every takes seconds, from 1 to 86,400.')
  return {
    log: log.replace(/\/+$/, ''),
    key,
    state,
    name,
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port),
    everyMs: 1_000 * seconds,
    isOnce,
  }
}

const saidOf = (origin: string, looked: LookedAt): string =>
  looked.kind === 'cosigned'
    ? `${origin}: cosigned ${counted(looked.size, 'event')}.`
    : `${origin}: not cosigned (${looked.kind === 'refused' ? looked.fault : 'unreachable'}). ${looked.why}`

/** Runs until it is stopped; reports each thing once. */
const follow = async (
  asked: WitnessArguments,
  { witness, io, stopped }: { witness: LogWitness; io: Io; stopped: AbortSignal },
): Promise<void> => {
  let said = ''
  while (!stopped.aborted) {
    const looked = await lookAtLog(asked.log, witness)
    const now = saidOf(witness.log.name, looked)
    if (now !== said) (looked.kind === 'cosigned' ? io.out : io.err)(now)
    said = now
    await delay(asked.everyMs, null, { signal: stopped }).catch(() => {})
  }
}

const run = async (args: ReadonlyArray<string>, io: Io): Promise<number> => {
  const asked = argumentsIn(args)
  const keys = readKeys([asked.key])
  if (typeof keys === 'string' || keys.length !== 1)
    throw new Misused(typeof keys === 'string' ? keys : '--key takes the one key of the log.')
  const folder = openWitnessFolder(asked.state, asked.name)
  let server: Server | null = null
  try {
    const witness = createWitness(folder, keys[0]!, { now: Date.now })
    io.out(`witness ${witness.key.vkey}`)
    if (asked.isOnce) {
      const looked = await lookAtLog(asked.log, witness)
      const said = saidOf(witness.log.name, looked)
      io.data?.({ witness: witness.key.vkey, ...looked })
      if (looked.kind === 'cosigned') io.out(said)
      else io.err(said)
      return looked.kind === 'cosigned' ? 0 : 1
    }
    const stop = new AbortController()
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort())
    const onError = (error: Error): void => io.err(`An answer failed: ${error.message}`)
    server = await serveWitness(witness, { host: asked.host, port: asked.port, onError })
    const { address, port, family } = server.address() as AddressInfo
    io.out(`answers at http://${family === 'IPv6' ? `[${address}]` : address}:${port}`)
    await follow(asked, { witness, io, stopped: stop.signal })
    return 0
  } catch (error) {
    if (!(error instanceof UnusableFolder)) throw error
    io.err(error.message)
    return 1
  } finally {
    if (server !== null) {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
    folder.close()
  }
}

export const witness: CommandAlone = {
  name: 'witness',
  summary: 'follow another operator’s log, and cosign it as long as it only grows',
  usage,
  run,
}
