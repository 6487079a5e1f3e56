/** What the log shows of a sealed personal value: a salted digest. Whoever gets the value and its salt can verify that
 *  this is what was said; without the salt, which is under the seal too and is lost with its key, the digest says
 *  nothing. */
import { hash } from 'node:crypto'
import { provedJson } from '../../projections/audit/canonical.ts'

/** Base64 of SHA-256 over the salt's bytes and the UTF-8 of the value's JSON in RFC 8785's form. */
export const commitmentTo = (value: unknown, salt: string): string =>
  hash(
    'sha256',
    Buffer.concat([Buffer.from(salt, 'base64'), Buffer.from(provedJson(value), 'utf8')]),
    'base64',
  )
