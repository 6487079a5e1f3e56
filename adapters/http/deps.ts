/** What the HTTP server is given. */

import type { KeyObject } from 'node:crypto'
import type { Either } from 'fp-ts/lib/Either.js'
import type { Registry } from 'prom-client'
import type { SpaceRef } from '../../domain/names.ts'
import type { Archived, Clock, Commands, Content, EventLog, Ids } from '../../domain/ports.ts'
import type { Moments } from '../../projections/history/moments.ts'
import type { Proofs } from '../../projections/proof/proofs.ts'
import type { ReadModels } from '../../projections/read-models.ts'
import type { Auth } from '../auth/authenticate.ts'
import type { Logger } from '../logger.ts'
import type { MotionReader } from '../motion/store.ts'
import type { Outside } from '../outside/registry.ts'
import type { TurnService } from '../turn/turn.ts'
import type { Looks } from './audit-reads.ts'

/** One part's state. `vital`: without it the process can't do its work. More fields (a lag, an error) are shown. */
export type Check = { readonly ok: boolean; readonly vital: boolean } & Readonly<Record<string, unknown>>
export type Checks = Readonly<Record<'eventstore' | 'postgres' | 'redis' | 'projections' | 'turn', Check>> &
  Readonly<Partial<Record<'keys' | 'notices' | 'content', Check>>>

export type HttpConfig = {
  /** The name of this process: in every answer. */
  readonly nodeId: string
  /** How browsers reach the server; no slash at the end. */
  readonly publicUrl: string
  readonly corsOrigins: ReadonlyArray<string>
  /** Proxies whose X-Forwarded-For is believed; empty for none. */
  readonly trustProxy: ReadonlyArray<string>
  readonly systemAdmins: ReadonlyArray<string>
  readonly auditors: ReadonlyArray<string>
  readonly version: string
  /** The token that gives access to metrics and to the details of health. Null: only this machine has access. */
  readonly operatorToken?: string | null
  /** Requests that one address may send in a minute. Default 6,000. */
  readonly requestsPerMinute?: number
  /** Of these, such as cost much (`costly.ts`). Default 600. */
  readonly costlyPerMinute?: number
  /** Bytes. Default 65,536. */
  readonly bodyLimit?: number
}

export type EvidenceAsked = {
  readonly space: SpaceRef
  readonly from: Date | null
  readonly to: Date | null
  /** Whose words are shown; null for everybody's. */
  readonly wordsOf: ReadonlyArray<string> | null
}

/** Why there is no file: the room has more events than one may have, or none; or what is needed can't be asked now. */
export type NoEvidence =
  | { readonly why: 'too many'; readonly most: number }
  | { readonly why: 'none' }
  | { readonly why: 'unavailable'; readonly cause: string }

export type HttpDeps = {
  readonly config: HttpConfig
  readonly commands: Commands
  readonly content: Content
  readonly readModels: ReadModels
  /** Checkpoints and proofs of the log; where there are none, their calls are not there. */
  readonly proofs?: Proofs
  /** A room's record as one HTML file; where there is none, its call is not there. Left: it has more events than that. */
  readonly evidence?: (asked: EvidenceAsked) => Promise<Either<NoEvidence, string>>
  /** Rooms at any moment; where there are none, their calls are not there. */
  readonly moments?: Moments
  /** Rooms' motion that was kept; where there is none, no replay has any. */
  readonly motion?: MotionReader
  /** What is not on the log any more after that place, and where it is. */
  readonly archivedAfter?: (after: bigint | 'start') => Promise<Archived | null>
  /** What the feed follows; where there is none, its call is not there. */
  readonly feedLog?: Pick<EventLog, 'subscribe' | 'readAll'>
  /** Keys and subscriptions; where there are none, their calls are not there. */
  readonly outside?: Outside
  /** The key from which the secrets of subscriptions are made. */
  readonly webhookKey?: KeyObject
  /** Puts looks at the audit log on the log. */
  readonly looks: Looks
  /** Where those in a space stood last, by session id; where it is not known, as they came. */
  readonly positions?: (space: SpaceRef) => Promise<ReadonlyMap<string, unknown>>
  readonly auth: Auth
  readonly turn: TurnService
  readonly health: () => Promise<Checks>
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
  readonly metrics: Registry
}
