/** Saves a stream's state at the event that becomes the first on the log: for commands, and for reads of the past. It
 *  is folded from the state at the previous cut, or from the first event, and nothing else is trusted. */
import { randomUUID } from 'node:crypto'
import * as E from 'fp-ts/lib/Either.js'
import { decodeRecorded } from '../../../domain/codec.ts'
import { parseStreamName } from '../../../domain/names.ts'
import type { EventLog } from '../../../domain/ports.ts'
import { standingAt, standingEvents, standingMomentOf } from '../../../projections/history/cut-standing.ts'
import type { Folding } from '../../../projections/history/folding.ts'
import { after, nothing, type Point } from '../../../projections/history/point.ts'
import { talk } from '../../../projections/history/recent-messages.ts'
import { standing } from '../../../projections/history/space-standing.ts'
import type { Model } from '../../commands/model.ts'
import { chatModel, spaceModel } from '../../commands/models.ts'
import { createRecent } from '../../commands/recent-commands.ts'
import { createSnapshots, standingStream } from '../../commands/snapshots.ts'
import { eventsOfStream } from '../export/kept-states.ts'

export class StandingError extends Error {
  override readonly name = 'StandingError'
}

type Log = Pick<EventLog, 'append' | 'readStream'>
/** How many commands are remembered: as many as in a snapshot. */
const COMMANDS = 500
const ANY_PLACE = 2n ** 63n

type Kinds<State, Event, S> = { readonly model: Model<State, Event>; readonly folding: Folding<S> }

/** The states for commands and for reads of the past, after the event with that revision. */
const foldTo = async <State, Event, S>(
  log: Log,
  stream: string,
  { model, folding }: Kinds<State, Event, S>,
  revision: number,
) => {
  const standings = createSnapshots(log, { uuid: randomUUID }, standingStream)
  const [stood, past] = [await standings.read(stream), await standingAt(log, folding, stream)]
  const kept = E.isRight(stood) && stood.right !== null ? stood.right.snapshot : null
  const state = kept === null ? null : model.fromSnapshot(kept.state)
  const recent = createRecent(COMMANDS)
  const isKept =
    kept !== null && past !== null && kept.revision === past.revision && state !== null && E.isRight(state)
  if (isKept) recent.startWith(kept.recent)
  let now = isKept ? (state as E.Right<State>).right : model.initial()
  let point: Point<S> = isKept ? past : nothing(folding)
  for await (const recorded of eventsOfStream(log as EventLog, stream, point.revision + 1, ANY_PLACE)) {
    if (Number(recorded.revision) !== point.revision + 1)
      throw new StandingError(`Event ${point.revision + 1} of ${stream} is gone: it can’t be cut.`)
    const [read, decoded] = [model.decode(recorded), decodeRecorded(recorded)]
    if (E.isLeft(read) || E.isLeft(decoded))
      throw new StandingError(
        `Event ${recorded.revision} of ${stream} can’t be read by this version: it can’t be cut.`,
      )
    now = model.evolve(now, read.right.event)
    recent.add(read.right.key, Number(recorded.revision))
    point = after(folding, point, decoded.right)
    if (point.revision === revision) return { now, recent, point, standings }
  }
  throw new StandingError(`${stream} has no event ${revision}.`)
}

const keepOf = async <State, Event, S>(
  log: Log,
  stream: string,
  kinds: Kinds<State, Event, S>,
  revision: number,
): Promise<void> => {
  const there = await standingAt(log, kinds.folding, stream)
  if (there !== null && there.revision >= revision) return
  const { now, recent, point, standings } = await foldTo(log, stream, kinds, revision)
  const snapshot = {
    revision,
    lastId: point.id,
    recent: recent.pack(COMMANDS),
    state: kinds.model.toSnapshot(now),
  }
  if ((await standings.write(stream, snapshot)) === null)
    throw new StandingError(`How ${stream} stands can’t be written to the log.`)
  // Written last: if it is there, so is the other.
  const name = standingMomentOf(stream)
  const [end] = E.getOrElse(() => [] as ReadonlyArray<{ readonly revision: bigint }>)(
    await log.readStream(name, { direction: 'backwards', limit: 1 })(),
  )
  let at = end?.revision ?? null
  for (const event of standingEvents(stream, kinds.folding, point)) {
    const written = await log.append(name, at ?? 'none', [event])()
    if (E.isLeft(written)) throw new StandingError(`How ${stream} stands can’t be written to the log.`)
    at = written.right.revision
  }
}

/** `log` must be opened, and with its archives. Throws `StandingError` with a sentence. */
export const keepStanding = async (log: Log, stream: string, revision: number): Promise<void> => {
  const named = parseStreamName(stream)
  const kind = E.isRight(named) ? named.right.kind : null
  if (kind === 'space') await keepOf(log, stream, { model: spaceModel, folding: standing }, revision)
  if (kind === 'chat') await keepOf(log, stream, { model: chatModel, folding: talk }, revision)
}
