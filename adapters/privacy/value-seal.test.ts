import { createCipheriv, createHash, createSecretKey, hkdfSync, randomBytes } from 'node:crypto'
import { hchacha } from '@noble/ciphers/chacha.js'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { nonceOfGcmSeal, openGcmValue } from './seal.ts'
import { sealVectors } from './testing/seals.ts'
import { nonceOfValueSeal, openValue, sealValue } from './value-seal.ts'

const test = suite('the seal of a value')
const RUNS = Number(process.env.PROPERTY_RUNS ?? 100)
const key = createSecretKey(randomBytes(32))

const sha256 = (...parts: ReadonlyArray<string | Uint8Array>): Buffer => {
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest()
}
const words = (bytes: Uint8Array): Uint32Array => new Uint32Array(Uint8Array.from(bytes).buffer)
/** As docs/privacy.md describes it, by other libraries than the program's. */
const described = (of: { key: Uint8Array; nonce: Uint8Array; text: string; id: string }) => {
  const saltKey = Buffer.from(hkdfSync('sha256', of.key, '', 'dlux-presence salts', 32))
  const out = new Uint32Array(8)
  const input = Buffer.concat([of.nonce, Buffer.alloc(4)])
  hchacha(words(Buffer.from('expand 32-byte k')), words(saltKey), words(input), out)
  const salt = Buffer.from(out.buffer).subarray(0, 16)
  const ownKey = sha256('dlux-presence chacha seal ', salt)
  const cipher = createCipheriv('chacha20-poly1305', ownKey, of.nonce, { authTagLength: 16 })
  cipher.setAAD(Buffer.from(of.id), { plaintextLength: Buffer.byteLength(of.text) })
  const sealed = Buffer.concat([of.nonce, cipher.update(of.text), cipher.final(), cipher.getAuthTag()])
  return {
    saltKey: saltKey.toString('hex'),
    salt: salt.toString('base64'),
    ownKey: ownKey.toString('hex'),
    commit: sha256(salt, of.text).toString('base64'),
    sealed: sealed.toString('base64'),
  }
}

test('given the seals of the golden file, then they open, and are made again of the value and its salt', () => {
  const forms = { x: [openValue, nonceOfValueSeal], w: [openGcmValue, nonceOfGcmSeal] } as const
  for (const form of ['x', 'w'] as const)
    for (const { key: person, id, text, salt, commit, sealed } of sealVectors[form]) {
      const [open, nonceOf] = forms[form]
      const nonce = Buffer.from(sealed, 'base64').subarray(0, 12).toString('base64')
      assert.equal(open(sealed, createSecretKey(person, 'hex'), id), { text, salt })
      assert.is(nonceOf(sealed, text, salt, id), nonce)
      assert.is(sha256(Buffer.from(salt, 'base64'), text).toString('base64'), commit)
    }
  for (const { key: person, id, text, nonce, ...made } of sealVectors.x)
    assert.equal(
      described({ key: Buffer.from(person, 'hex'), nonce: Buffer.from(nonce, 'hex'), text, id }),
      made,
    )
})

test('given any value, then its seal opens, is what is described, and is of that text, salt and event only', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.uuid(), fc.uuid(), (text, id, another) => {
      const { sealed, salt, commit } = sealValue(text, key, id)
      const whole = text.toWellFormed()
      assert.equal(openValue(sealed, key, id), { text: whole, salt })
      const nonce = Buffer.from(sealed, 'base64').subarray(0, 12)
      const { saltKey: _, ownKey: __, ...made } = described({ key: key.export(), nonce, text: whole, id })
      assert.equal(made, { sealed, salt, commit })
      assert.is(nonceOfValueSeal(sealed, text, salt, id), nonce.toString('base64'))
      for (const [other, salted, of] of [
        [`${text}.`, salt, id],
        [text, randomBytes(16).toString('base64'), id],
        [text, 'AAAA', id],
        [text, salt, `${another}.`],
      ] as const)
        assert.is(nonceOfValueSeal(sealed, other, salted, of), null)
      assert.throws(() => openValue(sealed, key, `${another}.`))
      assert.throws(() => openValue(sealed, createSecretKey(randomBytes(32)), id))
      assert.is.not(sealValue(text, key, id).sealed, sealed)
    }),
    { numRuns: RUNS },
  )
})

test('given a seal with any of its bits changed, or cut, then it does not open', () => {
  const { sealed } = sealValue('"some words"', key, 'an id')
  const bytes = Buffer.from(sealed, 'base64')
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    const altered = Buffer.from(bytes)
    altered[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(() => openValue(altered.toString('base64'), key, 'an id'), /altered/)
  }
  for (let length = 0; length < bytes.length; length += 1)
    assert.throws(() => openValue(bytes.toString('base64', 0, length), key, 'an id'))
  assert.is(openValue(sealed, key, 'an id').text, '"some words"')
})

test('given values larger than the workspace was, then they are sealed and opened, and small ones after them', () => {
  for (const text of ['é'.repeat(100_000), 'a'.repeat(999), '👍'.repeat(500), 'é', '']) {
    const { sealed, salt } = sealValue(text, key, 'id 👍')
    assert.ok(openValue(sealed, key, 'id 👍').text === text)
    assert.is.not(nonceOfValueSeal(sealed, text, salt, 'id 👍'), null)
  }
})

test.run()
