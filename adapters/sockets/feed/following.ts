/** Follows the log from its end, and starts over if another log answers, in which its position would be meaningless. */
import * as E from 'fp-ts/lib/Either.js'
import type {
  EventLog,
  GivenLately,
  LogSubscription,
  SubscriptionItem,
  SubscriptionState,
} from '../../../domain/ports.ts'
import { type LogPlace, otherLog } from '../../../projections/same-log.ts'
import { ROOM_METASTREAMS, roomStreamOf } from '../../eventstore/soft-deletion.ts'
import { type Logger, reasonOf } from '../../observing.ts'

export type FeedFollower = { readonly state: () => SubscriptionState; readonly stop: () => Promise<void> }

export type FollowingDeps = {
  readonly log: EventLog
  readonly given?: GivenLately | undefined
  /** Whether a room's stream is of use here: what comes on others is passed. */
  readonly wants?: (stream: string) => boolean
  readonly logger: Logger
  readonly deliver: (items: ReadonlyArray<SubscriptionItem>) => void
  /** Called when everything that was on the log when it began has been delivered. */
  readonly onCaughtUp: () => Promise<void>
  /** Called if the log is another one or went back: once before it is followed, and again when that has begun. */
  readonly onOther: () => void
  readonly onBegunAnew: () => Promise<void>
  /** How often to check whether the connection is a new one. Default 1,000 ms. */
  readonly lookMs?: number | undefined
}

const LOOK_MS = 1_000
/** Most of what comes is known already from the command path, and costs less in batches. */
const GATHER_MS = 5
/** Nothing about cases is sent to rooms: the command path keeps its states warm with them. */
const PREFIXES = ['space-', 'chat-', 'cases-']

export const followLog = (deps: FollowingDeps): FeedFollower => {
  const { log, logger, given, wants } = deps
  /** The last event that came: the log at the other end of a new connection must have it at the same place. */
  let newest: LogPlace | null = null
  /** How often earlier subscriptions were resumed, and how many of this one's resumptions were checked. */
  let resumed = 0
  let checked = 0
  let isStopped = false

  const subscribe = () =>
    log.subscribe({
      after: 'end',
      prefixes: [...PREFIXES, ...ROOM_METASTREAMS],
      gatherMs: GATHER_MS,
      ...(wants === undefined ? {} : { wants: (stream) => roomStreamOf(stream) !== null || wants(stream) }),
      ...(given === undefined ? {} : { given }),
    })
  const follow = async (mine: LogSubscription, onCaughtUp: () => Promise<void>): Promise<void> => {
    let caughtUp = false
    for await (const items of mine) {
      if (isStopped || mine !== subscription) return
      for (const item of items)
        if ((item.kind === 'event' || item.kind === 'passed') && roomStreamOf(item.event.stream) === null) {
          const { position, id, stream, revision } = item.event
          newest = { position, event_id: id, stream, revision }
        }
      deps.deliver(items)
      if (caughtUp || !items.some((item) => item.kind === 'caught-up')) continue
      caughtUp = true
      onCaughtUp().catch((error) => logger.warn({ error: reasonOf(error) }, 'could not look again'))
    }
  }
  const ended = (error: unknown) => logger.error({ error: reasonOf(error) }, 'the live feed has ended')
  const begin = async (): Promise<void> => {
    await deps.onCaughtUp()
    const last = await log.readAll({ direction: 'backwards', limit: 1, prefixes: PREFIXES })()
    const [event] = E.isRight(last) ? last.right : []
    if (event === undefined) return
    const { position, id, stream, revision } = event
    newest ??= { position, event_id: id, stream, revision }
  }
  const beginAnew = async (): Promise<void> => {
    await deps.onBegunAnew()
    await begin()
  }
  let subscription = subscribe()
  let following = follow(subscription, begin).catch(ended)

  const startOver = async (): Promise<void> => {
    const before = subscription
    resumed += before.state().reconnects
    checked = 0
    newest = null
    deps.onOther()
    subscription = subscribe()
    following = Promise.all([following, follow(subscription, beginAnew).catch(ended)]).then(() => {})
    await before.stop()
  }
  const holdToLog = async (): Promise<void> => {
    const { reconnects } = subscription.state()
    if (isStopped || newest === null || reconnects === checked) return
    const found = await otherLog(log, [newest])
    // If the log can't be asked, it is asked again later.
    if (E.isLeft(found) || isStopped) return
    checked = reconnects
    if (found.right === null) return
    logger.error({ why: found.right }, 'another log answers: the rooms of this server start over')
    await startOver()
  }
  let isLooking = false
  const looking = setInterval(() => {
    if (isLooking) return
    isLooking = true
    holdToLog()
      .catch((error) => logger.warn({ error: reasonOf(error) }, 'the log could not be looked at'))
      .finally(() => {
        isLooking = false
      })
  }, deps.lookMs ?? LOOK_MS)
  looking.unref()

  return {
    state: () => {
      const state = subscription.state()
      return { ...state, reconnects: resumed + state.reconnects }
    },
    stop: async () => {
      isStopped = true
      clearInterval(looking)
      await subscription.stop()
      await following
    },
  }
}
