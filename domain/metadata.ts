/** What every event carries beside its data. */
import * as t from 'io-ts'
import { Grounds } from './grounds.ts'
import { Actor } from './identity.ts'
import { KeptFacts, SeenRevisions } from './space/facts.ts'
import { Time } from './time.ts'

export { Grounds }

export const Metadata = t.intersection([
  t.type({
    $correlationId: t.string,
    $causationId: t.string,
    command: t.type({ id: t.string, type: t.string }),
    actor: Actor,
    node: t.string,
    at: Time,
    schema: t.number,
  }),
  t.partial({
    client: t.partial({ ip: t.string, userAgent: t.string }),
    grounds: Grounds,
    /** Set where the caller chose the command's id: a digest of what was asked for, without a message's words. */
    asked: t.string,
    /** What the content said, if neither the space's opening nor the grounds show it. */
    content: KeptFacts,
    /** The number of the rules that the decision was made by, if they are not the first (`rules.ts`). */
    rules: t.number,
    /** Padding, so that refusals can't be told apart by their length. */
    pad: t.string,
    /** The revisions that the decision saw, if the event's own place does not show them. */
    seen: SeenRevisions,
  }),
])
export type Metadata = t.TypeOf<typeof Metadata>

/** The schema of every event written today. `upcast.ts` converts older ones. */
export const SCHEMA = 1
