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

/** What others signed: a checkpoint of a public log of certificates, with the cosignatures of four public witnesses, each by
 *  another program. */
const FOREIGN = {
  note: `arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
`,
  log: 'arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f',
  witnesses: [
    'transparency.dev/DEV:witness-little-garden+d8042a87+BCtusOxINQNUTN5Oj8HObRkh2yHf/MwYaGX4CPdiVEPM',
    'witness1.smartit.nu/witness1+a48c820f+BPSFWg9G6KPiO7QPryYO5Xq4oYJJ+kAvLKLSimDhoxMO',
    'remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2',
    'witness.stagemole.eu+67f7aea0+BEqSG3yu9YrmcM3BHvQYTxwFj3uSWakQepafafpUqklv',
  ],
}
test('given a public log’s checkpoint that public witnesses cosigned, then each signature holds, and none over another size', () => {
  const { note: foreign, log: logKey, witnesses } = FOREIGN
  const other = foreign.replace('1432088532', '1432088533')
  assert.is(openCheckpoint(foreign, parseVkey(logKey)!)?.size, 1_432_088_532)
  assert.is(openCheckpoint(other, parseVkey(logKey)!), null)
  for (const vkey of witnesses) {
    assert.is(cosignedAt(foreign, parseCosignerKey(vkey)!)?.seconds, 1_779_573_024, vkey)
    assert.is(cosignedAt(other, parseCosignerKey(vkey)!), null, vkey)
  }
})

test.run()
