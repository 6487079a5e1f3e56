import { strict as assert } from 'node:assert'
import { suite } from 'uvu'
import {
  checkpointText,
  openCheckpoint,
  openNote,
  parseCheckpoint,
  parseVkey,
  signCheckpoint,
  signerOf,
  signNote,
  verifierOf,
} from './note.ts'

const note = suite('signed notes')
const signer = signerOf('presence.example/log', Buffer.alloc(32, 7))
const verifier = verifierOf(signer)

note('given the example of the signed-note specification, then it opens with its key', () => {
  // From golang.org/x/mod/sumdb/note, which the specification names as its origin.
  const peter = parseVkey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
  assert.ok(peter)
  const text =
    'If you think cryptography is the answer to your problem,\nthen you don’t know what your problem is.\n'.replace(
      '’',
      "'",
    )
  const signed = `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`
  assert.equal(openNote(signed, peter), text)
  assert.equal(openNote(signed.replace('cryptography', 'Cryptography'), peter), null)
})

note('given a note of ours, then it opens with our key as written and with no other', () => {
  const signed = signNote('one\ntwo\n', signer)
  assert.equal(openNote(signed, parseVkey(verifier.vkey)!), 'one\ntwo\n')
  assert.equal(openNote(signed, verifierOf(signerOf('presence.example/log', Buffer.alloc(32, 8)))), null)
  assert.equal(openNote(signed, verifierOf(signerOf('another.example/log', Buffer.alloc(32, 7)))), null)
})

note('given a signed checkpoint, when any one character of it changes, then it does not open', () => {
  const checkpoint = {
    origin: signer.name,
    size: 42,
    root: Buffer.alloc(32, 1),
    extensions: ['position 1234'],
  }
  const signed = signCheckpoint(checkpoint, signer)
  assert.deepEqual(openCheckpoint(signed, verifier), checkpoint)
  for (let i = 0; i < signed.length; i++) {
    const turned = `${signed.slice(0, i)}${String.fromCharCode(signed.charCodeAt(i) ^ 1)}${signed.slice(i + 1)}`
    assert.equal(openCheckpoint(turned, verifier), null, `character ${i}`)
  }
})

note('given a malformed checkpoint, then it is not read as one', () => {
  const good = checkpointText({ origin: 'a', size: 1, root: Buffer.alloc(32), extensions: [] })
  assert.ok(parseCheckpoint(good))
  for (const bad of [
    '',
    'a\n',
    good.trimEnd(),
    good.replace('\n1\n', '\n01\n'),
    good.replace('\n1\n', '\n-1\n'),
    `${good}\n`,
  ])
    assert.equal(parseCheckpoint(bad), null, JSON.stringify(bad))
})

note.run()
