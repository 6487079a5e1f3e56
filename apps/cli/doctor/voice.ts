/** Checks TURN as a browser uses it: a relay over each transport with our credentials, and an echo through two of them. */
import type { X509Certificate } from 'node:crypto'
import { connect as connectTls } from 'node:tls'
import { createTurn, type TurnPlace } from '../../../adapters/turn/turn.ts'
import { type TurnClient, type TurnServer, turnClient } from '../../../adapters/turn/turn-client.ts'
import { whyUnreachable } from '../../../adapters/unreachable.ts'
import type { Config } from '../../config/load.ts'
import { about, endOf, type Finding, type Findings, soon } from './finding.ts'

const turn = about('turn')
const OPEN: Readonly<Record<string, string>> = {
  udp: 'Start coturn, and open UDP 3478 to the world.',
  tcp: 'Open TCP 3478 to the world: without it whoever’s network lets no UDP through has no voice.',
}

type Credentials = { readonly username: string; readonly credential: string }
type Asking = { readonly credentials: Credentials; readonly patienceMs: number }

/** Releases a relay, so that the doctor never holds more than one at a time, however often it is run. */
const giveBack = async (client: TurnClient): Promise<void> => {
  await client.release().catch(() => {})
  client.close()
}

/** Sends a word from one relay to another of the same server; false if it does not arrive. */
const echoes = async (
  server: TurnServer,
  first: TurnClient,
  credentials: Credentials,
  patienceMs: number,
) => {
  const own = await first.allocate(4)
  const second = await turnClient(server, credentials, patienceMs)
  try {
    const other = await second.allocate(4)
    if (!own.ok || !other.ok || own.relay === null || other.relay === null) return own.ok ? 'none' : own.code
    const [mine, theirs] = [await first.permit(other.relay.address), await second.permit(own.relay.address)]
    if (!mine.ok || !theirs.ok) return 'shut'
    const word = Buffer.from('presence doctor')
    const heard = new Promise<boolean>((resolve) => second.onData((data) => resolve(data.equals(word))))
    const to = other.relay
    // A packet may be lost on the way.
    first.send(to, word)
    const again = setInterval(() => first.send(to, word), 300)
    try {
      return (await soon(heard, patienceMs).catch(() => false)) ? 'echoed' : 'silent'
    } finally {
      clearInterval(again)
    }
  } finally {
    await giveBack(second)
  }
}

const over = async (server: TurnServer, { credentials, patienceMs }: Asking): Promise<Finding> => {
  const where = `${server.host}:${server.port} over ${server.transport.toUpperCase()}`
  const client = await turnClient(server, credentials, patienceMs)
  try {
    const found = await echoes(server, client, credentials, patienceMs)
    switch (found) {
      case 'echoed':
        return turn.well(`TURN at ${where} relays.`)
      case 'shut':
        return turn.note(
          `TURN at ${where} gives relays, and forbids its own address: two who both need it can’t hear each other.`,
          'Give it its public address (--external-ip), or allow that as a peer (allowed-peer-ip).',
        )
      case 'silent':
      case 'none':
        return turn.wrong(
          `TURN at ${where} gives a relay, and nothing comes through it.`,
          'Behind a NAT give it its public address (--external-ip=PUBLIC/PRIVATE); open UDP 49152 to 65535.',
        )
      case 401:
        return turn.wrong(
          `TURN at ${where} refuses our credentials.`,
          'Give coturn the TURN_SECRET of this server (--static-auth-secret), and look at both clocks.',
        )
      default:
        return turn.wrong(
          `TURN at ${where} gives no relay: it answers ${found}.`,
          'Look at coturn’s quotas and its log.',
        )
    }
  } finally {
    await giveBack(client)
  }
}

/** The certificate that the server there presents. */
export const certificateOf = (host: string, port: number): Promise<X509Certificate> =>
  new Promise((resolve, reject) => {
    const named = /^[0-9.:]+$/.test(host) ? {} : { servername: host }
    const socket = connectTls({ host, port, rejectUnauthorized: false, ...named })
    const end = (how: () => void) => {
      clearTimeout(late)
      socket.destroy()
      how()
    }
    const late = setTimeout(() => end(() => reject(new Error('it does not answer'))), 5_000)
    socket.once('error', (error) => end(() => reject(error)))
    socket.once('secureConnect', () => {
      const found = socket.getPeerX509Certificate()
      end(() => (found ? resolve(found) : reject(new Error('it shows no certificate'))))
    })
  })

/** Null if the certificate is valid for long enough. */
export const certificateFinding = (of: string, certificate: X509Certificate, now: number): Finding => {
  const found = about('certificate')
  const { ended, days, hours } = endOf(certificate.validTo, now)
  const renew = 'Renew it; Caddy does so by itself where ports 80 and 443 reach it.'
  if (ended) return found.wrong(`The certificate of ${of} ended on ${certificate.validTo}.`, renew)
  const left = days < 2 ? `${hours} ${hours === 1 ? 'hour' : 'hours'}` : `${days} days`
  if (days < 14) return found.note(`The certificate of ${of} ends in ${left}.`, renew)
  return found.well(`The certificate of ${of} holds for ${days} days.`)
}

const overTls = async (
  { host, port, isTold }: { host: string; port: number; isTold: boolean },
  asking: Asking,
  ca: string | undefined,
): Promise<Findings> => {
  let certificate: X509Certificate
  try {
    certificate = await certificateOf(host, port)
  } catch (error) {
    const says = `TURN at ${host}:${port} over TLS can’t be reached: ${whyUnreachable(error)}.`
    const todo = `Give coturn a certificate and open TCP ${port}: some networks let TLS alone through.`
    return [isTold ? turn.wrong(says, `${todo} Until then set TURN_TLS to auto.`) : turn.note(says, todo)]
  }
  const held = certificateFinding(`TURN at ${host}:${port}`, certificate, Date.now())
  try {
    return [held, await over({ host, port, transport: 'tls', ...(ca ? { ca } : {}) }, asking)]
  } catch (error) {
    return [
      held,
      turn.wrong(
        `Browsers don’t trust TURN at ${host}:${port} over TLS: ${whyUnreachable(error)}.`,
        'Give coturn a certificate for this name from an authority that browsers know.',
      ),
    ]
  }
}

export type VoiceOptions = {
  readonly tlsPort?: number
  readonly ca?: string
  /** For each answer, in ms. */
  readonly patienceMs?: number
}
const PATIENCE_MS = 3_000

const plainFindings = async ({ name, port }: TurnPlace, asking: Asking): Promise<Findings> => {
  const host = name.replace(/^\[|\]$/g, '')
  const found: Finding[] = []
  for (const transport of ['udp', 'tcp'] as const)
    found.push(
      await over({ host, port, transport }, asking).catch((error) =>
        turn.wrong(
          `TURN at ${host}:${port} over ${transport.toUpperCase()} can’t be reached: ${whyUnreachable(error)}.`,
          OPEN[transport]!,
        ),
      ),
    )
  return found
}

export const voiceFindings = async (
  config: Config,
  { tlsPort, ca, patienceMs = PATIENCE_MS }: VoiceOptions = {},
): Promise<Findings> => {
  const { servers, tlsServers, credentialsFor } = createTurn({
    ...config.turn,
    clock: { now: () => Date.now() },
  })
  if (servers.length === 0)
    return [
      turn.note(
        'TURN_HOST is not set: whoever is behind a strict network has no voice.',
        'Run coturn, and name it in TURN_HOST.',
      ),
    ]
  const asking = { credentials: credentialsFor('presence-doctor'), patienceMs }
  const found: Finding[] = []
  for (const place of servers) found.push(...(await plainFindings(place, asking)))
  if (config.turn.tls === 'off')
    return [
      ...found,
      turn.note(
        'TURN_TLS is off: whoever’s network lets TLS alone through has no voice.',
        'Give coturn a certificate, and set TURN_TLS to auto.',
      ),
    ]
  for (const { name, port } of tlsServers)
    found.push(
      ...(await overTls(
        { host: name.replace(/^\[|\]$/g, ''), port: tlsPort ?? port, isTold: config.turn.tls === 'on' },
        asking,
        ca,
      )),
    )
  return found
}
