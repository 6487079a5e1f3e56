import { setImmediate as nextRound } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { SocketConnection } from './connection.ts'
import { createTurns, newTurn } from './turns.ts'

const test = suite('turns')
const connection = () => {
  const done: string[] = []
  const socket = { pause: () => done.push('pause'), resume: () => done.push('resume') }
  return { done, given: { transport: { socket } } as unknown as SocketConnection }
}

test('given a client that sends endlessly and one that sends little, then the first is read again in the next round, the other always', async () => {
  const turns = createTurns()
  const [flood, little] = [connection(), connection()]
  const [ofFlood, ofLittle] = [newTurn(), newTurn()]
  for (let round = 1; round <= 3; round += 1) {
    for (let i = 0; i < 100; i += 1) turns.took(ofFlood, flood.given)
    for (let i = 0; i < 31; i += 1) turns.took(ofLittle, little.given)
    assert.equal(flood.done.slice(-1), ['pause'])
    await nextRound()
    assert.is(flood.done.join(' '), Array(round).fill('pause resume').join(' '))
  }
  assert.equal(little.done, [])
})

test('given a socket that polls, then there is nothing to pause', () => {
  const turns = createTurns()
  const turn = newTurn()
  for (let i = 0; i < 100; i += 1) turns.took(turn, { transport: {} } as unknown as SocketConnection)
})

test.run()
