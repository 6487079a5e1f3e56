/** Guests in rooms of one's own server, who talk at a steady rate and listen to each other. */
import { setTimeout as delay } from 'node:timers/promises'
import { io, type Socket } from 'socket.io-client'
import type { SpaceRef } from '../../../domain/names.ts'
import type { Step } from './chart.ts'

export type CrowdOptions = {
  readonly url: string
  /** The key that allows a test crowd. */
  readonly token: string
  readonly space: SpaceRef
  readonly rooms: number
  readonly people: number
}
type Answer = { readonly ok: boolean; readonly code?: string; readonly error?: string }
type Person = { readonly socket: Socket; readonly room: number }

const ACK_MS = 15_000
/** How many joins are under way at once: the arrival of the crowd is not what is measured. */
const COMING = 20
const MARK = 'load '

export type Crowd = {
  readonly step: (rate: number, seconds: number) => Promise<Step>
  readonly close: () => void
}

const asked = async (socket: Socket, event: string, payload: object): Promise<Answer> => {
  try {
    return (await socket.timeout(ACK_MS).emitWithAck(event, payload)) as Answer
  } catch {
    return { ok: false, code: 'no_answer' }
  }
}

/** Throws with a sentence if somebody can't join. */
const comeIn = async ({ url, token, space }: CrowdOptions, room: number): Promise<Person> => {
  const socket = io(url, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    auth: { load: token },
  })
  const refused = await new Promise<Error | null>((resolve) => {
    socket.once('connect', () => resolve(null))
    socket.once('connect_error', resolve)
  })
  if (refused !== null) {
    socket.disconnect()
    throw new Error(`A guest can’t connect: ${refused.message}`)
  }
  const subspace = `main-load-${room}`
  const joined = await asked(socket, 'join-space', { spaceType: space.type, spaceId: space.id, subspace })
  if (joined.ok) return { socket, room }
  socket.disconnect()
  throw new Error(`A guest can’t come into ${subspace}: ${joined.error ?? joined.code}`)
}

const quantile = (sorted: ReadonlyArray<number>, q: number): number | null =>
  sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!

/** Resolves when everybody has joined. */
export const gather = async (options: CrowdOptions, onProgress: (done: number) => void): Promise<Crowd> => {
  const everyone: Person[] = []
  const close = (): void => {
    for (const { socket } of everyone) socket.disconnect()
  }
  const places = Array.from({ length: options.rooms * options.people }, (_, i) => i % options.rooms)
  try {
    for (let at = 0; at < places.length; at += COMING) {
      const coming = places.slice(at, at + COMING).map((room) => comeIn(options, room))
      const came = await Promise.allSettled(coming)
      for (const one of came) if (one.status === 'fulfilled') everyone.push(one.value)
      const failed = came.find((one) => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      onProgress(everyone.length)
    }
  } catch (error) {
    close()
    throw error
  }

  let heard: number[] = []
  let current = ''
  for (const { socket } of everyone)
    socket.on('chat-message', ({ content }: { content: string }) => {
      const [mark, step, at] = content.split(' ')
      if (`${mark} ` === MARK && step === current) heard.push(performance.now() - Number(at))
    })

  const step: Crowd['step'] = async (rate, seconds) => {
    heard = []
    current = crypto.randomUUID()
    const refused: Record<string, number> = {}
    let said = 0
    let expected = 0
    const answers: Promise<void>[] = []
    const say = async ({ socket, room }: Person): Promise<void> => {
      const answer = await asked(socket, 'chat-message', {
        content: `${MARK}${current} ${performance.now()}`,
      })
      if (answer.ok) {
        said += 1
        expected += everyone.filter((one) => one.room === room).length
      } else refused[answer.code ?? 'refused'] = (refused[answer.code ?? 'refused'] ?? 0) + 1
    }
    const began = performance.now()
    for (let i = 0; i < rate * seconds; i += 1) {
      const due = began + (i * 1_000) / rate - performance.now()
      if (due > 1) await delay(due)
      answers.push(say(everyone[i % everyone.length]!))
    }
    const took = (performance.now() - began) / 1_000
    await Promise.all(answers)
    for (const end = performance.now() + 5_000; heard.length < expected && performance.now() < end; )
      await delay(20)
    const sorted = heard.sort((a, b) => a - b)
    return {
      asked: rate,
      said: Math.round((10 * said) / Math.max(took, 0.001)) / 10,
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
      max: sorted.at(-1) ?? null,
      heard: sorted.length,
      missed: Math.max(0, expected - sorted.length),
      refused,
    }
  }
  return { step, close }
}
