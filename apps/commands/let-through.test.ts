/** What is released of messages that a filter held, where their words are no longer there. */
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Caught } from '../../domain/chat/filtered.ts'
import type { AnyEvent } from '../../domain/codec.ts'
import type { EventLog } from '../../domain/ports.ts'
import { memoryLog } from '../../infra/testing/memory-log.ts'
import { alice, at, posted, recorded } from '../../projections/testing/events.ts'
import { heldMessage, letThrough } from './let-through.ts'
import { readPosting } from './message-lookup.ts'

const test = suite('held messages whose words are gone')
const space = { type: 'document', id: '1' } as const
const [M1, M2] = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'] as const

const heldAt = (messageId: string, content: string): AnyEvent => {
  const { data } = posted(messageId, content, 1) as Extract<AnyEvent, { type: 'MessagePosted' }>
  return { type: 'MessageHeld', data: { ...data, filterId: 'rude' } }
}
/** A chat in which alice's first message waits, approved, and was followed by another of hers. `from`: its first event that is left. */
const chatWith = (content: string, from = 0n) => {
  const log = memoryLog()
  for (const event of [heldAt(M1, content), posted(M2, 'something else', 2)]) {
    const made = recorded(space, event, alice)
    log.push(made.stream, made.event)
  }
  const readStream: EventLog['readStream'] = (stream, range) =>
    log.readStream(stream, { ...range, from: (range.from ?? 0n) > from ? range.from! : from })
  const caught: Caught = {
    ...{ messageId: M1, author: 'alice', subspace: 'main', revision: 0, at: at(1), filterIds: ['rude'] },
    ...{ held: true, reported: false, mutedUntil: null, approvedBy: 'maria' },
  }
  const sent: unknown[] = []
  const approved = { events: [], position: 1n, revision: 1n }
  const parts = {
    log: { ...log, readStream },
    filtered: async () => E.right({ caught: new Map([[M1, caught]]), quiet: new Map() }),
    chat: async ({ command }: { readonly command: unknown }) => {
      sent.push(command)
      return E.right(approved)
    },
  }
  return { parts, sent, stream: recorded(space, heldAt(M1, ''), alice).stream }
}
const request = {
  by: { kind: 'account', id: 'maria' },
  space,
  id: M2,
  command: { type: 'ApproveMessage', messageId: M1 },
} as const

test('given a message whose words were erased while it waited, when it is let through, then nothing is posted, and whatever its author sends under its id is not what was approved', async () => {
  const { parts, sent, stream } = chatWith('')
  const outcome = await letThrough(parts, request)
  assert.equal(outcome, E.left({ _tag: 'Refused', refusal: { _tag: 'MessageNotFound' } }))
  assert.equal(sent, [request.command])
  const read = await readPosting(parts.log, stream, 0)
  // As edited, it would be the same as any other words.
  assert.is(E.isRight(read) && read.right?.[1].edited, false)
})

test('given a chat that was cut after a message that waits, then another message is not taken for it', async () => {
  const { parts, sent } = chatWith('darn', 1n)
  const held = await heldMessage(parts, space, M1)
  assert.ok(E.isRight(held))
  if (E.isRight(held))
    assert.equal([held.right?.content, held.right?.deleted, held.right?.author], ['', true, 'alice'])
  const outcome = await letThrough(parts, request)
  assert.equal(outcome, E.left({ _tag: 'Refused', refusal: { _tag: 'MessageNotFound' } }))
  assert.equal(sent, [request.command])
})

test('given a message that waits, when it is let through, then it is posted as it was sent', async () => {
  const { parts, sent } = chatWith('darn')
  assert.ok(E.isRight(await letThrough(parts, request)))
  assert.equal((sent[1] as { readonly content: string }).content, 'darn')
})
test.run()
