/** All the projections that the projector maintains, folded over a batch at once. The audit log is separate: it takes
 *  every event as recorded. */
import { AUDIT_TABLE } from './audit/fold.ts'
import { banLists } from './ban-lists/fold.ts'
import { bans } from './bans/fold.ts'
import { cases } from './cases/fold.ts'
import { chat } from './chat/fold.ts'
import type { Copy } from './copy.ts'
import { entities } from './entities/fold.ts'
import { motion } from './motion/fold.ts'
import { permissions } from './permissions/fold.ts'
import type { PlacedEvent, Projection, Statement, Table } from './projection.ts'
import { PROOF_TABLES } from './proof/tree.ts'
import { queue } from './queue/fold.ts'
import { sessions } from './sessions/fold.ts'
import { settings } from './settings/fold.ts'
import { spaces } from './spaces/fold.ts'

// biome-ignore lint/suspicious/noExplicitAny: each projection's changes are its own business
const PROJECTIONS: ReadonlyArray<Projection<any>> = [
  spaces,
  sessions,
  permissions,
  bans,
  settings,
  entities,
  motion,
  chat,
  cases,
  queue,
  banLists,
]

/** Every table that derives from the log alone, with its key: these can be rebuilt and compared. */
export const TABLES: ReadonlyArray<Table> = [
  ...PROJECTIONS.flatMap(({ tables }) => tables),
  AUDIT_TABLE,
  ...PROOF_TABLES,
]

/** What can be rebuilt alone: a projection, or the audit log with the log's tree. */
export const PROJECTION_NAMES: ReadonlyArray<string> = [...PROJECTIONS.map(({ name }) => name), 'audit']
export type Only = string | undefined

/** The tables of one of `PROJECTION_NAMES`; all tables if none is named. */
export const tablesOf = (only: Only): ReadonlyArray<Table> =>
  only === undefined
    ? TABLES
    : only === 'audit'
      ? [AUDIT_TABLE, ...PROOF_TABLES]
      : (PROJECTIONS.find(({ name }) => name === only)?.tables ?? [])

export type BatchWrites = {
  readonly copies: ReadonlyArray<Copy>
  readonly statements: ReadonlyArray<Statement>
}

/** What writes these events' changes: copies, then statements, in order. `fresh`: the rows are surely new, so COPY may
 *  be tried; if it meets a row that is not, write again without it. */
export const writesFor = (events: ReadonlyArray<PlacedEvent>, fresh: boolean, only?: Only): BatchWrites => {
  const copies: Copy[] = []
  const statements: Statement[] = []
  for (const projection of PROJECTIONS) {
    if (only !== undefined && projection.name !== only) continue
    let changes = projection.start()
    for (const told of events) projection.fold(changes, told)
    const copied = fresh ? (projection.copy?.(changes) ?? null) : null
    if (copied !== null) {
      copies.push(copied.copy)
      changes = copied.rest
    }
    statements.push(...projection.write(changes))
  }
  return { copies, statements }
}
