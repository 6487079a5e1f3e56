/** Measures chat: the time from sending to receipt at a fixed rate, and the highest rate that is kept up with (the
 *  knee). Open loop: a message is sent when it is due, and its latency counts from that time, so a stalled server
 *  can't hide its queue. */
import { type BenchClient, type Connect, connect, spread } from './client.ts'
import { ownShare, summary } from './figures.ts'
import { sendPaced } from './metronome.ts'

export type JoinedRooms = {
  readonly rooms: ReadonlyArray<ReadonlyArray<BenchClient>>
  readonly close: () => void
}
export type BenchMember = { readonly auth: object | null; readonly account: string }

export type CrowdSize = {
  readonly rooms: number
  readonly size: number
  /** Where each room is. Default: communities from `hive-100000` on. */
  readonly place?: (room: number) => { readonly type: string; readonly id: string }
  /** By which client. Default: the light one. */
  readonly by?: Connect
}

export const communities =
  (from: number): NonNullable<CrowdSize['place']> =>
  (room) => ({ type: 'community', id: `hive-${from + room}` })

/** `rooms` rooms of `size`, everyone joined. */
export const gather = async (
  url: string,
  { rooms, size, place = communities(100_000), by = connect }: CrowdSize,
  member: (index: number) => BenchMember,
): Promise<JoinedRooms> => {
  const clients = await spread(rooms * size, 16, async (index) => {
    const client = await by(url, member(index).auth)
    const { type, id } = place(Math.floor(index / size))
    await joinRoom(client, type, id)
    return client
  })
  return {
    rooms: Array.from({ length: rooms }, (_, room) => clients.slice(room * size, (room + 1) * size)),
    close: () => {
      for (const client of clients) client.close()
    },
  }
}

/** `more`: what `join-space` says besides the room. */
export const joinRoom = (
  client: BenchClient,
  spaceType: string,
  spaceId: string,
  more: object = {},
): Promise<void> =>
  new Promise((resolve, reject) => {
    const attempt = () =>
      client.emit('join-space', { spaceType, spaceId, ...more }, (ack) => {
        if (ack.ok) resolve()
        else if (ack.code === 'slow_down') setTimeout(attempt, 1000 * (ack.retry_after ?? 1))
        else reject(new Error(`${ack.code}: ${ack.error}`))
      })
    attempt()
  })

export type ChatFigures = {
  readonly offered: number
  readonly sent: number
  readonly delivered: number
  readonly expected: number
  readonly refused: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly loadShare: number
  /** Milliseconds by which a message left after it was due, on average: these are the load's own, and count as latency. */
  readonly late: number
}

/** Messages that are due between two beats leave together, so a beat is short even where messages are seldom: how late they leave counts
 *  as latency. */
const SHORTEST_BEAT_MS = 0.5
const LONGEST_BEAT_MS = 2

/** Who listen for the latency: they send nothing. */
const listenersOf = (size: number): number => Math.min(2, size - 1)

/** Sends `rate` messages a second for `seconds`, round-robin over rooms and members. Latency is measured at two
 *  receivers in each message's room (neither of them its sender); deliveries are counted at all receivers. */
export const chatAt = async (crowd: JoinedRooms, rate: number, seconds: number): Promise<ChatFigures> => {
  if (!(rate * seconds >= 1)) throw new Error(`${rate} messages a second for ${seconds} s are none`)
  const latencies: Array<number> = []
  const size = crowd.rooms[0]!.length
  const listeners = listenersOf(size)
  let delivered = 0
  let refused = 0
  let measuring = true
  const due = (packet: string): number => {
    const at = packet.indexOf('due:')
    return Number(packet.slice(at + 4, packet.indexOf(' ', at)))
  }
  const run = Math.random().toString(36).slice(2, 8)
  for (const room of crowd.rooms)
    room.forEach((client, index) => {
      client.onPacket = (packet) => {
        if (!packet.startsWith('42["chat-message"') || !packet.includes(run)) return
        delivered += 1
        if (measuring && index < listeners) latencies.push(performance.now() - due(packet))
      }
    })
  const share = ownShare()
  const total = Math.floor(rate * seconds)
  let late = 0
  const everyMs = Math.max(SHORTEST_BEAT_MS, Math.min(LONGEST_BEAT_MS, 1_000 / rate))
  await sendPaced({ rate, total, everyMs }, ({ from, to, dueAt }) => {
    for (let message = from; message < to; message += 1) {
      const room = crowd.rooms[message % crowd.rooms.length]!
      const turn = Math.floor(message / crowd.rooms.length)
      const member = room[listeners + (turn % (size - listeners))]!
      late += performance.now() - dueAt(message)
      member.emit(
        'chat-message',
        { content: `due:${dueAt(message).toFixed(3)} ${run} the room is full of stars tonight` },
        (ack) => {
          if (!ack.ok) refused += 1
        },
      )
    }
  })
  const until = performance.now() + 5_000
  // Late messages are still counted for five seconds.
  while (delivered < (total - refused) * size && performance.now() < until)
    await new Promise((r) => setTimeout(r, 20))
  const loadShare = share()
  measuring = false
  for (const room of crowd.rooms) for (const client of room) client.onPacket = null
  const { p50, p99, max } = summary(latencies)
  return {
    offered: rate,
    sent: total,
    delivered,
    expected: total * size,
    refused,
    p50,
    p99,
    max,
    loadShare,
    late: late / total,
  }
}

/** All delivered, none refused, p99 under `p99` ms. */
const isHeld = (figures: ChatFigures, p99: number): boolean =>
  figures.delivered === figures.expected && figures.refused === 0 && figures.p99 <= p99

export type Knee = {
  /** Null where the server held no rate that was tried. */
  readonly knee: number | null
  readonly steps: ReadonlyArray<ChatFigures>
}

const STEP = 1.2
/** Downwards, where nothing holds yet. */
const STEP_DOWN = 1.5
const SLOWEST = 50
const FASTEST = 50_000

/** The highest rate that is still kept up with. One that fails is tried once more: the machine may have been busy with
 *  something else. Where the first fails, lower ones are. */
export const knee = async (
  crowd: JoinedRooms,
  { from, p99 = 250 }: { readonly from: number; readonly p99?: number },
  onStep: (figures: ChatFigures) => void,
): Promise<Knee> => {
  const steps: Array<ChatFigures> = []
  const holds = async (rate: number): Promise<boolean> => {
    for (let tries = 0; tries < 2; tries += 1) {
      const figures = await chatAt(crowd, rate, 4)
      steps.push(figures)
      onStep(figures)
      if (isHeld(figures, p99)) return true
    }
    return false
  }
  let rate = from
  while (rate >= SLOWEST && !(await holds(rate))) rate = Math.round(rate / STEP_DOWN)
  if (rate < SLOWEST) return { knee: null, steps }
  if (rate < from) return { knee: rate, steps }
  for (;;) {
    const next = Math.round(rate * STEP)
    if (next > FASTEST || !(await holds(next))) return { knee: rate, steps }
    rate = next
  }
}
