/** The dependencies of the HTTP server. */

import type { KeyObject } from 'node:crypto'
import type { Either } from 'fp-ts/lib/Either.js'
import type { Registry } from 'prom-client'
import type { SpaceRef } from '../../domain/names.ts'
import type { Archived, Clock, Commands, Content, EventLog, Ids } from '../../domain/ports.ts'
import type { Moments } from '../../projections/history/moments.ts'
import type { Proofs } from '../../projections/proof/proofs.ts'
import type { Witnesses } from '../../projections/proof/witnesses.ts'
import type { ReadModels } from '../../projections/read-models.ts'
import type { Auth } from '../auth/authenticate.ts'
import type { Logger } from '../logger.ts'
import type { MotionReader } from '../motion/store.ts'
import type { Outside } from '../outside/registry.ts'
import type { Sfu } from '../sfu/sfu.ts'
import type { TurnService } from '../turn/turn.ts'
import type { Looks } from './audit-reads.ts'

/** One part's state. `vital`: without it the process can't do its work. Further fields (a lag, an error) are shown. */
export type Check = { readonly ok: boolean; readonly vital: boolean } & Readonly<Record<string, unknown>>
export type Checks = Readonly<Record<'eventstore' | 'postgres' | 'redis' | 'projections' | 'turn', Check>> &
  Readonly<Partial<Record<'keys' | 'notices' | 'content' | 'sfu', Check>>>

export type HttpConfig = {
  /** The name of this process, which is in every answer. */
  readonly nodeId: string
  /** How browsers reach the server; no slash at the end. */
  readonly publicUrl: string
  readonly corsOrigins: ReadonlyArray<string>
  /** Proxies whose X-Forwarded-For is believed; empty for none. */
  readonly trustProxy: ReadonlyArray<string>
  readonly systemAdmins: ReadonlyArray<string>
  readonly auditors: ReadonlyArray<string>
  readonly version: string
  /** How many days an erasure waits that a person asked for themselves. Default 0. */
  readonly erasureWaitDays?: number
  /** The token that gives access to metrics and to the details of health. Null: only this machine has access. */
  readonly operatorToken?: string | null
  /** Requests that one address may send in a minute. Default 6,000. */
  readonly requestsPerMinute?: number
  /** How many of these may be expensive (`costly.ts`). Default 600. */
  readonly costlyPerMinute?: number
  readonly pagesPerMinute?: number
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

/** Why there is no file: the room has too many events, or none; or something that is needed does not answer now. */
export type NoEvidence =
  | { readonly why: 'too many'; readonly most: number }
  | { readonly why: 'none' }
  | { readonly why: 'unavailable'; readonly cause: string }

export type HttpDeps = {
  readonly config: HttpConfig
  readonly commands: Commands
  readonly content: Content
  readonly readModels: ReadModels
  /** Checkpoints and proofs of the log; without it, their routes do not exist. */
  readonly proofs?: Proofs
  /** The witnesses who cosign the log's checkpoints. Default: none. */
  readonly witnesses?: Witnesses
  /** A room's record as one HTML file; without it, its route does not exist. Left: why there is no file. */
  readonly evidence?: (asked: EvidenceAsked) => Promise<Either<NoEvidence, string>>
  /** Rooms at any moment; without it, their routes do not exist. */
  readonly moments?: Moments
  /** The motion that was kept of rooms; without it, no replay has any. */
  readonly motion?: MotionReader
  /** The archive with what is no longer on the log after that place. */
  readonly archivedAfter?: (after: bigint | 'start') => Promise<Archived | null>
  /** The log that the feed follows; without it, its route does not exist. */
  readonly feedLog?: Pick<EventLog, 'subscribe' | 'readAll'>
  /** Keys and subscriptions; without it, their routes do not exist. */
  readonly outside?: Outside
  /** The key from which the secrets of subscriptions are made. */
  readonly webhookKey?: KeyObject
  /** Puts looks at the audit log on the log. */
  readonly looks: Looks
  /** The latest positions of people in a space, by session id; if a position is not known, the one that they joined with counts. */
  readonly positions?: (space: SpaceRef) => Promise<ReadonlyMap<string, unknown>>
  readonly auth: Auth
  readonly turn: TurnService
  /** The media server of large rooms, whose webhooks are taken. Default: none. */
  readonly sfu?: Sfu
  readonly health: () => Promise<Checks>
  readonly clock: Clock
  readonly ids: Ids
  readonly logger: Logger
  readonly metrics: Registry
}
