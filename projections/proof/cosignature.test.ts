/** Cosignatures: what a witness adds to a checkpoint; no alteration of it goes unnoticed. */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cosign, cosignedAt, cosignerOf, parseCosignerKey } from './cosignature.ts'
import { checkpointIn, openCheckpoint, parseVkey, signCheckpoint, signerOf, verifierOf } from './note.ts'

const test = suite('cosignatures')
const log = signerOf('presence.example/log', Buffer.alloc(32, 7))
const witness = cosignerOf('witness.example/w1', Buffer.alloc(32, 8))
const checkpoint = { origin: log.name, size: 42, root: Buffer.alloc(32, 1), extensions: ['number 3'] }
const note = signCheckpoint(checkpoint, log)
const TIME = 1_679_315_147
const line = cosign(note.slice(0, note.indexOf('\n\n') + 1), witness, TIME)
const signed = note + line

test('given a cosigned checkpoint, then the log’s key and the witness’s each open it, and neither counts as the other', () => {
  const { vkey } = verifierOf(witness)
  assert.equal(cosignedAt(signed, parseCosignerKey(vkey)!), { seconds: TIME, line })
  assert.equal(openCheckpoint(signed, verifierOf(log)), checkpoint)
  assert.equal(checkpointIn(signed), checkpoint)
  assert.is(parseVkey(vkey), null)
  assert.is(parseCosignerKey(verifierOf(log).vkey), null)
  assert.is(cosignedAt(signed, verifierOf(log)), null)
  assert.is(cosignedAt(note, verifierOf(witness)), null)
})

test('given the specification’s words, then the key’s id and the signed message are made as they say', () => {
  const bytes = Buffer.from(line.split(' ')[2]!, 'base64')
  const key = createPublicKey(witness.privateKey)
  const raw = key.export({ format: 'der', type: 'spki' }).subarray(-32)
  const id = createHash('sha256').update('witness.example/w1\n\x04').update(raw).digest().subarray(0, 4)
  assert.equal(bytes.subarray(0, 4), id)
  assert.is(bytes.length, 4 + 8 + 64)
  assert.is(bytes.readBigUInt64BE(4), BigInt(TIME))
  const message = `cosignature/v1\ntime ${TIME}\npresence.example/log\n42\n${checkpoint.root.toString('base64')}\nnumber 3\n`
  assert.ok(verify(null, Buffer.from(message), key, bytes.subarray(12)))
})

test('given a witness that cosigned twice, then the later time counts', () => {
  const text = note.slice(0, note.indexOf('\n\n') + 1)
  const later = cosign(text, witness, TIME + 60)
  for (const both of [note + line + later, note + later + line])
    assert.equal(cosignedAt(both, verifierOf(witness)), { seconds: TIME + 60, line: later })
})

test('given a cosigned checkpoint, when any one character of it changes, then it is not cosigned', () => {
  const lineOf = signed.length - line.length
  const underLog = signed.indexOf('\n\n') + 2
  for (let i = 0; i < signed.length; i += 1) {
    // A witness does not sign the log's own signature.
    if (i >= underLog && i < lineOf - 1) continue
    const turned = `${signed.slice(0, i)}${String.fromCharCode(signed.charCodeAt(i) ^ 1)}${signed.slice(i + 1)}`
    assert.is(cosignedAt(turned, verifierOf(witness)), null, `character ${i}`)
  }
})

test.run()
