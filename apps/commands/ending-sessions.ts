/** Ends sessions whose process or socket is gone, as the system. */

import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import type { Metrics } from '../../adapters/observing.ts'
import { derivedUuid } from '../../domain/ids.ts'
import type { SpaceRef } from '../../domain/names.ts'
import type { Commands } from '../../domain/ports.ts'
import type { LeaveSpace } from '../../domain/space/commands.ts'
import type { ReadModels } from '../../projections/read-models.ts'

export type SessionAt = { readonly space: SpaceRef; readonly sessionId: string }

const SYSTEM = { kind: 'system', id: 'leases' } as const
const AT_ONCE = 200

export type EndingSessions = {
  /** Returns how many could not be ended. */
  readonly leave: (
    sessions: ReadonlyArray<SessionAt>,
    reason: LeaveSpace['reason'],
    boot: string,
  ) => Promise<number>
  /** The sessions that the read model knows; null if it can't be asked. */
  readonly sessionsOf: (boot: string) => Promise<ReadonlyArray<SessionAt> | null>
}

export const createEndingSessions = (deps: {
  readonly commands: Pick<Commands, 'space'>
  readonly models: Pick<ReadModels, 'sessionsOfBoot'>
  readonly metrics: Metrics
}): EndingSessions => {
  const { commands, models, metrics } = deps

  /** Sessions of spaces that can no longer be read: they can't be ended, and are not tried again. */
  const unendable = new Set<string>()

  const leave = async (
    sessions: ReadonlyArray<SessionAt>,
    reason: LeaveSpace['reason'],
    boot: string,
  ): Promise<number> => {
    let failed = 0
    for (let i = 0; i < sessions.length; i += AT_ONCE) {
      const answers = await Promise.all(
        sessions.slice(i, i + AT_ONCE).map(({ space, sessionId }) =>
          commands.space({
            by: SYSTEM,
            // The same id whoever sends it, so that it is one command even if sent twice.
            id: derivedUuid((text) => hash('sha1', text, 'hex'), `${reason} ${boot} ${sessionId}`),
            space,
            command: { type: 'LeaveSpace', sessionId, reason },
          })(),
        ),
      )
      failed += answers.filter(E.isLeft).length
      for (const [k, answer] of answers.entries())
        if (E.isLeft(answer) && answer.left._tag === 'Broken') {
          unendable.add(sessions[i + k]!.sessionId)
          failed -= 1
        }
    }
    const left = sessions.length - failed
    if (left > 0) metrics.count?.('sessions_ended', left, { reason })
    return failed
  }

  const sessionsOf = async (boot: string): Promise<ReadonlyArray<SessionAt> | null> => {
    const rows = await models.sessionsOfBoot(boot)()
    if (E.isLeft(rows)) return null
    return rows.right
      .filter(({ session_id }) => !unendable.has(session_id))
      .map(({ space, session_id }) => ({ space, sessionId: session_id }))
  }

  return { leave, sessionsOf }
}
