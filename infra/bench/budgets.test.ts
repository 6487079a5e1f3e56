// test: alone
/** What a message may cost, counted and not timed, so that a busy machine changes nothing: a regression is seen the day that it
 *  comes. A budget that is to grow is changed here, with the reason in the commit. */
import { Session } from 'node:inspector/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { connectEventLog } from '../../adapters/eventstore/index.ts'
import { givenLately } from '../../adapters/privacy/given-lately.ts'
import { connectionOf } from '../../adapters/sockets/connection.ts'
import { testEventStore } from '../testing/eventstore.ts'
import { testNode } from '../testing/sockets.ts'
import { joinRoom } from './chat.ts'
import { type Answer, type BenchClient, connect, spread } from './client.ts'

const PEOPLE = 20
const MESSAGES = 80
const WORDS = 'the room is full of stars tonight'

type Room = {
  readonly appends: () => number
  /** Node's own, of the server's sockets. */
  readonly handles: () => ReadonlyArray<Handle>
  /** One more person comes; resolves to Node's own of their connection, from its beginning. */
  readonly come: (began: (handle: Handle) => void) => Promise<void>
  /** Says so much, one after another, and waits until all have heard all of it. */
  readonly talk: (messages: number) => Promise<void>
  readonly stop: () => Promise<void>
}

const test = suite<Room>('budgets of a message')

/** Resolves once every client has heard `messages` more. */
const heardBy = (clients: ReadonlyArray<BenchClient>, messages: number): Promise<void> =>
  new Promise((resolve) => {
    let left = clients.length * messages
    for (const client of clients)
      client.onPacket = (packet) => {
        if (packet.startsWith('42["chat-message"')) left -= 1
        if (left === 0) resolve()
      }
  })

const say = (client: BenchClient): Promise<Answer> =>
  new Promise((resolve) => client.emit('chat-message', { content: WORDS }, resolve))

test.before(async (context) => {
  const store = await testEventStore()
  const log = connectEventLog({ url: store.url })
  const lately = givenLately()
  let appends = 0
  const counted: typeof log = {
    ...log,
    append: (...asked) => {
      // Others are by time, such as a snapshot of a room that has been busy for a while.
      if (asked[2].some(({ type }) => type === 'MessagePosted')) appends += 1
      lately.put(asked[0], asked[2])
      return log.append(...asked)
    },
  }
  const node = await testNode(counted, { given: lately.take })
  const clients = await spread(PEOPLE, 4, async (index) => {
    const client = await connect(node.url, { token: `account:person-${index}` })
    await joinRoom(client, 'post', 'alice/my-post')
    return client
  })
  const talk = async (messages: number): Promise<void> => {
    const heard = heardBy(clients, messages)
    for (let i = 0; i < messages; i += 1) {
      const answer = await say(clients[i % PEOPLE]!)
      assert.ok(answer.ok, answer.error)
    }
    await heard
  }
  const stop = async (): Promise<void> => {
    for (const client of clients) client.close()
    await node.stop()
    await log.close()
    await store.stop()
  }
  const handles = () =>
    [...node.sockets.io.sockets.sockets.values()].map((socket) => {
      const { _socket: net } = connectionOf(socket).transport.socket ?? {}
      return (net as unknown as { readonly _handle: Handle })._handle
    })
  const come: Room['come'] = async (began) => {
    node.sockets.io.httpServer.once('connection', (net) => began(net._handle))
    const client = await connect(node.url, { token: 'account:newcomer' })
    clients.push(client)
    await joinRoom(client, 'post', 'alice/my-post')
  }
  Object.assign(context, { appends: () => appends, handles, come, talk, stop })
  // What is made and compiled once has been.
  await talk(MESSAGES)
})

test.after(({ stop }) => stop())

type Write = (
  request: object,
  data: Buffer | string | ReadonlyArray<Buffer | string>,
  more?: unknown,
) => number
type Handle = Record<'writeBuffer' | 'writev' | 'writeLatin1String' | 'writeUtf8String', Write>

/** Of an array of chunks and encodings, or of buffers alone. */
const lengthOf = (data: Buffer | string | ReadonlyArray<Buffer | string>, isWhole: boolean): number => {
  if (typeof data === 'string' || Buffer.isBuffer(data)) return Buffer.byteLength(data)
  const chunks = data as ReadonlyArray<Buffer | string>
  return chunks.reduce((sum, one, i) => (isWhole || i % 2 === 0 ? sum + Buffer.byteLength(one) : sum), 0)
}

/** What the server hands to the system for its sockets while `work` runs: how often, and how many bytes. */
const written = async (
  handles: ReadonlyArray<Handle>,
  work: (watch: (handle: Handle) => void) => Promise<void>,
): Promise<{ readonly writes: number; readonly bytes: number }> => {
  const counts = { writes: 0, bytes: 0 }
  const watched: Handle[] = []
  const watch = (handle: Handle): void => {
    watched.push(handle)
    for (const how of ['writeBuffer', 'writev', 'writeLatin1String', 'writeUtf8String'] as const) {
      const write = handle[how]
      handle[how] = (request, data, more) => {
        counts.writes += 1
        counts.bytes += lengthOf(data, more === true)
        return write.call(handle, request, data, more)
      }
    }
  }
  for (const handle of handles) watch(handle)
  try {
    await work(watch)
  } finally {
    for (const handle of watched)
      for (const how of Object.keys(handle))
        if (how.startsWith('write')) delete (handle as Partial<Handle>)[how as keyof Handle]
  }
  return counts
}

test('given a room of 20, when messages are posted, then each is one write of few bytes to each socket, with the answer in the sender’s', async ({
  talk,
  handles,
}) => {
  const { writes, bytes } = await written(handles(), () => talk(MESSAGES))
  const [each, size] = [writes / MESSAGES, bytes / writes]
  // Where the log's news of a message overtakes its answer, that goes by itself.
  assert.ok(each < PEOPLE + 0.9, `${each} writes a message`)
  assert.ok(size <= 480, `${size} bytes a write`)
})

test('given a room of 20, when a message is posted, then it is one append, and its words are written as JSON once for all recipients', async ({
  talk,
  appends,
}) => {
  const before = appends()
  const { stringify } = JSON
  let times = 0
  JSON.stringify = ((...given: Parameters<typeof stringify>) => {
    const text = stringify(...given)
    if (typeof text === 'string' && text.includes(WORDS)) times += 1
    return text
  }) as typeof JSON.stringify
  try {
    await talk(MESSAGES)
  } finally {
    JSON.stringify = stringify
  }
  assert.is(appends() - before, MESSAGES)
  // The sender's own, the log's, and the room's.
  assert.is(times / MESSAGES, 3)
})

test('given a room of 20, when somebody connects and joins, then that is three writes to them', async ({
  come,
}) => {
  const { writes } = await written([], come)
  // The upgrade with Engine.IO's first packet, the namespace, and the room with the answer.
  assert.is(writes, 3)
})

/** Bytes that were allocated while `work` ran, by samples of one in `EVERY`. */
const EVERY = 2_048
const allocated = async (work: () => Promise<void>): Promise<number> => {
  const session = new Session()
  session.connect()
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: EVERY,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as never)
    await work()
    const { profile } = await session.post('HeapProfiler.stopSampling')
    const sizeOf = (node: (typeof profile)['head']): number =>
      node.selfSize + node.children.reduce((sum, child) => sum + sizeOf(child), 0)
    return sizeOf(profile.head)
  } finally {
    session.disconnect()
  }
}

test('given a room of 20, when a message is posted, then everything that this allocates is limited, including its twenty recipients', async ({
  talk,
}) => {
  const bytes = (await allocated(() => talk(MESSAGES))) / MESSAGES
  assert.ok(bytes <= 110_000, `${Math.round(bytes)} bytes are allocated for a message`)
})

test.run()
