/** One persistent subscription: what comes from the log goes to its consumers, and what of it was acknowledged is done;
 *  the rest is tried again or parked. */

import type { Storage } from '../../log/storage.ts'
import type { Appender } from '../../streams/append.ts'
import { type Consumer, createConsumers, type InFlight } from './consumers.ts'
import { createIntake } from './intake.ts'
import type { GroupMessage } from './message.ts'
import { createParked, parkedStreamOf } from './parked.ts'
import { createProgress, type Progress } from './progress.ts'
import type { GroupSettings } from './settings.ts'

export type NackAction = 'park' | 'retry' | 'skip' | 'stop'
export type Group = ReturnType<typeof createGroup>

/** How often messages that are overdue are looked for, in milliseconds: as often as on a real server, so that a client that is a little late
 *  gets nothing twice. */
const TICK = 1_000

/** The messages to be sent again, and those that were tried often enough. */
const createRetries = (
  settings: GroupSettings,
  parked: ReturnType<typeof createParked>,
  progress: Progress,
) => {
  let waiting: GroupMessage[] = []

  const park = (message: GroupMessage, reason: string): void =>
    parked.add(message, reason, () => progress.finish(message))

  return {
    park,
    length: (): number => waiting.length,
    retry: (message: GroupMessage): void => {
      if (message.retries >= settings.maxRetryCount) {
        park(message, `Reached retry count of ${settings.maxRetryCount}`)
        return
      }
      message.retries++
      waiting.push(message)
    },
    /** What a consumer had when it left counts as tried, but is never parked for that alone. */
    takeOver: (messages: Iterable<InFlight>): void => {
      for (const { message } of messages) {
        message.retries++
        waiting.push(message)
      }
      waiting.sort((a, b) => (a.place?.at ?? -1) - (b.place?.at ?? -1))
    },
    add: (messages: ReadonlyArray<GroupMessage>): void => {
      for (const message of messages) waiting.push(message)
    },
    sendBy: (dispatch: (queue: GroupMessage[]) => GroupMessage[]): void => {
      if (waiting.length > 0) waiting = dispatch(waiting)
    },
  }
}

/** Takes the answered messages out of those that the consumer holds. */
const takeAnswered = (consumer: Consumer, ids: ReadonlyArray<string>): InFlight[] =>
  ids.flatMap((id) => {
    const flying = consumer.inFlight.get(id)
    if (flying === undefined) return []
    consumer.inFlight.delete(id)
    consumer.timings?.add(Date.now() - flying.sentAt)
    return flying
  })

export const createGroup = ({
  storage,
  appender,
  source,
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
  readonly settings: GroupSettings
  /** The position up to which all was done when it was last saved. */
  readonly checkpoint: number | null
  readonly save: (checkpoint: number) => void
}) => {
  const progress = createProgress({ settings, checkpoint, save })
  const intake = createIntake(storage, settings, { source, checkpoint }, progress)
  const consumers = createConsumers(settings)
  const parked = createParked(storage, appender, parkedStreamOf(source, name))
  const retries = createRetries(settings, parked, progress)
  let buffer: GroupMessage[] = []
  let timer: NodeJS.Timeout | undefined

  const pump = (): void => {
    while (consumers.someFree()) {
      retries.sendBy(consumers.dispatch)
      intake.fill(buffer)
      const before = buffer.length
      if (before === 0) return
      buffer = consumers.dispatch(buffer)
      if (buffer.length === before) return
    }
  }

  const tick = (): void => {
    const now = Date.now()
    for (const message of consumers.takeOverdue(now)) retries.retry(message)
    progress.writeWhereDue(now)
    pump()
  }

  const remove = (consumer: Consumer): void => {
    if (!consumers.remove(consumer)) return
    retries.takeOver(consumer.inFlight.values())
    consumer.inFlight.clear()
    if (consumers.all().length === 0) {
      clearInterval(timer)
      timer = undefined
      progress.write()
    }
    pump()
  }

  return {
    source,
    name,
    settings,
    consumers: consumers.all,
    isFull: consumers.isFull,
    canStart: intake.canStart,

    add: (consumer: Consumer): void => {
      consumers.add(consumer)
      timer ??= setInterval(tick, TICK)
      pump()
    },
    remove,

    ack: (consumer: Consumer, ids: ReadonlyArray<string>): void => {
      for (const { message } of takeAnswered(consumer, ids)) progress.finish(message)
      pump()
    },

    nack: (
      consumer: Consumer,
      ids: ReadonlyArray<string>,
      { action, reason }: { readonly action: NackAction; readonly reason: string },
    ): void => {
      if (action === 'stop') {
        remove(consumer)
        consumer.drop('stopped')
      } else
        for (const { message } of takeAnswered(consumer, ids)) {
          if (action === 'skip') progress.finish(message)
          else if (action === 'park') retries.park(message, `Client explicitly NAK'ed message.\n${reason}`)
          else retries.retry(message)
        }
      pump()
    },

    /** Sends what is parked again, the oldest first, up to the number `stopAt` of the stream of what is parked. */
    replayParked: (stopAt: number): void => {
      retries.add(parked.take(stopAt))
      pump()
    },

    /** Call this when something was appended. */
    wake: (): void => {
      if (consumers.all().length > 0) pump()
    },

    stats: () => ({
      processed: progress.saved(),
      total: progress.total(),
      readBuffer: buffer.length,
      retryBuffer: retries.length(),
      inFlight: consumers.inFlight(),
      outstanding: progress.outstanding(),
      parked: parked.count(),
      caughtUp: intake.caughtUp(),
    }),

    /** Ends it for its consumers. Its position is kept, unless it is to be forgotten. */
    stop: (keep = true): void => {
      clearInterval(timer)
      if (keep) progress.write()
      progress.stop()
      for (const consumer of consumers.removeAll()) consumer.drop('dropped')
    },
  }
}
