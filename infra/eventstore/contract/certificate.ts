/** A certificate for `localhost` and the authority that signed it, for tests over TLS. Needs `openssl`. */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../testing/directory.ts'

const REQUEST = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1'.split(' ')
const openssl = (...args: ReadonlyArray<string>): void => {
  execFileSync('openssl', [...REQUEST, ...args], { stdio: 'ignore' })
}

export type Certificate = {
  readonly key: string
  readonly cert: string
  readonly ca: string
  readonly remove: () => void
}

/** The paths of three files, which exist until `remove`. A self-signed certificate would not do: one of the clients
 *  does not accept an authority as a server. */
export const createCertificate = (): Certificate => {
  const dir = temporaryDirectory('eventstore-tls-')
  const [key, cert, ca, caKey] = ['key', 'cert', 'ca', 'ca-key'].map((name) => join(dir, `${name}.pem`)) as [
    string,
    string,
    string,
    string,
  ]
  openssl('-subj', '/CN=tests', '-keyout', caKey, '-out', ca)
  openssl(
    ...['-subj', '/CN=localhost', '-CA', ca, '-CAkey', caKey, '-keyout', key, '-out', cert],
    ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
  )
  return { key, cert, ca, remove: () => rmSync(dir, { recursive: true, force: true }) }
}
