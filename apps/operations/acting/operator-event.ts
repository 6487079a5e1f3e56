/** An event that an operator's command puts on the log itself: it is no decision of a decider. */
import type { NewEvent } from '../../../domain/ports.ts'

export type OperatorEvent = {
  readonly id: string
  readonly type: string
  readonly data: object
  /** The command that it comes from. */
  readonly command: string
  /** Who runs the command. */
  readonly by: string
  /** ISO 8601; the event's data has it too. */
  readonly at: string
}

export const operatorEvent = ({ id, type, data, command, by, at }: OperatorEvent): NewEvent => ({
  id,
  type,
  data: { ...data, at },
  metadata: {
    $correlationId: id,
    $causationId: id,
    command: { id, type: command },
    actor: { kind: 'system', id: by },
    node: 'cli',
    at,
    schema: 1,
  },
})
