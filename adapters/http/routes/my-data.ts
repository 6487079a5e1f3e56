/** Everything that is held on a person, as lines of JSON, a kind after another, each read page by page. */
import * as E from 'fp-ts/lib/Either.js'
import { CASE_COMMAND_NAMES } from '../../../domain/cases/commands.ts'
import { APPEAL_DAYS } from '../../../domain/cases/state.ts'
import type { Caller } from '../../../domain/identity.ts'
import { CASES_PREFIX } from '../../../domain/names.ts'
import { holdsOn, type OutsideState } from '../../../domain/outside/state.ts'
import type { Held } from '../../../projections/people/rows.ts'
import type { AuditRow, Page, ReadResult } from '../../../projections/read-models.ts'
import type { HttpDeps } from '../deps.ts'
import { isOwn, withoutHidden } from './audit.ts'
import { receiptView } from './case-shapes.ts'
import { erasureView, holdView } from './people-shapes.ts'

const PAGE = 1_000

type Line = Readonly<Record<string, unknown>> & { readonly kind: string }
type Lines = AsyncGenerator<ReadonlyArray<Line>>

/** The answer has begun, so an error can only cut it short, which the caller notices. */
const orThrow = async <A>(read: ReadResult<A>): Promise<A> => {
  const found = await read()
  if (E.isLeft(found)) throw new Error(found.left.cause)
  return found.right
}

async function* pagesOf<A>(read: (cursor: string | null) => ReadResult<Page<A>>) {
  for (let cursor: string | null = null; ; ) {
    const page: Page<A> = await orThrow(read(cursor))
    yield page.items
    cursor = page.next_cursor
    if (cursor === null) return
  }
}
async function* all<A extends object>(
  kind: string,
  read: (cursor: string | null) => ReadResult<Page<A>>,
  shown: (row: A) => object = (row) => row,
): Lines {
  for await (const rows of pagesOf(read)) yield rows.map((row) => ({ kind, ...shown(row) }))
}

/** Rows about reports, cases and appeals are given to their actor alone. */
const isOfCases = ({ stream, action, details }: AuditRow): boolean => {
  if (stream.startsWith(CASES_PREFIX)) return true
  const { command } = (details ?? {}) as { readonly command?: unknown }
  return action === 'CommandRefused' && CASE_COMMAND_NAMES.some((name) => name === command)
}
async function* entries(deps: HttpDeps, caller: Caller): Lines {
  const { readModels } = deps
  // Events that are appended while the answer is sent are not part of it.
  const upTo = (await orThrow(readModels.checkpoint())).position ?? 0n
  const read = (cursor: string | null) =>
    readModels.audit({ account: caller.id, order: 'oldest', knownOnly: true, upTo, limit: PAGE, cursor })
  for await (const rows of pagesOf(read)) {
    const visible = await withoutHidden(deps, rows, caller)
    yield visible
      .filter((row) => isOwn(row, caller) || !isOfCases(row))
      // Other people's addresses and browsers are not given.
      .map((row) => (isOwn(row, caller) ? row : { ...row, ip_address: null, user_agent: null }))
      .map((row) => ({ kind: 'entry', ...row }))
  }
}

/** Throws if Postgres can't be read to the end. */
export async function* everythingOn(
  deps: HttpDeps,
  { held, state }: { readonly held: Held; readonly state: OutsideState },
  caller: Caller,
): Lines {
  const { readModels } = deps
  const { id } = caller
  const now = deps.clock.now()
  const { rooms, keys, ...counts } = held
  const waiting = state.erasures.get(id)
  yield [
    { kind: 'person', subject: id, at: new Date(now).toISOString(), ...counts },
    ...rooms.map((room) => ({ kind: 'room', ...room })),
    ...keys.map((key) => ({ kind: 'key', ...key })),
    ...holdsOn(state, id).map((hold) => ({ kind: 'hold', ...holdView(hold) })),
    ...(waiting === undefined ? [] : [{ kind: 'erasure', ...erasureView(waiting) }]),
  ]
  yield* all('report', (cursor) => readModels.reportsBy(id, { limit: PAGE, cursor }))
  yield* all(
    'receipt',
    (cursor) => readModels.receipts(id, { limit: PAGE, cursor }),
    (row) => receiptView(row, APPEAL_DAYS, now),
  )
  yield* all('look', (cursor) => readModels.looksAt(id, { limit: PAGE, cursor }))
  yield* entries(deps, caller)
}
