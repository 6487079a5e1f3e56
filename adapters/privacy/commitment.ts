/** What the log says openly of a personal value that is sealed: a salted digest. Whoever is shown the value and its salt can tell
 *  that this is what was said; without the salt, which is under the seal too and goes with its key, it says nothing. */
import { hash } from 'node:crypto'
import { provedJson } from '../../projections/audit/canonical.ts'

/** Base64 of SHA-256 over the salt's bytes and the UTF-8 of the value's JSON in RFC 8785's form. */
export const commitmentTo = (value: unknown, salt: string): string =>
  hash(
    'sha256',
    Buffer.concat([Buffer.from(salt, 'base64'), Buffer.from(provedJson(value), 'utf8')]),
    'base64',
  )
