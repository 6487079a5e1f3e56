import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { sql } from 'slonik'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectSession } from '../../../adapters/postgres/session.ts'
import { decodeRecorded } from '../../../domain/codec.ts'
import type { SpaceRef } from '../../../domain/names.ts'
import { settingsIn } from '../../../domain/settings.ts'
import { spaceDecider } from '../../../domain/space/decider.ts'
import { memoryLog } from '../../../infra/testing/memory-log.ts'
import { testDatabase } from '../../../infra/testing/postgres.ts'
import { until } from '../../../infra/testing/until.ts'
import type { Checked, Fault } from '../../../projections/proof/bundle-checking.ts'
import { checkBundle } from '../../../projections/proof/check-bundle.ts'
import { cosignerOf } from '../../../projections/proof/cosignature.ts'
import { signerOf, verifierOf } from '../../../projections/proof/note.ts'
import type { WitnessPlace } from '../../../projections/proof/witnesses.ts'
import { anyEvents, at, posted, recorded } from '../../../projections/testing/events.ts'
import { exportBundleTo } from '../../operations/export/bundle.ts'
import { keepStates } from '../../operations/keep/bundle-states.ts'
import { serveWitness } from '../../operations/witness/serving.ts'
import { openWitnessFolder } from '../../operations/witness/state.ts'
import { createWitness } from '../../operations/witness/witness.ts'
import { runProjector } from '../../projector/projector.ts'
import { runCommand } from '../dispatcher.ts'
import { audit } from './command.ts'

const test = suite('bundles')
const signer = signerOf('presence.test', Buffer.alloc(32, 3))
const verifier = verifierOf(signer)
const space = { type: 'post', id: 'alice/my-post' } as const
const CHECK = fileURLToPath(new URL('../../../projections/proof/independent_check.py', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'bundle-'))

const log = memoryLog()
// The tests' events at times out of order, as several clocks would give them; and texts for which canonical JSON has
// special rules.
for (const all of fc.sample(anyEvents(60), { numRuns: 30, seed: 8 }))
  for (const { stream, event } of all) log.push(stream, event)
for (const [i, text] of ['\ud800 alone', '\u2028 é 👍 \\ "', '{"event":1}', ''].entries()) {
  const { stream, event } = recorded(
    space,
    posted(`odd${i}`, text, 300 + i, { extra: [1e21, -0, 0.1, 1e-7, { '': null }] }),
  )
  log.push(stream, event)
}
// A room that nobody could make by the API, but that somebody wrote into the store, is exported and proved all the same.
const odd = { type: 'community', id: 'снег ☃️ "{\\' } as const
const nested = (levels: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < levels; i += 1) value = i % 2 === 0 ? [value] : { a: value }
  return value
}
let written = 0
const write = (kind: string, type: string, data: unknown, metadata: unknown = { at: at(1) }): void => {
  written += 1
  const id = `00000000-0000-4000-8000-${String(written).padStart(12, '0')}`
  log.push(`${kind}-${odd.type}:${odd.id}`, { id, type, data, metadata })
}
for (const levels of [990, 997, 998, 999, 1_500]) {
  const position = nested(levels)
  write('space', 'SessionJoined', { sessionId: `s${levels}`, account: '__proto__', position })
  write('chat', 'MessagePosted', { messageId: `m${levels}`, more: position })
}
for (const emoji of [{}, {}, [1], [1], 1, true, '1', null])
  write('chat', 'ReactionAdded', { messageId: 'm990', emoji, by: { id: {} } })
write('chat', 'ReactionRemoved', { messageId: 'm990', emoji: [1], by: { id: {} } })
write('space', 'SpaceOpened', null, [])
// In the order of UTF-16 code units, the second comes first.
for (const time of ['\ufffd', '\u{1f600}', 7, '']) write('refusal', 'CommandRefused', {}, { at: time })

const database = await testDatabase()
const projector = runProjector({ log, databaseUrl: database.url })
await until('all is applied', () => projector.state().position === log.events.at(-1)!.position)
await projector.stop()

let eventsRead = 0
/** The witnesses that cosign the bundles' checkpoints. */
const witnesses: WitnessPlace[] = []
let cosignedBundle: Buffer = Buffer.alloc(0)
let itsWitness = ''
const bundleOf = async (
  from: string | null,
  to: string | null,
  keepEvery?: number,
  room: SpaceRef = space,
): Promise<Buffer> => {
  let text = ''
  await exportBundleTo({
    log: {
      ...log,
      readStream:
        (stream, { from: first = 0n, limit }) =>
        async () => {
          const right = log.events.filter((e) => e.stream === stream && e.revision >= first).slice(0, limit)
          eventsRead += right.length
          return { _tag: 'Right', right }
        },
    },
    ...(keepEvery === undefined ? {} : { keepEvery }),
    databaseUrl: database.url,
    signer,
    witnesses,
    space: room,
    from: from === null ? null : new Date(from),
    to: to === null ? null : new Date(to),
    write: async (line) => {
      text += line
    },
  })
  return Buffer.from(text, 'utf8')
}
const split = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const lines: Buffer[] = []
  let from = 0
  for (let i = bytes.indexOf(10); i >= 0; i = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, i))
    from = i + 1
  }
  return [...lines, bytes.subarray(from)]
}
const check = (bytes: Buffer): Promise<Checked> => checkBundle(split(bytes), verifier)
const whole = await bundleOf(null, null)
const part = await bundleOf(at(200), at(600))

test.after(async () => {
  rmSync(folder, { recursive: true, force: true })
  await database.drop()
})

test('given a room’s bundle, of its whole time or a part, then it verifies, and has each event once', async () => {
  const all = await check(whole)
  assert.equal(all.faults, [])
  assert.is(
    all.events,
    log.events.filter(({ stream }) => /^(space|chat|refusal)-post:alice\/my-post$/.test(stream)).length,
  )
  const some = await check(part)
  assert.equal(some.faults, [])
  assert.ok(some.events > 0 && some.events < all.events, `${some.events} of ${all.events}`)
})

test('given a room that no API makes, or a time in which nothing happened, then its bundle verifies', async () => {
  for (const [from, to, room, events] of [
    [null, null, odd, written],
    [at(0), null, odd, written],
    ['2040-01-01T00:00:00.000Z', null, space, 0],
    ['2000-01-01T00:00:00.000Z', '2000-01-02T00:00:00.000Z', space, 0],
  ] as const) {
    const checked = await check(await bundleOf(from, to, undefined, room))
    assert.equal([checked.faults, checked.events], [[], events])
  }
})

test('given a bundle’s state, then it is what the room’s own rules make of the events', () => {
  const end = JSON.parse(split(whole).at(-3)!.toString()).end
  let state = spaceDecider.initial()
  for (const event of log.events) {
    if (event.stream !== 'space-post:alice/my-post') continue
    const decoded = decodeRecorded(event)
    if (decoded._tag === 'Left') throw new Error(decoded.left.reason)
    if (decoded.right.kind === 'space') state = spaceDecider.evolve(state, decoded.right.event)
  }
  assert.equal(Object.keys(end.sessions).sort(), [...state.sessions.keys()].sort())
  for (const [id, session] of state.sessions) {
    assert.is(end.sessions[id].subspace, session.subspace)
    assert.is(end.sessions[id].voice, session.voice)
    assert.is(end.sessions[id].joinedAt, session.joinedAt)
  }
  assert.equal(end.grants, Object.fromEntries(state.grants))
  assert.equal(end.bans, Object.fromEntries(state.bans))
  assert.equal(end.mutes, Object.fromEntries(state.mutes))
  assert.equal(Object.keys(end.seats).sort(), [...state.held.keys()].sort())
  assert.equal(settingsIn(end.settings), state.settings)
  assert.equal(end.opened, state.opened)
})

test('given any moment, then a bundle that ends there and one that begins there fit together: the same state, and no event lost or duplicated', async () => {
  for (const second of [0, 37, 150, 301, 302, 555, 700, 10_000]) {
    const before = await bundleOf(null, new Date(Date.parse(at(second)) - 1).toISOString())
    const after = await bundleOf(at(second), null)
    const [first, rest] = [await check(before), await check(after)]
    assert.equal([first.faults, rest.faults], [[], []], `second ${second}`)
    assert.is(first.events + rest.events, (await check(whole)).events)
    assert.equal(
      JSON.parse(split(before).at(-3)!.toString()).end,
      JSON.parse(split(after)[2]!.toString()).start,
      `second ${second}`,
    )
    assert.equal(split(after).at(-3), split(whole).at(-3))
  }
})

test('given states that earlier exports kept, then a bundle is the same to the byte and less of the log is read; an altered state is not used', async () => {
  const session = await connectSession(database.url, 'test')
  try {
    for (const second of [150, 555, 700]) {
      await session.exec('DELETE FROM proof_states')
      const without = await bundleOf(at(second), null)
      const before = eventsRead
      assert.equal(await bundleOf(at(second), null, 7), without)
      const all = eventsRead - before
      assert.equal(await bundleOf(at(second), null, 7), without, `second ${second}, from what was kept`)
      const less = eventsRead - before - all
      assert.ok(less < all, `${less} events read, of ${all}`)
      // Somebody who can write to the table.
      for (const harm of [
        `state = replace(state, '"voice":false', '"voice":true')`,
        `state = replace(state, '"revisions"', '"revision"')`,
        `revision = revision + 1`,
        `note = replace(note, 'presence', 'absence')`,
        `latest = ''`,
      ]) {
        await session.exec('BEGIN')
        await session.exec(`UPDATE proof_states SET ${harm}`).catch(() => {})
        await session.exec('COMMIT')
        assert.equal(await bundleOf(at(second), null, 7), without, harm)
      }
    }
  } finally {
    await session.close()
  }
})

test('given states that were kept as the room went on, then a bundle is the same to the byte, and no more of the log is read than since the last', async () => {
  const session = await connectSession(database.url, 'test')
  const kept = async () =>
    (await session.run(sql.unsafe`SELECT stream, revision, state, note FROM proof_states ORDER BY 1, 2`)).map(
      (row) => JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    )
  const every = 7
  const streams = ['space', 'chat', 'refusal'].map((kind) => `${kind}-post:alice/my-post`)
  const all = log.events.filter(({ stream }) => streams.includes(stream))
  const noticed = all.map((recorded) => {
    const decoded = decodeRecorded(recorded)
    return { recorded, decoded: decoded._tag === 'Right' ? decoded.right : null }
  })
  const onError = (error: Error) => assert.unreachable(error.message)
  try {
    await session.exec('DELETE FROM proof_states')
    const without = await bundleOf(at(700), null)
    const reads = log.counts.reads
    const states = keepStates({ log, databaseUrl: database.url, signer, every, onError })
    for (let i = 0; i < noticed.length; i += 30) states.notice(noticed.slice(i, i + 30))
    await states.idle()
    await states.stop()
    assert.is(log.counts.reads, reads)
    const there = await kept()
    assert.is(
      there.length,
      streams.reduce(
        (sum, name) => sum + Math.floor(all.filter(({ stream }) => stream === name).length / every),
        0,
      ),
    )
    const before = eventsRead
    assert.equal(await bundleOf(at(700), null, every), without)
    const events = (await check(without)).events
    // For each stream: the last event in the state, those up to the moment, and the one after it.
    assert.ok(
      eventsRead - before <= events + 3 * (every + 2),
      `${eventsRead - before} read, for ${events} events`,
    )

    // A reader that starts in the middle reads the missing part once, and remembers it.
    const longest = Math.max(...streams.map((name) => all.filter(({ stream }) => stream === name).length))
    const seldom = Math.ceil(longest / 3)
    const madeFrom = async (first: number) => {
      await session.exec('DELETE FROM proof_states')
      const late = keepStates({ log, databaseUrl: database.url, signer, every: seldom, onError })
      late.notice(noticed.slice(first))
      await late.idle()
      await late.stop()
      return kept()
    }
    const early = await madeFrom(0)
    assert.ok(early.length >= 2, `${early.length} kept`)
    assert.equal(await madeFrom(10), early)
  } finally {
    await session.close()
  }
})

/** Says for each byte of a bundle which line it is in, and in which part of the line. */
const classOf = (bytes: Buffer, place: number): { readonly line: number; readonly part: string } => {
  const lines = split(bytes)
  let from = 0
  for (const [i, line] of lines.entries()) {
    if (place <= from + line.length) {
      const name =
        i === 0
          ? 'header'
          : i === 1
            ? 'checkpoint'
            : i === 2
              ? 'start'
              : i === lines.length - 2
                ? 'seal'
                : i === lines.length - 3
                  ? 'end'
                  : 'event'
      return { line: i + 1, part: name }
    }
    from += line.length + 1
  }
  throw new Error('There is no such byte.')
}
const TRIALS = Number(process.env.BUNDLE_TRIALS ?? 200)

test(`given any byte changed, inserted or removed in ${TRIALS} trials of every class, then the line is reported`, async () => {
  for (const bytes of [whole, part]) {
    const lines = split(bytes)
    const starts: number[] = []
    let from = 0
    for (const line of lines) {
      starts.push(from)
      from += line.length + 1
    }
    const last = lines.length - 2
    for (let trial = 0; trial < TRIALS / 2; trial += 1) {
      // Each class of lines is tried equally often, however long its lines are.
      const row = [0, 1, 2, last - 1, last, 3 + (trial % (last - 4))][trial % 6]!
      const place =
        starts[row]! + Math.floor((randomBytes(4).readUInt32LE() / 2 ** 32) * (lines[row]!.length + 1))
      const how = trial % 3
      const altered =
        how === 0
          ? Buffer.from(bytes)
          : how === 1
            ? Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1)])
            : Buffer.concat([
                bytes.subarray(0, place),
                Buffer.from([bytes[place]! ^ 1]),
                bytes.subarray(place),
              ])
      if (how === 0) altered[place]! ^= 1 << (trial % 8)
      if (altered.equals(bytes)) continue
      const { faults } = await check(altered)
      const expected = classOf(bytes, place)
      const told = `byte ${place} (line ${expected.line}, ${expected.part}, ${how}): ${JSON.stringify(faults.slice(0, 3))}`
      assert.ok(faults.length > 0, told)
      // A removed line feed joins two lines.
      assert.ok(
        faults.some(({ line }) => line === expected.line || line === expected.line - 1),
        told,
      )
    }
  }
})

const rewrite = (bytes: Buffer, change: (lines: string[]) => void): Buffer => {
  const lines = bytes.toString('utf8').split('\n')
  change(lines)
  return Buffer.from(lines.join('\n'))
}
const first = ({ faults }: Checked): Partial<Fault> | undefined => faults[0]

test('given a careful alteration of an event, its absence, the order, a proof, a state or a time, then it is reported', async () => {
  const streams = split(whole).map((line) => /"stream":"([a-z]+)-/.exec(line.toString())?.[1])
  const half = 3 + Math.floor((streams.length - 6) / 2)
  // Two events of one stream, since only a stream's own order is fixed.
  const middle = streams.findIndex((one, i) => i >= half && one !== undefined && one === streams[i + 1])
  const event = await check(
    rewrite(whole, (lines) => {
      lines[middle] = lines[middle]!.replace(/"type":"([A-Za-z]+)"}/, '"type":"Else"}')
    }),
  )
  assert.is(first(event)?.line, middle + 1)
  assert.match(first(event)!.detail!, 'not in the log')

  const gone = await check(rewrite(whole, (lines) => void lines.splice(middle, 1)))
  assert.ok(
    gone.faults.some(({ line, detail }) => line > middle && /missing before it/.test(detail)),
    JSON.stringify(gone.faults),
  )
  const swapped = await check(
    rewrite(whole, (lines) => {
      ;[lines[middle], lines[middle + 1]] = [lines[middle + 1]!, lines[middle]!]
    }),
  )
  assert.ok(swapped.faults.some(({ line }) => line === middle + 2))
  const twice = await check(rewrite(whole, (lines) => void lines.splice(middle, 0, lines[middle]!)))
  assert.ok(twice.faults.some(({ line }) => line === middle + 2))

  const start = await check(
    rewrite(part, (lines) => {
      lines[2] = lines[2]!
        .replace('"voice":false', '"voice":true')
        .replace(/"max_users":(\d+)/, (_, seats) => `"max_users":${Number(seats) + 1}`)
    }),
  )
  assert.ok(
    start.faults.some(({ line, part: of }) => line === 3 && of === 'start'),
    JSON.stringify(start.faults),
  )
  const end = await check(
    rewrite(whole, (lines) => {
      lines[lines.length - 3] = lines
        .at(-3)!
        .replace(/"sessions":\{(\}?)/, (_, end) => `"sessions":{"ghost":{}${end === '' ? ',' : end}`)
    }),
  )
  assert.ok(end.faults.some(({ part: of, detail }) => of === 'end' && /sessions/.test(detail)))
  const header = await check(
    rewrite(part, (lines) => {
      lines[0] = lines[0]!.replace(at(600), at(601))
    }),
  )
  assert.equal(
    header.faults.map(({ part: of }) => of),
    ['header'],
  )
  const longer = await check(Buffer.concat([whole, Buffer.from('{}\n')]))
  assert.is(longer.faults.at(-1)?.part, 'file')
  const shorter = await check(whole.subarray(0, -1))
  assert.is(first(shorter)?.part, 'file')
})

test('given the key of another log, or another key with the same name, then nothing verifies', async () => {
  for (const other of [
    signerOf('presence.test', Buffer.alloc(32, 4)),
    signerOf('another.test', Buffer.alloc(32, 3)),
  ]) {
    const { faults } = await checkBundle(split(whole), verifierOf(other))
    assert.ok(faults.some(({ part: of }) => of === 'checkpoint'))
    assert.ok(faults.some(({ part: of }) => of === 'seal'))
  }
})

test('presence audit check reads the file and the key, and nothing else', async () => {
  const [file, key] = [join(folder, 'bundle'), join(folder, 'key')]
  writeFileSync(file, whole)
  writeFileSync(key, `${verifier.vkey}\n`)
  const said: string[] = []
  const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
  assert.is(await runCommand(audit, ['check', file, '--key', key], io), 0)
  assert.match(said.join('\n'), 'It holds')
  const turned = Buffer.from(whole)
  turned[turned.length >> 1]! ^= 4
  writeFileSync(file, turned)
  assert.is(await runCommand(audit, ['check', file, '--key', verifier.vkey], io), 1)
  assert.match(said.at(-1)!, /^It does not hold: \d+ faults?\.$/)
})

test('given a log with witnesses, then its bundles contain their signatures, which audit check can demand; a witness that can’t be reached, or has another key, is named', async () => {
  const state = openWitnessFolder(join(folder, 'witness'), 'witness.test/w1')
  const witness = createWitness(state, verifier, { now: Date.now })
  const server = await serveWitness(witness, { host: '127.0.0.1', port: 0, onError: assert.unreachable })
  const away = verifierOf(cosignerOf('witness.test/away', Buffer.alloc(32, 5)))
  witnesses.push(
    { key: witness.key, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    { key: away, url: 'http://127.0.0.1:1' },
  )
  try {
    const bundle = await bundleOf(null, null)
    assert.equal((await check(bundle)).faults, [])
    cosignedBundle = bundle
    itsWitness = witness.key.vkey
    const file = join(folder, 'cosigned')
    writeFileSync(file, bundle)
    const call = async (...args: ReadonlyArray<string>) => {
      const said: string[] = []
      const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
      return `${await runCommand(audit, ['check', file, '--key', verifier.vkey, ...args], io)} ${said.join('\n')}`
    }
    const year = new Date().getFullYear()
    assert.match(await call(), /^0 .*It holds/s)
    const held = await call('--witness', witness.key.vkey)
    assert.match(held, new RegExp(`^0 .*cosigned by the witness witness.test/w1 at ${year}-.*It holds`, 's'))
    const both = await call('--witness', witness.key.vkey, '--witness', away.vkey)
    assert.match(both, /^1 .*line 2, checkpoint: The witness witness.test\/away did not cosign it.*1 fault/s)
    const stranger = verifierOf(cosignerOf('witness.test/w1', Buffer.alloc(32, 6))).vkey
    assert.match(await call('--witness', stranger), /^1 .*did not cosign it/s)
    assert.match(await call('--witness', verifier.vkey), /^2 .*is neither a key/)
    // Without the witness's line, the seal no longer verifies.
    const without = rewrite(bundle, (lines) => {
      lines[1] = lines[1]!.replace(/— witness\.test\/w1 [^\\]*\\n/, '')
    })
    assert.ok(!without.equals(bundle))
    assert.equal(
      (await check(without)).faults.map(({ line }) => line),
      [2],
    )
  } finally {
    witnesses.length = 0
    server.closeAllConnections()
    server.close()
    state.close()
  }
})

test('presence audit check tells apart what does not hold and what it could not check', async () => {
  const [file, key, other] = ['held', 'keys', 'other-keys'].map((name) => join(folder, name))
  writeFileSync(file!, whole)
  const stranger = verifierOf(signerOf('presence.test', Buffer.alloc(32, 4))).vkey
  writeFileSync(key!, `\n${stranger}\n${verifier.vkey}\n\n`)
  writeFileSync(other!, `${verifier.vkey}\nno key\n`)
  writeFileSync(join(folder, 'empty'), '\n')
  const call = async (...args: ReadonlyArray<string>) => {
    const said: string[] = []
    const io = { out: (text: string) => void said.push(text), err: (text: string) => void said.push(text) }
    return `${await runCommand(audit, ['check', ...args], io)} ${said.join('\n')}`
  }
  assert.match(await call(file!, '--key', key!), /^0 .*It holds/s)
  assert.match(await call(file!, '--key', stranger), /^1 .*the right key\?.*It does not hold: \d+ faults/s)
  assert.match(await call(key!, '--key', key!), /^1 .*is no file of presence audit export/)
  assert.match(await call(file!), /^2 By which key\?/)
  assert.match(await call('--key', key!), /^2 Name one file\./)
  assert.match(await call(file!, file!, '--key', key!), /^2 Name one file\./)
  assert.match(await call(join(folder, 'none'), '--key', key!), /^2 There is no .*none\.$/)
  assert.match(await call(folder, '--key', key!), /^2 .* is a folder\.$/)
  assert.match(await call(file!, '--key', 'none'), /^2 none is neither a key/)
  assert.match(await call(file!, '--key', other!), /^2 .*has a line that is no key/)
  assert.match(await call(file!, '--key', join(folder, 'empty')), /^2 There is no key/)
  assert.match(await call(file!, '--loud'), /^2 There is no --loud here/)
})

const python = ['python3', 'python'].find(
  (name) => spawnSync(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0,
)
if (python === undefined)
  console.log('There is no Python 3 here: the independent check of bundles is not run.')
else
  test('an independent check, written from docs/proof.md alone, agrees', async () => {
    const run = (bytes: Buffer, ...witnessed: ReadonlyArray<string>) => {
      const file = join(folder, 'other')
      writeFileSync(file, bytes)
      const done = spawnSync(python, [CHECK, file, verifier.vkey, ...witnessed], { encoding: 'utf8' })
      return { status: done.status, said: `${done.stdout}${done.stderr}` }
    }
    for (const bytes of [whole, part, cosignedBundle, await bundleOf(null, null, undefined, odd)]) {
      const good = run(bytes)
      assert.is(good.status, 0, good.said)
    }
    const witnessed = run(cosignedBundle, itsWitness)
    assert.is(witnessed.status, 0, witnessed.said)
    const unseen = run(whole, itsWitness)
    assert.match(
      `${unseen.status} ${unseen.said}`,
      /^1 .*line 2, checkpoint: witness.test\/w1 did not cosign it/s,
    )
    const lines = split(whole)
    for (const row of [0, 1, 2, 3, lines.length - 3, lines.length - 2]) {
      const turned = Buffer.from(whole)
      const start = lines.slice(0, row).reduce((sum, line) => sum + line.length + 1, 0)
      turned[start + (lines[row]!.length >> 1)]! ^= 1
      const bad = run(turned)
      assert.is(bad.status, 1, bad.said)
      assert.match(bad.said, `line ${row + 1}`)
    }
    assert.ok(readFileSync(CHECK, 'utf8').length > 0)
  })

test.run()
