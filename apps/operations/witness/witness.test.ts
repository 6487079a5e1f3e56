/** What strangers can do to a witness: everybody has the log's checkpoints, and may send them with whatever proof. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cosignerOf } from '../../../projections/proof/cosignature.ts'
import { EMPTY_ROOT } from '../../../projections/proof/merkle.ts'
import { signCheckpoint, signerOf, verifierOf } from '../../../projections/proof/note.ts'
import type { CaughtAt, WitnessFolder } from './state.ts'
import { createWitness } from './witness.ts'

const test = suite('a witness among strangers')
const LOG = signerOf('witnessed.test/log', Buffer.alloc(32, 1))

const witnessed = () => {
  const clock = { ms: 1_700_000_000_000, now: () => clock.ms }
  const written: string[] = []
  const caught: CaughtAt[] = []
  const folder: WitnessFolder = {
    cosigner: cosignerOf('witness.test/w1', Buffer.alloc(32, 2)),
    cosigned: () => written.at(-1) ?? null,
    keep: (_, note) => void written.push(note),
    caught: (_, what) => void caught.push(what),
    close: () => {},
  }
  return { clock, written, caught, witness: createWitness(folder, verifierOf(LOG), clock) }
}
const noteOf = (size: number, root: Buffer = Buffer.alloc(32, 7), extensions: ReadonlyArray<string> = []) =>
  signCheckpoint({ origin: LOG.name, size, root, extensions }, LOG)

test('given a log that did nothing wrong, when a stranger sends its checkpoint with a proof that is none, then that is refused, and is no evidence against the log', () => {
  for (const note of [noteOf(5), noteOf(0, EMPTY_ROOT)]) {
    const { witness, caught, written } = witnessed()
    assert.is(witness.consider({ old: 0, proof: [], note }).kind, 'cosigned')
    const size = witness.lastCheckpoint()!.size
    const considered = witness.consider({ old: size, proof: [Buffer.alloc(32)], note })
    assert.equal([considered.kind, 'fault' in considered && considered.fault], ['refused', 'withheld'])
    assert.equal([caught, written.length], [[], 1])
  }
  // Another tree of the same size is evidence, whatever the proof.
  const { witness, caught } = witnessed()
  witness.consider({ old: 0, proof: [], note: noteOf(5) })
  for (const proof of [[], [Buffer.alloc(32)]])
    witness.consider({ old: 5, proof, note: noteOf(5, Buffer.alloc(32, 8)) })
  assert.equal(
    caught.map(({ fault }) => fault),
    ['forked', 'forked'],
  )
})

test('given a checkpoint that was cosigned, when it is sent again and again, then the witness writes it once a second and answers the same', () => {
  const { clock, written, witness } = witnessed()
  const note = noteOf(5)
  const first = witness.consider({ old: 0, proof: [], note })
  for (let n = 0; n < 100; n += 1) assert.equal(witness.consider({ old: 5, proof: [], note }), first)
  assert.is(written.length, 1)
  // The log has several checkpoints of one tree, and any of them may be sent.
  const other = witness.consider({ old: 5, proof: [], note: noteOf(5, undefined, ['number 2']) })
  assert.equal([other.kind, written.length], ['cosigned', 1])
  clock.ms += 1_000
  const later = witness.consider({ old: 5, proof: [], note })
  assert.equal([later.kind, written.length], ['cosigned', 2])
  assert.is.not('line' in later && later.line, 'line' in first && first.line)
  // A clock that was set back makes nothing new.
  clock.ms -= 5_000
  assert.equal([witness.consider({ old: 5, proof: [], note }), written.length], [later, 2])
})
test.run()
