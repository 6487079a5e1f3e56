/** All the projections that the projector keeps, folded over a batch at once. The audit log is apart: it takes every
 *  event as recorded. */
import { AUDIT_TABLE } from './audit/fold.ts'
import { bans } from './bans/fold.ts'
import { chat } from './chat/fold.ts'
import { permissions } from './permissions/fold.ts'
import type { Projection, Statement, Table, Told } from './projection.ts'
import { sessions } from './sessions/fold.ts'
import { settings } from './settings/fold.ts'
import { spaces } from './spaces/fold.ts'

// biome-ignore lint/suspicious/noExplicitAny: each projection's changes are its own business
const PROJECTIONS: ReadonlyArray<Projection<any>> = [spaces, sessions, permissions, bans, settings, chat]

/** Every table that the log says in full, with its key: what a rebuild makes anew and a comparison compares. */
export const TABLES: ReadonlyArray<Table> = [...PROJECTIONS.flatMap(({ tables }) => tables), AUDIT_TABLE]

/** The statements that write these events' changes, in order. */
export const statementsFor = (events: ReadonlyArray<Told>): ReadonlyArray<Statement> =>
  PROJECTIONS.flatMap((projection) => {
    const changes = projection.start()
    for (const told of events) projection.fold(changes, told)
    return projection.write(changes)
  })
