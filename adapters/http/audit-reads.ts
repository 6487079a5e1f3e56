/** Records who looked at what of the audit log, before they see it. */
import * as E from 'fp-ts/lib/Either.js'
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { AuditRead } from '../../domain/audited.ts'
import { accessStream, type SpaceRef } from '../../domain/names.ts'
import type { Clock, CommandError, EventLog, Ids, Sender } from '../../domain/ports.ts'

export type Look = Pick<AuditRead['data'], 'call' | 'filters' | 'rows'> & {
  readonly sender: Sender
  /** Null for all spaces. */
  readonly space: SpaceRef | null
}
export interface Looks {
  /** Left: it is not known to be on the log, so nothing may be shown. */
  readonly record: (look: Look) => TaskEither<CommandError<never>, void>
}

const TRIES = 4

export const createLooks = (deps: {
  readonly log: Pick<EventLog, 'append'>
  readonly clock: Clock
  readonly ids: Ids
  readonly nodeId: string
}): Looks => ({
  record:
    ({ sender, space, call, filters, rows }) =>
    async () => {
      const id = deps.ids.uuid()
      const at = new Date(deps.clock.now()).toISOString()
      const data: AuditRead['data'] = { call, filters, rows, at }
      const event = {
        id,
        type: 'AuditRead',
        data,
        metadata: {
          $correlationId: sender.correlationId ?? id,
          $causationId: id,
          command: { id, type: 'ReadAudit' },
          actor: { kind: sender.by.kind, id: sender.by.id },
          node: deps.nodeId,
          at,
          schema: 1,
          ...(sender.client === undefined ? {} : { client: sender.client }),
        },
      }
      // Under one id, so that a second try is no second look.
      for (let tries = 1; ; tries += 1) {
        const written = await deps.log.append(accessStream(space), 'any', [event])()
        if (E.isRight(written)) return E.right(undefined)
        if (written.left._tag !== 'OutcomeUnknown' || tries === TRIES)
          return E.left({ _tag: 'Unavailable', what: 'eventstore', cause: `a look: ${written.left._tag}` })
      }
    },
})
