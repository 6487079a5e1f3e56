/** What the doctor says about witnesses: real ones, one that can't be reached, and one with another key. */
import { strict as assert } from 'node:assert'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import { cosignerOf } from '../../../projections/proof/cosignature.ts'
import { EMPTY_ROOT } from '../../../projections/proof/merkle.ts'
import { signCheckpoint, signerOf, type Verifier, verifierOf } from '../../../projections/proof/note.ts'
import { serveWitness } from '../../operations/witness/serving.ts'
import { openWitnessFolder } from '../../operations/witness/state.ts'
import { createWitness } from '../../operations/witness/witness.ts'
import { witnessFindings } from './witnesses.ts'

const test = suite('the doctor, of witnesses')
const signer = signerOf('doctor.test/log', Buffer.alloc(32, 1))
const folder = mkdtempSync(join(tmpdir(), 'doctor-witness-'))
const state = openWitnessFolder(folder, 'witness.test/w1')
const witness = createWitness(state, verifierOf(signer), { now: Date.now })
const server = await serveWitness(witness, { host: '127.0.0.1', port: 0, onError: assert.fail })
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
test.after(() => {
  server.closeAllConnections()
  server.close()
  state.close()
  rmSync(folder, { recursive: true })
})
const found = async (key: Verifier, at = url, now?: number) => {
  const audit = { signingKey: '', origin: signer.name, witnesses: [{ key, url: at }] }
  const [finding] = await witnessFindings({ audit }, now)
  return `${finding!.is}: ${finding!.says} ${finding!.todo ?? ''}`
}

test('given a witness, then the doctor says whether it cosigned lately, with the key that the settings name', async () => {
  assert.match(await found(witness.key), /^worth knowing: .* has cosigned nothing of doctor.test\/log yet/)
  const note = signCheckpoint({ origin: signer.name, size: 0, root: EMPTY_ROOT, extensions: [] }, signer)
  assert.equal(witness.consider({ note, old: 0, proof: [] }).kind, 'cosigned')
  assert.match(await found(witness.key), /^well: The witness witness.test\/w1 cosigned 0 events at \d{4}-/)
  assert.match(await found(witness.key, url, Date.now() + 3_600_000), /^wrong: .*and nothing since/)
  const other = verifierOf(cosignerOf('witness.test/w1', Buffer.alloc(32, 2)))
  assert.match(await found(other), /^wrong: .*not signed by the key of witness.test\/w1/)
  assert.match(await found(witness.key, 'http://127.0.0.1:1'), /^wrong: .*can’t be reached.*WITNESSES/)
  assert.deepEqual(await witnessFindings({ audit: { signingKey: '', origin: 'x', witnesses: [] } }), [])
})

test.run()
