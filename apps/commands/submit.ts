/** The entrance of the command path: checks limits, gets the content's facts and the caller's key; then the command
 *  joins its stream's queue. */

import * as E from 'fp-ts/lib/Either.js'
import type { Metrics } from '../../adapters/observing.ts'
import type { CaseRefusal } from '../../domain/cases/refusals.ts'
import type { SentCommand } from '../../domain/commands.ts'
import type { Subject } from '../../domain/identity.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { Clock, CommandError, CommandRequest, Content, ContentError } from '../../domain/ports.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import { asksContent, NO_FACTS } from '../../domain/space/facts.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { CommandResult } from './jobs.ts'
import type { Limiter } from './limits.ts'
import type { Mailbox } from './mailbox.ts'
import { keyOf } from './recent-commands.ts'
import type { AnyRequest, Basis } from './recording.ts'

/** The keys that a caller must have before their command may join a group, so that nobody else waits for them. */
export type PersonalKeys = {
  readonly has: (subject: Subject) => boolean
  readonly ask: (subject: Subject) => Promise<E.Either<ContentError, void>>
}

/** A tag of the caller's network, which the rules may know. */
export type NetworkTag = (ip: string) => string

export type SubmitParts = {
  /** Null: no limits. */
  readonly limiter: Limiter | null
  readonly content: Content
  readonly clock: Clock
  readonly now: () => number
  readonly metrics: Metrics
  readonly keys: PersonalKeys | undefined
  readonly networkTag: NetworkTag | undefined
  readonly maxQueue: number
  /** Called for each command that the limits refused. */
  readonly onLimited: (request: AnyRequest, refusal: CaseRefusal, basis: Basis) => void
}

const ASKED_OF_GUESTS: ReadonlySet<string> = new Set(['PostMessage', 'JoinSpace', 'FileReport'])
/** Adds the network to commands whose rules need it: those of guests, who may be somebody new with each call. */
const withNetwork = <C extends SentCommand>(
  request: CommandRequest<C>,
  tag: NetworkTag | undefined,
): CommandRequest<C> => {
  const { command, client, by } = request
  const asksOfGuests = ASKED_OF_GUESTS.has(command.type)
  const asks = command.type === 'EnterSpace' || (asksOfGuests && by.kind === 'guest')
  if (!asks || tag === undefined || client?.ip === undefined) return request
  return { ...request, command: { ...command, network: tag(client.ip) } }
}

/** Whether the server sends the command: what it does for somebody who has left must not wait for their allowance. */
const isServers = (command: SentCommand): boolean =>
  command.type === 'LeaveSpace' && command.reason !== 'left'

const slowDown = (seconds: number): E.Either<CommandError<SpaceRefusal>, never> =>
  E.left({
    _tag: 'Refused',
    refusal: { _tag: 'SlowDown', retryAfterSeconds: Math.max(1, Math.ceil(seconds)) },
  })

/** Only for callers who may be there by the content alone: for others, an existing space must not take longer than one
 *  that does not exist. */
const askForKey = async (
  keys: PersonalKeys,
  subject: Subject,
  facts: Promise<E.Either<ContentError, ContentFacts>>,
): Promise<E.Either<ContentError, void>> => {
  const known = await facts
  if (E.isLeft(known)) return known
  const { exists, visibility, role } = known.right
  return exists && (visibility === 'public' || role !== null) ? keys.ask(subject) : E.right(undefined)
}

export const createSubmit = (parts: SubmitParts) => {
  const { limiter, content, clock, now, metrics, keys, networkTag, maxQueue, onLimited } = parts

  const limited = (request: AnyRequest, retryAfterSeconds: number): void => {
    metrics.count?.('commands_limited', 1, { command: request.command.type })
    onLimited(
      request,
      { _tag: 'SlowDown', retryAfterSeconds },
      {
        at: new Date(clock.now()).toISOString(),
        grounds: { role: 'none', via: 'none' },
        facts: null,
        opened: null,
        isOpening: false,
        seen: null,
      },
    )
  }

  const factsFor = ({ command, space, by }: AnyRequest): Promise<E.Either<ContentError, ContentFacts>> =>
    asksContent(command)
      ? content
          .factsFor(space, by.kind === 'system' ? null : by)()
          .catch((error) => E.left({ _tag: 'ContentUnavailable' as const, cause: String(error) }))
      : Promise.resolve(E.right(NO_FACTS))

  /** `mailboxFor` is called again if the caller's key had to be waited for: the mailbox may have been dropped. */
  return <State, Command extends SentCommand, Event, Refusal>(
    sent: CommandRequest<Command>,
    mailboxFor: (space: SpaceRef) => Mailbox<State, Command, Event, Refusal>,
  ): Promise<CommandResult<Event, Refusal | SpaceRefusal>> => {
    const request = withNetwork(sent, networkTag)
    const { command, space, by } = request
    if (limiter !== null && !isServers(command)) {
      const seconds = limiter.take(request)
      if (seconds > 0) {
        limited(request, seconds)
        return Promise.resolve(slowDown(seconds))
      }
    }
    const mailbox = mailboxFor(space)
    if (mailbox.queued() >= maxQueue && by.kind !== 'system' && !isServers(command)) {
      metrics.count?.('commands_shed', 1)
      return Promise.resolve(slowDown(1))
    }
    const facts = factsFor(request)
    metrics.count?.('commands', 1, { command: command.type })
    const put = (to: Mailbox<State, Command, Event, Refusal>) =>
      new Promise<CommandResult<Event, Refusal | SpaceRefusal>>((answer) => {
        to.put({ request, key: keyOf(by, request.id), facts, queuedAt: now(), answer })
      })
    if (keys === undefined || by.kind === 'system' || keys.has(by.id)) return put(mailbox)
    const seconds = isServers(command) ? 0 : (limiter?.takeKey(request) ?? 0)
    if (seconds > 0) {
      limited(request, seconds)
      return Promise.resolve(slowDown(seconds))
    }
    return askForKey(keys, by.id, facts).then((has) => {
      if (E.isRight(has)) return put(mailboxFor(space))
      return E.left({ _tag: 'Unavailable', what: 'postgres', cause: has.left.cause })
    })
  }
}
