/** The server, directly and as browsers reach it: REST, Socket.IO by polling, a WebSocket, and the certificate. */
import { isIP } from 'node:net'
import { WebSocket } from 'ws'
import { whyUnreachable } from '../../../adapters/unreachable.ts'
import type { Config } from '../../config/load.ts'
import { about, type Finding, type Findings } from './finding.ts'
import { certificateFinding, certificateOf } from './voice.ts'

const PATIENCE_MS = 5_000
const PATH = '/socket.io/?EIO=4&transport='

type Door = { readonly url: string; readonly named: string; readonly todo: string }
type Health = {
  readonly checks?: Readonly<
    Record<string, { readonly ok?: boolean; readonly error?: string; readonly kind?: string }>
  >
  readonly version?: string
}

const rest = async ({ url, named, todo }: Door): Promise<Findings> => {
  const server = about('server')
  try {
    const answer = await fetch(`${url}/api/health`, {
      signal: AbortSignal.timeout(PATIENCE_MS),
      redirect: 'manual',
    })
    const health = (await answer.json().catch(() => null)) as Health | null
    if (health?.checks === undefined)
      return [server.wrong(`${named} (${url}) answers ${answer.status}, and not as this server.`, todo)]
    const ill = Object.entries(health.checks).filter(([, { ok }]) => ok === false)
    return [
      server.well(`${named} answers (${health.version ?? 'of no version'}).`),
      ...ill.map(([part, { error, kind }]) =>
        about('health').note(
          `The server says of ${part}: ${(error ?? kind ?? 'it is not well').replace(/\.$/, '')}.`,
          'See what is said of that part here; docs/operations.md, “Health”.',
        ),
      ),
    ]
  } catch (error) {
    return [server.wrong(`${named} (${url}) can’t be reached: ${whyUnreachable(error)}.`, todo)]
  }
}

const polling = async ({ url, named }: Door): Promise<Finding> => {
  const sockets = about('sockets')
  try {
    const answer = await fetch(`${url}${PATH}polling`, { signal: AbortSignal.timeout(PATIENCE_MS) })
    const text = await answer.text()
    if (text.startsWith('0{')) return sockets.well(`Socket.IO by polling: ${named} lets it in.`)
    return sockets.wrong(
      `Socket.IO by polling: ${named} answers ${answer.status}, and not as Socket.IO.`,
      'Let the proxy pass /socket.io/ on as it is, query and all.',
    )
  } catch (error) {
    return sockets.wrong(
      `Socket.IO by polling: ${named} does not answer: ${whyUnreachable(error)}.`,
      'Let the proxy pass /socket.io/ on.',
    )
  }
}

const websocket = ({ url, named }: Door): Promise<Finding> =>
  new Promise((resolve) => {
    const sockets = about('sockets')
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${PATH}websocket`, {
      handshakeTimeout: PATIENCE_MS,
    })
    const end = (found: Finding) => {
      clearTimeout(late)
      socket.terminate()
      resolve(found)
    }
    const wrong = (why: string) =>
      end(
        sockets.wrong(
          `A WebSocket: ${named} does not let it in: ${why}.`,
          'Let the proxy pass upgrades on (Connection and Upgrade headers), as infra/caddy/Caddyfile does.',
        ),
      )
    const late = setTimeout(() => wrong('nothing comes back'), PATIENCE_MS)
    socket.once('error', (error) => wrong(whyUnreachable(error)))
    socket.once('message', (data) =>
      String(data).startsWith('0{')
        ? end(sockets.well(`A WebSocket: ${named} lets it in.`))
        : wrong('what comes back is not Socket.IO'),
    )
  })

const certificate = async (url: string): Promise<Findings> => {
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'https:') return []
  try {
    const shown = await certificateOf(hostname, Number(port || 443))
    const found = [certificateFinding(url, shown, Date.now())]
    const address = hostname.replace(/^\[|\]$/g, '')
    const isNamed = isIP(address) === 0 ? shown.checkHost(address) : shown.checkIP(address)
    if (isNamed === undefined)
      found.push(
        about('certificate').wrong(
          `The certificate of ${url} is for another name.`,
          'Set SITE to this name, and let Caddy get one for it.',
        ),
      )
    return found
  } catch (error) {
    return [
      about('certificate').wrong(
        `${url} shows no certificate: ${whyUnreachable(error)}.`,
        'Look at Caddy’s log: its authority must reach ports 80 and 443.',
      ),
    ]
  }
}

export const webFindings = async (config: Config, direct: string | null): Promise<Findings> => {
  const doors: Door[] = []
  if (direct !== null)
    doors.push({
      url: direct,
      named: 'the server itself',
      todo: 'Start it, and read what it says at its start.',
    })
  if (config.publicUrl !== direct)
    doors.push({
      url: config.publicUrl,
      named: 'the public address',
      todo: 'Point the name’s DNS here, start Caddy, open ports 80 and 443.',
    })
  const found: Finding[] = []
  for (const door of doors) {
    const answers = await rest(door)
    found.push(...answers)
    if (answers[0]?.is === 'well') found.push(await polling(door), await websocket(door))
  }
  return [...found, ...(await certificate(config.publicUrl))]
}
