/** Handles what a member sends: refuses what is too much, carries out and answers the rest. */
import type { Clock } from '../../domain/ports.ts'
import { type Logger, type Metrics, reasonOf } from '../observing.ts'
import { type Described, invalid } from '../refusals.ts'
import { type Bucket, type TokenRate, take } from '../token-bucket.ts'
import { type Ack, type Answer, answer, failed, told } from './answers.ts'
import type { Member } from './member.ts'
import type { Requests } from './requests.ts'

/** If a socket has more refused than accepted packets by this number, it does not listen to `slow_down` and is closed. */
const MAX_EXCESS = 2_000
/** How many packets of one socket may wait for answers: requests must not pile up while the log is away. */
const MAX_PENDING = 512
const SLOW_DOWN: Described = {
  status: 429,
  code: 'slow_down',
  error: 'Too many packets: try again in 1 s.',
  retry_after: 1,
}

export type Receive = (member: Member, name: string, payload: unknown, ack: Ack | null) => void

export const createReceive = (deps: {
  readonly requests: Requests
  readonly packets: TokenRate
  /** The limit of all sockets of a network, and the bucket from which a member's packets are taken. */
  readonly ofNetwork: TokenRate
  readonly sharedBy: (member: Member) => Bucket | null
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: Metrics
}): Receive => {
  const { requests, clock, logger, metrics, sharedBy } = deps

  /** A promise of the answer, or null if it was sent at once. */
  const respond = (member: Member, name: string, payload: unknown, ack: Ack | null): Promise<void> | null => {
    const { line } = member
    const request = requests.get(name)
    if (request === undefined) {
      answer(line, 'space', ack, told(invalid('event', 'There is no such event.')))
      return null
    }
    const failing = (error: unknown): void => {
      logger.error({ event: name, error: reasonOf(error) }, 'a packet could not be handled')
      metrics.count?.('presence_socket_failures', 1)
      const given = failed({ _tag: 'Unavailable', what: 'eventstore', cause: reasonOf(error) })
      answer(line, request.channel, ack, given)
    }
    const handle = () => request.handle(member, payload)
    const tell = (given: Answer): void => answer(line, request.channel, ack, given)
    try {
      const given = request.waits && member.busy !== null ? member.busy.then(handle) : handle()
      if (given instanceof Promise) return given.then(tell).catch(failing)
      tell(given)
    } catch (error) {
      failing(error)
    }
    return null
  }

  return (member, name, payload, ack) => {
    const { line } = member
    line.guard()
    const now = clock.now()
    const shared = sharedBy(member)
    const isPaced =
      take(member.bucket, deps.packets, now) && (shared === null || take(shared, deps.ofNetwork, now))
    if (!isPaced || member.pending >= MAX_PENDING) {
      member.excess += 1
      metrics.count?.('presence_packets_in_excess', 1)
      if (member.excess > MAX_EXCESS) line.close()
      else answer(line, 'space', ack, told(SLOW_DOWN))
      return
    }
    member.excess = Math.max(0, member.excess - 1)
    const answering = respond(member, name, payload, ack)
    if (answering === null) return
    member.pending += 1
    answering
      .catch((error) =>
        logger.error({ event: name, error: reasonOf(error) }, 'a packet could not be answered'),
      )
      .finally(() => {
        member.pending -= 1
      })
  }
}
