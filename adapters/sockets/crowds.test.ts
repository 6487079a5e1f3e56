import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatEvent } from '../../domain/chat/events.ts'
import type { SpaceEvent } from '../../domain/space/events.ts'
import type { News } from '../../projections/live/wire.ts'
import { FEW_PEOPLE, PAGE_OF_PEOPLE } from './crowds.ts'
import {
  type EntrySnapshot,
  finish,
  listenIn,
  listenOut,
  liveSpace,
  pageOf,
  snapshotOf,
  tell,
  tellCrowds,
} from './live-space.ts'

const test = suite('crowds')
const AT = '2026-01-01T00:00:00.000Z'

/** The same numbers from 0 to 1 for the same seed. */
const randomOf = (seed: number) => () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return seed / 2 ** 32
}

const joined = (sessionId: string, subspace: string): SpaceEvent => ({
  type: 'SessionJoined',
  data: {
    ...{ sessionId, socketId: `socket of ${sessionId}`, account: sessionId, guest: null, claimed: null },
    ...{ subspace, position: null, avatarData: null, boot: 'boot', at: AT },
  },
})
const left = (sessionId: string, reason: 'left' | 'kicked'): SpaceEvent => ({
  type: 'SessionLeft',
  data: { sessionId, reason, by: null, note: null, until: null, at: AT },
})
const moved = (sessionId: string, from: string, to: string): SpaceEvent => ({
  type: 'SessionMoved',
  data: { sessionId, from, to, position: null, at: AT },
})
const posted = (messageId: string): ChatEvent => ({
  type: 'MessagePosted',
  data: {
    ...{ messageId, account: 'alice', guest: null, displayName: 'alice', subspace: 'main' },
    ...{ messageType: 'text', content: 'hello', parentMessageId: null, threadRootId: null, at: AT },
  },
})

/** What a client makes of what it is told, by the rules of docs/contract.md. */
class Hearer {
  readonly isPaged: boolean
  readonly known = new Set<string>()
  count = 0
  at = -1n
  /** Whether somebody is missing from `known`, or too many are in it. */
  isPartial = false
  frames = 0
  constructor(isPaged: boolean) {
    this.isPaged = isPaged
  }
  entered(snapshot: EntrySnapshot): void {
    const { users, users_total } = JSON.parse(
      `{${this.isPaged ? snapshot.sharedFirst() : snapshot.shared()}}`,
    )
    this.known.clear()
    for (const { sessionId } of users) this.known.add(sessionId)
    this.count = this.isPaged ? users_total : users.length
    this.at = snapshot.revisions.space
    this.isPartial = this.known.size < this.count
  }
  heard({ event, payload }: News): void {
    if (event === 'user-joined' || event === 'user-left') {
      const isIn = event === 'user-joined'
      const revision = BigInt(payload.revision as string)
      if (isIn) this.known.add(String(payload.sessionId))
      else this.known.delete(String(payload.sessionId))
      if (revision > this.at) {
        this.count += isIn ? 1 : -1
        this.at = revision
      }
    }
    if (event !== 'crowd-changed') return
    this.frames += 1
    assert.ok(this.isPaged, 'who did not ask for counts hears none')
    const { joined, left, count, more, revision } = payload as never as {
      readonly joined: ReadonlyArray<{ readonly sessionId: string }>
      readonly left: ReadonlyArray<string>
      readonly count: number
      readonly more: boolean
      readonly revision: string
    }
    for (const id of left) this.known.delete(id)
    for (const { sessionId } of joined) this.known.add(sessionId)
    this.count = count
    if (BigInt(revision) > this.at) this.at = BigInt(revision)
    if (more) this.isPartial = true
  }
}

/** A space with two rooms, of which `main` is heard. */
const room = () => {
  const live = liveSpace({ type: 'global', id: 'lobby' })
  const hearers = new Map<string, Hearer>()
  const outlet = {
    emit: (key: string, news: ReadonlyArray<News>, paged: ReadonlyArray<News> = news) => {
      if (!key.endsWith(':main')) return
      for (const hearer of hearers.values())
        for (const one of hearer.isPaged ? paged : news) hearer.heard(one)
    },
  }
  const happen = (kind: 'space' | 'chat', event: SpaceEvent | ChatEvent): void => {
    const sequence = kind === 'space' ? live.spaceSeq : live.chatSeq
    sequence.last += 1n
    tell(live, outlet, kind, { event, revision: sequence.last, position: sequence.last })
  }
  const enter = (sessionId: string, isPaged: boolean, subspace = 'main'): void => {
    const hearer = new Hearer(isPaged)
    const hush = () => {
      if (hearers.delete(sessionId)) listenOut(live, 'main', isPaged)
    }
    live.occupants.set(sessionId, {
      entered: (snapshot) => {
        if (snapshot.subspace !== 'main') return
        hearers.set(sessionId, hearer)
        listenIn(live, 'main', isPaged)
        hearer.entered(snapshot)
      },
      left: hush,
      ended: hush,
      told: () => {},
      isThere: async () => true,
    })
    happen('space', joined(sessionId, subspace))
  }
  const there = () =>
    [...live.state.sessions.values()]
      .filter(({ subspace }) => subspace === 'main')
      .map((one) => one.sessionId)
  const rest = (): void => {
    finish(live, outlet)
    for (const crowd of live.crowds.values()) crowd.dueAt = 0
    assert.is(tellCrowds(live, outlet), 0)
  }
  return { live, outlet, hearers, happen, enter, there, rest }
}

const pagesOf = (live: ReturnType<typeof room>['live'], limit: number): string[] => {
  const ids: string[] = []
  for (let after: string | null = null; ; ) {
    const { users, next } = pageOf(live, 'main', after, limit)
    ids.push(...users.map(({ sessionId }) => sessionId))
    if (next === null) return ids
    after = next
  }
}

test('given people who come, go, move and are put out at random around the size of a crowd, then at rest everybody knows the same count, whole lists are right, and the pages have everybody once', () => {
  let frames = 0
  for (let seed = 1; seed <= 20; seed++) {
    const random = randomOf(seed)
    const { live, outlet, hearers, happen, enter, there, rest } = room()
    let made = 0
    const come = (subspace = 'main') =>
      enter(`${Math.floor(random() * 1e9)}-${made++}`, random() < 0.5, subspace)
    for (let i = 0; i < FEW_PEOPLE - 10 + random() * 20; i++) come()
    const anyone = () => [...live.state.sessions.values()][Math.floor(random() * live.state.sessions.size)]
    for (let step = 0; step < 400; step++) {
      const session = anyone()
      const what = random()
      // Now more come than go, now more go than come.
      const comes = step % 200 < 100 ? 0.5 : 0.2
      if (what < comes) come(random() < 0.9 ? 'main' : 'other')
      else if (what < 0.7 && session !== undefined)
        happen('space', left(session.sessionId, random() < 0.5 ? 'left' : 'kicked'))
      else if (what < 0.8 && session !== undefined) {
        const to = session.subspace === 'main' ? 'other' : 'main'
        happen('space', moved(session.sessionId, session.subspace, to))
      } else if (what < 0.85 && session !== undefined)
        happen('space', { type: 'HandRaised', data: { sessionId: session.sessionId, at: AT } } as SpaceEvent)
      else if (what < 0.9) happen('chat', posted(`m${step}`))
      else if (what < 0.97) finish(live, outlet)
      else {
        for (const crowd of live.crowds.values()) crowd.dueAt = 0
        finish(live, outlet)
        tellCrowds(live, outlet)
      }
      if (step % 40 !== 39) continue
      rest()
      const ids = there().sort()
      assert.equal(pagesOf(live, 1 + Math.floor(random() * 60)), ids)
      for (const hearer of hearers.values()) {
        assert.is(hearer.count, ids.length, `seed ${seed}, step ${step}, paged: ${hearer.isPaged}`)
        if (!hearer.isPartial) assert.equal([...hearer.known].sort(), ids)
        frames += hearer.frames
      }
    }
  }
  assert.ok(frames > 0, 'counts were told')
})

test('given a crowd, when hundreds come at once, then those who asked for pages are told the count, the newest and that there are more, and the others of each', () => {
  const { hearers, enter, rest, live } = room()
  enter('paged', true)
  enter('plain', false)
  for (let i = 0; i < FEW_PEOPLE; i++) enter(`early-${i}`, false)
  rest()
  for (let i = 0; i < 300; i++) enter(`late-${i}`, true)
  rest()
  const [paged, plain] = [hearers.get('paged') as Hearer, hearers.get('plain') as Hearer]
  assert.equal([paged.count, plain.count], [402, 402])
  assert.equal([paged.frames, paged.isPartial], [1, true])
  assert.ok(paged.known.has('late-299') && !paged.known.has('late-0'))
  assert.is(plain.known.size, 402)
  const late = hearers.get('late-7') as Hearer
  assert.equal([late.count, late.known.size], [402, PAGE_OF_PEOPLE])
  assert.is(new Set(pagesOf(live, PAGE_OF_PEOPLE)).size, 402)
})

test('given a crowd, then whoever enters is told first of those who speak, stand out or ask for the word', () => {
  const { enter, happen, rest, live } = room()
  enter('early', false)
  happen('space', { type: 'HandRaised', data: { sessionId: 'early', at: AT } } as SpaceEvent)
  for (let i = 0; i < 300; i++) enter(`late-${i}`, false)
  rest()
  const { users, users_total } = JSON.parse(`{${snapshotOf(live, 'main').sharedFirst()}}`)
  const ids = users.map(({ sessionId }: { sessionId: string }) => sessionId)
  assert.is(users_total, 301)
  assert.is(ids.length, PAGE_OF_PEOPLE)
  assert.ok(ids.includes('early') && ids.includes('late-299') && !ids.includes('late-0'))
})

test('given news of the space after comings in a crowd, then the count comes before it, so that a client that comes back has no gap', () => {
  const { live, happen, enter, rest } = room()
  for (let i = 0; i < FEW_PEOPLE + 5; i++) enter(`early-${i}`, true)
  rest()
  const told: string[][] = []
  const outlet = {
    emit: (_: string, __: unknown, paged: ReadonlyArray<News> = []) =>
      void told.push(paged.map(({ event }) => event)),
  }
  enter('late', true)
  happen('chat', posted('m'))
  happen('space', { type: 'HandRaised', data: { sessionId: 'late', at: AT } } as SpaceEvent)
  finish(live, outlet)
  assert.equal(told, [['chat-message', 'crowd-changed', 'hand-state']])
})

test.run()
