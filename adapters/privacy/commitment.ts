/** What the log says openly of a personal value that is sealed: a salted digest. Whoever is shown the value and its salt can tell
 *  that this is what was said; without the salt, which is under the seal too and goes with its key, it says nothing. */
import { hash, randomFillSync } from 'node:crypto'
import { provedJson } from '../../projections/audit/canonical.ts'

const SALT = 16
/** Random bytes are asked for by the page. */
const pool = Buffer.alloc(SALT * 1_024)
let used = pool.length
/** 16 random bytes in base64. */
export const freshSalt = (): string => {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += SALT
  return pool.toString('base64', used - SALT, used)
}

/** Base64 of SHA-256 over the salt's bytes and the UTF-8 of the value's JSON in RFC 8785's form. */
export const commitmentTo = (value: unknown, salt: string): string =>
  hash(
    'sha256',
    Buffer.concat([Buffer.from(salt, 'base64'), Buffer.from(provedJson(value), 'utf8')]),
    'base64',
  )
