/** One persistent subscription: which event goes to which consumer, what was acknowledged, retried or parked, and up
 *  to where all is done. */

import type { Storage } from '../../log/storage.ts'
import {
  decodeBody,
  idOf,
  locateNames,
  type Names,
  type ProposedEvent,
  type StoredEvent,
} from '../../protocol/record.ts'
import type { Appender } from '../../streams/append.ts'
import { EXPECT_ANY } from '../../streams/append.ts'
import { compileFilter, type Filter } from '../../streams/filters.ts'
import { follow, isLink } from '../../streams/links.ts'
import { metadataOf, metastreamOf } from '../../streams/metadata.ts'
import { allSource, type Source, streamSource } from '../sources.ts'
import type { Settings } from './settings.ts'
import type { Timings } from './timings.ts'

export type Message = {
  /** By which the consumer acknowledges it. */
  readonly id: string
  readonly event: StoredEvent | undefined
  readonly link: StoredEvent | undefined
  retries: number
  /** Its place for the checkpoint; null for one that was parked and is replayed. */
  readonly place: Place | null
}
type Place = { readonly at: number; done: boolean }

export type Consumer = {
  readonly slots: number
  readonly inFlight: Map<string, InFlight>
  /** Counted for `info`. */
  sent: number
  readonly from: string
  readonly name: string
  readonly user: string
  /** Where the group's settings ask for it. */
  readonly timings: Timings | undefined
  readonly send: (message: Message) => void
  readonly drop: (reason: 'dropped' | 'stopped') => void
}
type InFlight = { readonly message: Message; readonly sentAt: number; readonly due: number }

export type NackAction = 'park' | 'retry' | 'skip' | 'stop'
export type Group = ReturnType<typeof createGroup>

const TICK = 100
const names: Names = { nameStart: 0, nameEnd: 0, typeStart: 0, typeEnd: 0 }

const hash = (text: string): number => {
  let value = 2166136261
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619)
  return value >>> 0
}

const streamOf = (body: Buffer): string => {
  locateNames(body, names)
  return body.toString('utf8', names.nameStart, names.nameEnd)
}

const correlationOf = (body: Buffer): string => {
  try {
    const metadata: unknown = JSON.parse(decodeBody(body).metadata.toString('utf8'))
    if (typeof metadata === 'object' && metadata !== null && '$correlationId' in metadata)
      return String(metadata.$correlationId)
  } catch {
    // No correlation then.
  }
  return streamOf(body)
}

export const parkedStreamOf = (source: string, name: string): string =>
  `$persistentsubscription-${source}::${name}-parked`

export const checkpointStreamOf = (source: string, name: string): string =>
  `$persistentsubscription-${source}::${name}-checkpoint`

export const createGroup = ({
  storage,
  appender,
  source: sourceName,
  name,
  settings,
  checkpoint,
  save,
}: {
  readonly storage: Storage
  readonly appender: Appender
  /** A stream's name or `$all`. */
  readonly source: string
  readonly name: string
  readonly settings: Settings
  /** Up to where all was done when it was last saved. */
  readonly checkpoint: number | null
  readonly save: (checkpoint: number) => void
}) => {
  const isAll = sourceName === '$all'
  const parkedStream = parkedStreamOf(sourceName, name)
  const filter: Filter | null = settings.filter === null ? null : compileFilter(settings.filter)
  const placeOf = (event: StoredEvent): number => (isAll ? event.position : event.revision)
  const startFrom = settings.pinnedAt ?? settings.startFrom
  const start: number | 'start' | 'end' =
    checkpoint ?? (typeof startFrom === 'number' ? startFrom - 1 : startFrom)
  const source: Source = isAll ? allSource(storage, start) : streamSource(storage, sourceName, start)

  const consumers: Consumer[] = []
  let turn = 0
  let buffer: Message[] = []
  let retries: Message[] = []
  let places: Place[] = []
  let processed = checkpoint
  let saved = checkpoint
  let doneSinceSave = 0
  let lastSave = Date.now()
  let total = 0
  let caughtUp = false
  let timer: NodeJS.Timeout | undefined
  let isStopped = false

  const write = (): void => {
    // What comes in after that (a parked message that is written) is another one's to count.
    if (isStopped || processed === null || processed === saved) return
    save(processed)
    saved = processed
    doneSinceSave = 0
    lastSave = Date.now()
  }

  const finish = (message: Message): void => {
    total++
    if (message.place === null) return
    message.place.done = true
    let count = 0
    while (count < places.length && places[count]!.done) processed = places[count++]!.at
    if (count > 0) places = places.slice(count)
    doneSinceSave += count
    if (settings.maxCheckpointCount > 0 && doneSinceSave >= settings.maxCheckpointCount) write()
  }

  const messageOf = (event: StoredEvent, place: Place | null): Message | undefined => {
    if (!settings.resolveLinks || !isLink(event.body))
      return { id: idOf(event.body), event, link: undefined, retries: 0, place }
    return { id: idOf(event.body), event: follow(storage, event), link: event, retries: 0, place }
  }

  /** Takes more from the log, while the buffer has room. */
  const fill = (): void => {
    while (buffer.length < settings.readBatchSize) {
      const { events, more } = source.take(Math.max(settings.readBatchSize, 1))
      for (const event of events) {
        const at = placeOf(event)
        if (filter !== null && !filter(event.body)) {
          // What is of no interest is done with as soon as all before it is.
          if (places.length === 0) processed = at
          continue
        }
        // Its own parked events must not come back to it.
        if (isAll && streamOf(event.body).startsWith(`$persistentsubscription-`)) continue
        const place = { at, done: false }
        const message = messageOf(event, place)
        if (message === undefined) continue
        places.push(place)
        buffer.push(message)
      }
      caughtUp = !more
      if (!more) return
    }
  }

  const free = (consumer: Consumer): boolean => consumer.inFlight.size < consumer.slots

  /** The consumer that is to have it; undefined where it has to wait. */
  const choose = (message: Message): Consumer | undefined => {
    switch (settings.strategy) {
      case 'DispatchToSingle':
        return consumers.find(free)
      case 'Pinned':
      case 'PinnedByCorrelation': {
        const body = (message.event ?? message.link)?.body
        if (body === undefined) return consumers.find(free)
        const key = settings.strategy === 'Pinned' ? streamOf(body) : correlationOf(body)
        const consumer = consumers[hash(key) % consumers.length]
        return consumer !== undefined && free(consumer) ? consumer : undefined
      }
      case 'RoundRobin': {
        for (let i = 0; i < consumers.length; i++) {
          const consumer = consumers[(turn + i) % consumers.length]!
          if (!free(consumer)) continue
          turn = (turn + i + 1) % consumers.length
          return consumer
        }
        return undefined
      }
      default:
        return settings.strategy satisfies never
    }
  }

  const dispatch = (queue: Message[]): Message[] => {
    const waiting: Message[] = []
    for (let i = 0; i < queue.length; i++) {
      const message = queue[i]!
      const consumer = choose(message)
      if (consumer === undefined) {
        waiting.push(message)
        if (!consumers.some(free)) return waiting.concat(queue.slice(i + 1))
        continue
      }
      const due =
        settings.messageTimeout > 0 ? Date.now() + settings.messageTimeout : Number.POSITIVE_INFINITY
      consumer.inFlight.set(message.id, { message, sentAt: Date.now(), due })
      consumer.sent++
      consumer.send(message)
    }
    return waiting
  }

  const pump = (): void => {
    while (consumers.some(free)) {
      if (retries.length > 0) retries = dispatch(retries)
      fill()
      const before = buffer.length
      if (before === 0) return
      buffer = dispatch(buffer)
      if (buffer.length === before) return
    }
  }

  /** A link to the event itself, not to the link by which it came: so a replay gives the event. Of one that is gone, what
   *  its link says. */
  const park = (message: Message, reason: string): void => {
    const { event, link } = message
    const target =
      event !== undefined
        ? Buffer.from(`${event.revision}@${streamOf(event.body)}`)
        : link !== undefined && decodeBody(link.body).data
    if (target === false) {
      finish(message)
      return
    }
    const parked: ProposedEvent = {
      id: crypto.randomUUID(),
      type: '$>',
      contentType: 'application/octet-stream',
      data: target,
      metadata: Buffer.from(JSON.stringify({ added: new Date().toISOString(), reason })),
    }
    appendSystem(parkedStream, parked, () => finish(message))
  }

  const appendSystem = (stream: string, event: ProposedEvent, done: () => void): void =>
    appender.append({
      stream,
      expected: EXPECT_ANY,
      change: { kind: 'append', events: [event] },
      deadline: Number.POSITIVE_INFINITY,
      bytes: event.data.length,
      done,
    })

  const retry = (message: Message): void => {
    if (message.retries >= settings.maxRetryCount) {
      park(message, `Reached retry count of ${settings.maxRetryCount}`)
      return
    }
    message.retries++
    retries.push(message)
  }

  const tick = (): void => {
    const now = Date.now()
    for (const consumer of consumers)
      for (const [id, { message, due }] of consumer.inFlight) {
        if (due > now) continue
        consumer.inFlight.delete(id)
        retry(message)
      }
    if (
      doneSinceSave >= Math.max(1, settings.minCheckpointCount) &&
      now - lastSave >= settings.checkpointAfter
    )
      write()
    pump()
  }

  const remove = (consumer: Consumer): void => {
    const at = consumers.indexOf(consumer)
    if (at < 0) return
    consumers.splice(at, 1)
    // What it had counts as tried, but is never parked for that.
    for (const { message } of consumer.inFlight.values()) {
      message.retries++
      retries.push(message)
    }
    consumer.inFlight.clear()
    retries.sort((a, b) => (a.place?.at ?? -1) - (b.place?.at ?? -1))
    if (consumers.length === 0) {
      clearInterval(timer)
      timer = undefined
      write()
    }
    pump()
  }

  const parkedCount = (): number => {
    const stream = storage.stream(parkedStream)
    const first = metadataOf(storage, stream).truncateBefore
    return Math.max(0, stream.last + 1 - Math.min(first, stream.last + 1))
  }

  return {
    source: sourceName,
    name,
    settings,
    consumers: (): ReadonlyArray<Consumer> => consumers,

    /** Whether it has as many consumers as it may. */
    isFull: (): boolean => settings.maxSubscriberCount > 0 && consumers.length >= settings.maxSubscriberCount,

    add: (consumer: Consumer): void => {
      consumers.push(consumer)
      timer ??= setInterval(tick, TICK)
      pump()
    },
    remove,

    ack: (consumer: Consumer, ids: ReadonlyArray<string>): void => {
      for (const id of ids) {
        const flying = consumer.inFlight.get(id)
        if (flying === undefined) continue
        consumer.inFlight.delete(id)
        consumer.timings?.add(Date.now() - flying.sentAt)
        finish(flying.message)
      }
      pump()
    },

    nack: (consumer: Consumer, ids: ReadonlyArray<string>, action: NackAction, reason: string): void => {
      for (const id of ids) {
        const flying = consumer.inFlight.get(id)
        if (flying === undefined) continue
        if (action === 'stop') continue
        consumer.inFlight.delete(id)
        if (action === 'skip') finish(flying.message)
        else if (action === 'park') park(flying.message, `Client explicitly NAK'ed message.\n${reason}`)
        else retry(flying.message)
      }
      if (action === 'stop') {
        remove(consumer)
        consumer.drop('stopped')
      }
      pump()
    },

    /** Sends what is parked again, the oldest first, up to the number `stopAt` of the stream of what is parked. */
    replayParked: (stopAt: number): void => {
      const stream = storage.stream(parkedStream)
      if (stream.last < 0) return
      const first = metadataOf(storage, stream).truncateBefore
      const count = Math.min(stopAt, stream.last + 1) - first
      const links = count > 0 ? storage.streamForwards(stream.id, first, count) : []
      const last = links.at(-1)
      if (last === undefined) return
      for (const link of links) {
        const event = follow(storage, link)
        // What was deleted meanwhile does not come again.
        if (event !== undefined) retries.push({ id: idOf(link.body), event, link, retries: 0, place: null })
      }
      appendSystem(
        metastreamOf(parkedStream),
        {
          id: crypto.randomUUID(),
          type: '$metadata',
          contentType: 'application/json',
          data: Buffer.from(JSON.stringify({ $tb: last.revision + 1 })),
          metadata: new Uint8Array(0),
        },
        () => {},
      )
      pump()
    },

    /** Something was appended. */
    wake: (): void => {
      if (consumers.length > 0) pump()
    },

    stats: () => ({
      processed: saved,
      total,
      readBuffer: buffer.length,
      retryBuffer: retries.length,
      inFlight: consumers.reduce((sum, consumer) => sum + consumer.inFlight.size, 0),
      outstanding: places.length,
      parked: parkedCount(),
      caughtUp,
    }),

    /** Ends it for its consumers. Keeps how far it came, unless it is to be forgotten. */
    stop: (keep = true): void => {
      clearInterval(timer)
      if (keep) write()
      isStopped = true
      for (const consumer of consumers.splice(0)) consumer.drop('dropped')
    },
  }
}
