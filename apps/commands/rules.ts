/** What the rules of spaces, chats and cases have in common: how a command is passed to the decider, what is done about
 *  a refusal, and ids that callers chose. */
import type { Metrics } from '../../adapters/observing.ts'
import type { CaseRefusal } from '../../domain/cases/refusals.ts'
import type { SentCommand } from '../../domain/commands.ts'
import type { CommandRequest, OnAccepted, RecordedEvent } from '../../domain/ports.ts'
import { codeOf } from '../../domain/refused.ts'
import type { ContentFacts } from '../../domain/space/commands.ts'
import type { SpaceRefusal } from '../../domain/space/refusals.ts'
import type { AnyRequest, Basis, Recording } from './recording.ts'
import type { RefusalLog } from './refusal-log.ts'
import { isSame, wholeDigest } from './same-command.ts'

export type RulesParts = {
  readonly recording: Recording
  readonly refusals: RefusalLog
  readonly metrics: Metrics
  readonly onAccepted: OnAccepted
}

type Named<Command> = {
  readonly job: { readonly request: CommandRequest<Command> }
  readonly content: ContentFacts
}
/** The command in the form that the deciders expect. */
export const askedOf = <Command>({ job, content }: Named<Command>, at: string) => ({
  id: job.request.id,
  by: job.request.by,
  at,
  content,
  command: job.request.command,
})

const NOTHING = () => null

/** What is done about a refusal besides answering it. */
export const onRefused = (
  { recording, refusals, metrics }: RulesParts,
  request: AnyRequest,
  refusal: CaseRefusal,
  basis: Basis & { readonly facts: ContentFacts },
): (() => Promise<void> | null) => {
  const note = () => recording.refusalOf(request, refusal, basis)
  metrics.count?.('commands_refused', 1, { reason: codeOf(refusal) })
  switch (refusal._tag) {
    // A malformed request is not an act in the space, and is not recorded.
    case 'Invalid':
      return NOTHING
    case 'SpaceNotFound':
      // Neither the answer nor its time nor the log's growth may reveal whether a private space exists.
      return () => {
        void refusals.record(note())
        return null
      }
    case 'SlowDown':
      return () => {
        refusals.summarise(note())
        return null
      }
    default:
      return () => refusals.record(note())
  }
}

/** The rules that are the same for every kind of stream. */
export const commonRules = ({ metrics }: RulesParts) => ({
  tooLarge: (maxBytes: number): SpaceRefusal => ({
    _tag: 'Invalid',
    field: 'request',
    detail: `What this would write is larger than the ${maxBytes} bytes that the log takes at once.`,
  }),
  unknown: (): SpaceRefusal => ({ _tag: 'SpaceNotFound' }),
  isSame: ({ command }: { readonly command: SentCommand }, happened: ReadonlyArray<RecordedEvent>) =>
    isSame(command, happened),
  digest: ({ command }: { readonly command: SentCommand }): string => wholeDigest(command),
  idReused: (): SpaceRefusal => {
    metrics.count?.('commands_refused', 1, { reason: 'invalid_idempotency_key' })
    return {
      _tag: 'Invalid',
      field: 'idempotency_key',
      detail: 'This Idempotency-Key was used for another call: take a new one.',
    }
  },
})
