/** Archives: archived events can still be replayed and proved, rooms go on, and what is not at hand is reported.
 *  ARCHIVE_VISITS: how much happens in the rooms (4 events each). */
// timeout: 600
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as E from 'fp-ts/lib/Either.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { archivedAfter, archivedLog, archivesOn } from '../../../adapters/archive/archived-log.ts'
import { connectEventLog } from '../../../adapters/eventstore/index.ts'
import { until } from '../../../infra/testing/until.ts'
import { createMoments, type When } from '../../../projections/history/moments.ts'
import { momentView } from '../../../projections/history/view.ts'
import { verifierOf } from '../../../projections/proof/note.ts'
import { scavenge } from '../../cli/log/scavenge.ts'
import { exportBundleTo } from '../export/bundle.ts'
import { rebuild } from '../rebuild/rebuild.ts'
import { verifyLog } from '../verify/verify.ts'
import { type ArchiveOptions, archiveLog } from './archive.ts'
import { checkArchive } from './check.ts'
import { logBytes } from './size.ts'
import { BEGIN, HOUR, openRooms, type Rooms, roomOf } from './testing/rooms.ts'

const test = suite<{ rooms: Rooms }>('an archive of the log')
const VISITS = Number(process.env.ARCHIVE_VISITS ?? 200)
/** How many hours the rooms' history spans. */
const HOURS = 100

const hour = (n: number): Date => new Date(BEGIN + n * HOUR)
const options = (rooms: Rooms, before: Date, more: Partial<ArchiveOptions> = {}): ArchiveOptions => ({
  ...{ plain: rooms.plain, archived: rooms.archived, opened: rooms.opened, signer: rooms.signer },
  ...{ databaseUrl: rooms.database.url, dir: rooms.dir, before, ...more },
})
const momentsOn = (rooms: Rooms, at: Date | number) => async (room: number) => {
  const when: When =
    typeof at === 'number' ? { kind: 'revision', revision: BigInt(at) } : { kind: 'time', time: at }
  const told = await createMoments(rooms.opened, { stored: rooms.archived, open: rooms.log.open }).at(
    roomOf(room),
    when,
    { messages: 20 },
  )()
  return E.isRight(told) ? momentView(told.right) : told.left
}
const holds = async (rooms: Rooms): Promise<void> => {
  const done = await verifyLog({
    log: rooms.opened,
    databaseUrl: rooms.database.url,
    verifiers: [verifierOf(rooms.signer)],
  })
  assert.equal([done.failures, done.keys, done.kept.faults], [[], [], []])
  assert.is(done.otherLog, null)
  assert.is(done.compared?.found, 0, JSON.stringify(done.compared?.differences.slice(0, 3)))
  assert.ok(done.checkpoints > 5, `${done.checkpoints} checkpoints`)
}

test.before(async (context) => {
  const rooms = await openRooms()
  context.rooms = rooms
  for (let tenth = 0; tenth < 10; tenth += 1) {
    await rooms.live(VISITS / 10, VISITS / HOURS)
    await rooms.settled()
    await rooms.checkpoint()
  }
})
test.after(({ rooms }) => rooms.close())

test('given a log of which nine tenths are archived while commands come, then no command fails, the file is that much smaller, and every checkpoint is still proved', async ({
  rooms,
}) => {
  await holds(rooms)
  const [before, after] = [await momentsOn(rooms, hour(40))(1), await momentsOn(rooms, hour(95))(1)]
  const bytes = await logBytes(rooms.node.url)
  let isOver = false
  const load = (async () => {
    // At most another tenth, so that the remaining events can be replayed.
    for (let n = 0; !isOver && n < VISITS / 10; n += 1) {
      await rooms.people.visit(n)
      await pause(10)
    }
  })()
  const stages = new Set<string>()
  // The tables have all events before the archive begins, and go on meanwhile.
  const done = await archiveUntilThere(rooms, hour(90), (stage) => stages.add(stage))
  const said: string[] = []
  await scavenge(rooms.node.url, { out: (text) => void said.push(text), err: () => {} })
  isOver = true
  await load
  assert.equal(rooms.people.failures, [])
  assert.equal([...stages], ['writing', 'checking', 'recorded', 'cutting', 'cut'])
  assert.equal(done.report.left, [])
  assert.match(said.join(), /is done/)
  const left = (await logBytes(rooms.node.url))!
  assert.ok(left < bytes! * 0.6, `${left} of ${bytes} bytes`)
  await rooms.settled()
  await holds(rooms)
  assert.equal(await momentsOn(rooms, hour(40))(1), before)
  assert.equal(await momentsOn(rooms, hour(95))(1), after)
})

/** The load may be ahead of the tables when the archive is asked for. */
const archiveUntilThere = async (rooms: Rooms, before: Date, onStage: (stage: string) => void = () => {}) => {
  for (;;)
    try {
      return await archiveLog(options(rooms, before, { onProgress: onStage }))
    } catch (error) {
      if (!/behind the log/.test(String(error))) throw error
    }
}

test('given the archive, when it is checked anywhere, then it verifies, and has a bundle of each room; a changed byte is reported', async ({
  rooms,
}) => {
  const place = join(rooms.dir, 'archive-000001')
  const verifier = verifierOf(rooms.signer)
  const checked = await checkArchive(place, verifier)
  assert.equal(checked.faults, [])
  assert.is(checked.rooms, 4)
  assert.ok(checked.events >= VISITS * 4 * 0.89, `${checked.events} events`)
  for (const name of ['rooms/0000001.bundle', 'leaves.bin', 'streams.ndjson', 'cuts.ndjson', 'keys.ndjson']) {
    const file = join(place, name)
    const whole = readFileSync(file)
    const bytes = Buffer.from(whole)
    const at = Math.floor(bytes.length / 2)
    bytes[at] = bytes[at]! ^ 1
    writeFileSync(file, bytes)
    const faults = await checkArchive(place, verifier).then(
      (found) => found.faults,
      (error: Error) => [error.message],
    )
    writeFileSync(file, whole)
    assert.ok(faults.length > 0, name)
  }
  assert.match(
    readFileSync(join(place, 'keys.ndjson'), 'utf8'),
    /^\{"generation":1,"subject":"account:|"subject"/,
  )
})

test('given a process that starts with nothing in memory and no snapshots, when people come, then rooms continue from their saved states', async ({
  rooms,
}) => {
  for (let room = 0; room < 4; room += 1)
    for (const kind of ['space', 'chat']) {
      const of = `snapshot-${kind}-document:room-${room}`
      const gone = { id: crypto.randomUUID(), type: '$metadata', data: { $tb: 1_000_000 }, metadata: {} }
      assert.ok(E.isRight(await rooms.plain.append(`$$${of}`, 'any', [gone])()))
    }
  await rooms.people.startAgain()
  for (let n = 0; n < 8; n += 1) await rooms.people.visit(n)
  assert.equal(rooms.people.failures, [])
  const looked = await rooms.people.look(1)
  assert.ok(E.isRight(looked) && looked.right !== null && looked.right.state.opened !== null)
})

test('given a rebuild of the tables, then with the archive they are the same, and without it they are not rebuilt at all', async ({
  rooms,
}) => {
  await rooms.settled()
  const made = await rebuild({
    log: rooms.opened,
    databaseUrl: rooms.database.url,
    compare: true,
    swap: false,
  })
  assert.equal(made.differences, [])
  const bare = archivedLog(connectEventLog({ url: rooms.node.url }), null)
  const [from, to] = [join(rooms.dir, 'archive-000001'), join(rooms.dir, 'elsewhere')]
  renameSync(from, to)
  try {
    await rebuild({ log: bare, databaseUrl: rooms.database.url, compare: true, swap: false })
    assert.unreachable('It was made without the archive.')
  } catch (error) {
    assert.match((error as Error).message, /is in the archive archive-000001 \(.*\), which is not at hand/)
  } finally {
    renameSync(to, from)
    await bare.close()
  }
})

test('given the archive somewhere else, when a moment before the cut is requested, then the answer says where it is; after the cut, every moment is answered', async ({
  rooms,
}) => {
  const whole = (await momentsOn(rooms, hour(95))(1)) as { messages: ReadonlyArray<object> }
  const [from, to] = [join(rooms.dir, 'archive-000001'), join(rooms.dir, 'elsewhere')]
  renameSync(from, to)
  const bare = archivedLog(connectEventLog({ url: rooms.node.url }), null)
  const moments = createMoments(bare)
  try {
    for (const when of [
      { kind: 'time', time: hour(40) },
      { kind: 'revision', revision: 3n },
      { kind: 'position', position: 1_000n },
    ] as ReadonlyArray<When>) {
      const told = await moments.at(roomOf(1), when)()
      assert.ok(
        E.isLeft(told),
        JSON.stringify(when, (_, value) => String(value)),
      )
      assert.is(told.left._tag, 'Archived')
      if (told.left._tag === 'Archived') assert.is(told.left.archive?.name, 'archive-000001')
    }
    const after = await moments.at(roomOf(1), { kind: 'time', time: hour(95) }, { messages: 20 })()
    assert.ok(E.isRight(after))
    const { messages: _, ...told } = momentView(after.right)
    const { messages: __, ...full } = whole
    assert.equal(told, full)
    const now = await moments.at(roomOf(1), { kind: 'time', time: new Date() })()
    assert.ok(E.isRight(now) && now.right.messages.length > 0)
  } finally {
    renameSync(to, from)
    await bare.close()
  }
})

test('given a bundle of what comes after the cut, then it needs no archive; one from the beginning is made with it', async ({
  rooms,
}) => {
  const bundle = async (log: typeof rooms.archived, from: Date | null): Promise<number> =>
    (
      await exportBundleTo({
        ...{ log, databaseUrl: rooms.database.url, signer: rooms.signer, space: roomOf(2) },
        ...{ from, to: null, write: async () => {} },
      })
    ).events
  assert.ok((await bundle(rooms.archived, null)) > (VISITS * 4) / 4 - 1)
  const [at, to] = [join(rooms.dir, 'archive-000001'), join(rooms.dir, 'elsewhere')]
  renameSync(at, to)
  const bare = archivedLog(connectEventLog({ url: rooms.node.url }), null)
  try {
    assert.ok((await bundle(bare, hour(90))) > 0)
  } finally {
    renameSync(to, at)
    await bare.close()
  }
})

test('given a reader who follows the log from before the cut, then they are told that some of it is in the archive; from after the cut, they are not', async ({
  rooms,
}) => {
  assert.is((await archivedAfter(rooms.plain, 'start'))?.name, 'archive-000001')
  assert.is((await archivedAfter(rooms.plain, 1_000n))?.name, 'archive-000001')
  const made = await archivesOn(rooms.plain)
  assert.ok(E.isRight(made))
  assert.is(await archivedAfter(rooms.plain, BigInt(made.right[0]!.position)), null)
})

test('given a second archive after the first, then it begins where that ended, and everything still verifies', async ({
  rooms,
}) => {
  await rooms.settled()
  await rejects(archiveLog(options(rooms, hour(80))), /is archived already \(archive-000001\)/)
  await rejects(archiveLog(options(rooms, new Date())), /not a minute old/)
  const done = await archiveUntilThere(rooms, hour(97))
  assert.is(done.made?.number, 2)
  assert.is(done.made?.from, hour(90).toISOString())
  assert.equal((await checkArchive(done.place!, verifierOf(rooms.signer))).faults, [])
  await rooms.settled()
  await holds(rooms)
  assert.equal(readdirSync(rooms.dir).sort(), ['archive-000001', 'archive-000002'])
})

const rejects = async (work: Promise<unknown>, message: RegExp): Promise<void> => {
  const said = await work.then(
    () => 'It was done.',
    (error: Error) => error.message,
  )
  assert.match(said, message)
}

test('given tables that end before what is no longer on the log, then the projector waits, and says what to do', async ({
  rooms,
}) => {
  const { runProjector } = await import('../../projector/projector.ts')
  const { testDatabase } = await import('../../../infra/testing/postgres.ts')
  const empty = await testDatabase()
  const projector = runProjector({ log: rooms.log, databaseUrl: empty.url })
  try {
    await until('it says so', () => projector.state().otherLog !== null)
    assert.match(
      projector.state().otherLog!,
      /put the archive into LOG_ARCHIVE_DIR, and run presence rebuild/,
    )
  } finally {
    await projector.stop()
    await empty.drop()
  }
})

test.run()
