/** States of rooms in the form of bundles, signed and kept as rooms go on or where an export folded them, so that an
 *  export need not begin at the room's beginning. */
import { hash } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { sql } from 'slonik'
import type { DatabaseSession } from '../../../adapters/postgres/session.ts'
import type { RoomStreamKind } from '../../../domain/names.ts'
import type { EventLog, RecordedEvent } from '../../../domain/ports.ts'
import { provedJson } from '../../../projections/audit/canonical.ts'
import { openNote, type Signer, signNote, verifierOf } from '../../../projections/proof/note.ts'
import { type BundleState, stateFromJson, stateToJson } from '../../../projections/proof/state.ts'

/** A state is kept after this many events of a stream. */
export const KEEP_EVERY = 10_000
const PAGE = 1_000

/** A stream from a revision on, up to a position of the log; the next page is read while one is processed. */
export async function* eventsOfStream(
  log: EventLog,
  stream: string,
  revision: number,
  upTo: bigint,
): AsyncGenerator<RecordedEvent, void> {
  type Page = Awaited<ReturnType<ReturnType<EventLog['readStream']>>>
  const read = (from: bigint): Promise<Page> => log.readStream(stream, { from, limit: PAGE })()
  let from = BigInt(revision)
  let next: Promise<Page> | null = read(from)
  while (next !== null) {
    const page: Page = await next
    if (E.isLeft(page)) {
      if (page.left._tag === 'StreamDeleted') return
      throw new Error(`The log can't be read: ${page.left.cause}`)
    }
    const last = page.right.at(-1)
    next =
      last === undefined || page.right.length < PAGE || last.position > upTo ? null : read(last.revision + 1n)
    // A failure is handled where it is awaited.
    next?.catch(() => {})
    for (const event of page.right) {
      if (event.position > upTo) return
      if (event.revision >= from) yield event
    }
    if (last !== undefined) from = last.revision + 1n
  }
}

export type KeptStates = {
  /** The last state kept of a stream from before a time and up to a position; null if there is no reliable one. */
  readonly before: (
    stream: string,
    kind: RoomStreamKind,
    from: string,
    upTo: bigint,
  ) => Promise<BundleState | null>
  /** `lastId`: the id of the last event in it. */
  readonly keep: (stream: string, kind: RoomStreamKind, state: BundleState, lastId: string) => Promise<void>
}

/** Newer than any time that an event says. */
export const ANY_TIME = '\uffff'
export const ANY_PLACE = 2n ** 63n

export const keptStates = (session: DatabaseSession, log: EventLog, signer: Signer): KeptStates => {
  const noteText = (stream: string, revision: number, lastId: string, state: string): string =>
    `dlux-presence-state v1\n${signer.name}\n${stream} ${revision} ${lastId}\n${hash('sha256', state, 'base64')}\n`
  return {
    before: async (stream, kind, from, upTo) => {
      const [row] = await session.run(sql.unsafe`SELECT revision, state, note FROM proof_states
        WHERE stream = ${stream} AND latest < ${from} ORDER BY revision DESC LIMIT 1`)
      if (row === undefined) return null
      const [revision, text] = [Number(row.revision), String(row.state)]
      const last = await log.readStream(stream, { from: BigInt(revision - 1), limit: 1 })()
      const event = E.isRight(last) ? last.right[0] : undefined
      if (event === undefined || Number(event.revision) !== revision - 1 || event.position > upTo) return null
      // Signed by this key for this place, so that somebody who can only write to the table can't forge it.
      if (openNote(String(row.note), verifierOf(signer)) !== noteText(stream, revision, event.id, text))
        return null
      const state = stateFromJson(JSON.parse(text))
      return state !== null && state.revisions[kind] === revision && (state.latest[kind] ?? '') < from
        ? state
        : null
    },
    keep: async (stream, kind, state, lastId) => {
      const revision = state.revisions[kind]
      const text = provedJson(stateToJson(state))
      const note = signNote(noteText(stream, revision, lastId, text), signer)
      await session.run(sql.unsafe`INSERT INTO proof_states (stream, revision, latest, state, note)
        VALUES (${stream}, ${String(revision)}::int8, ${state.latest[kind] ?? ''}, ${text}, ${note})
        ON CONFLICT (stream, revision) DO UPDATE
          SET latest = excluded.latest, state = excluded.state, note = excluded.note`)
    },
  }
}
