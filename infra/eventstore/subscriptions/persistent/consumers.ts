/** The consumers of a persistent subscription, and which of them is to have a message. */
import { correlationOf, type GroupMessage, streamOf } from './message.ts'
import type { GroupSettings } from './settings.ts'
import type { Timings } from './timings.ts'

export type Consumer = {
  readonly slots: number
  readonly inFlight: Map<string, InFlight>
  /** Counted for `info`. */
  sent: number
  readonly from: string
  readonly name: string
  readonly user: string
  /** Set if the group's settings ask for it. */
  readonly timings: Timings | undefined
  readonly send: (message: GroupMessage) => void
  readonly drop: (reason: 'dropped' | 'stopped') => void
}
export type InFlight = { readonly message: GroupMessage; readonly sentAt: number; readonly due: number }

const isFree = (consumer: Consumer): boolean => consumer.inFlight.size < consumer.slots

const hash = (text: string): number => {
  let value = 2166136261
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 16777619)
  return value >>> 0
}

/** The consumer that is to have a message; undefined if the message has to wait. */
const createChoice = (settings: GroupSettings, consumers: ReadonlyArray<Consumer>) => {
  /** Round robin: the consumer that comes next. */
  let turn = 0

  const nextOfRound = (): Consumer | undefined => {
    for (let i = 0; i < consumers.length; i++) {
      const consumer = consumers[(turn + i) % consumers.length]!
      if (!isFree(consumer)) continue
      turn = (turn + i + 1) % consumers.length
      return consumer
    }
    return undefined
  }

  const pinned = ({ event, link }: GroupMessage, keyOf: (body: Buffer) => string): Consumer | undefined => {
    const body = (event ?? link)?.body
    if (body === undefined) return consumers.find(isFree)
    const consumer = consumers[hash(keyOf(body)) % consumers.length]
    return consumer !== undefined && isFree(consumer) ? consumer : undefined
  }

  return (message: GroupMessage): Consumer | undefined => {
    switch (settings.strategy) {
      case 'DispatchToSingle':
        return consumers.find(isFree)
      case 'Pinned':
        return pinned(message, streamOf)
      case 'PinnedByCorrelation':
        return pinned(message, correlationOf)
      case 'RoundRobin':
        return nextOfRound()
      default:
        return settings.strategy satisfies never
    }
  }
}

export const createConsumers = (settings: GroupSettings) => {
  const consumers: Consumer[] = []
  const choose = createChoice(settings, consumers)
  const someFree = (): boolean => consumers.some(isFree)

  const send = (consumer: Consumer, message: GroupMessage): void => {
    const sentAt = Date.now()
    const due = settings.messageTimeout > 0 ? sentAt + settings.messageTimeout : Number.POSITIVE_INFINITY
    consumer.inFlight.set(message.id, { message, sentAt, due })
    consumer.sent++
    consumer.send(message)
  }

  return {
    all: (): ReadonlyArray<Consumer> => consumers,
    someFree,
    /** Whether the group has as many consumers as it may have. */
    isFull: (): boolean => settings.maxSubscriberCount > 0 && consumers.length >= settings.maxSubscriberCount,
    inFlight: (): number => consumers.reduce((sum, consumer) => sum + consumer.inFlight.size, 0),

    add: (consumer: Consumer): void => {
      consumers.push(consumer)
    },
    /** Whether it was one of the group's consumers. */
    remove: (consumer: Consumer): boolean => {
      const at = consumers.indexOf(consumer)
      if (at >= 0) consumers.splice(at, 1)
      return at >= 0
    },
    removeAll: (): Consumer[] => consumers.splice(0),

    /** Sends what can be sent; returns what has to wait. */
    dispatch: (queue: GroupMessage[]): GroupMessage[] => {
      const waiting: GroupMessage[] = []
      for (let i = 0; i < queue.length; i++) {
        const message = queue[i]!
        const consumer = choose(message)
        if (consumer !== undefined) {
          send(consumer, message)
          continue
        }
        waiting.push(message)
        if (!someFree()) return waiting.concat(queue.slice(i + 1))
      }
      return waiting
    },

    /** Takes back what was not acknowledged in time. */
    takeOverdue: (now: number): GroupMessage[] => {
      const overdue: GroupMessage[] = []
      for (const { inFlight } of consumers)
        for (const [id, { message, due }] of inFlight) {
          if (due > now) continue
          inFlight.delete(id)
          overdue.push(message)
        }
      return overdue
    },
  }
}
